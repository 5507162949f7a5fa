//! Budgets in use: who may not go yet waits here, for a bounded time.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use super::{Account, BudgetSnapshot, Priority, Verdict};
use crate::keeper::Keeper;

/// What was learned is kept this long after it at the latest.
const KEEP_EVERY: Duration = Duration::from_secs(15);

/// All accounts of a process.
pub(crate) struct Budgets {
    accounts: Mutex<BTreeMap<String, Arc<Shared>>>,
    keeper: Option<Arc<dyn Keeper>>,
}

/// One account's budget.
pub(crate) struct Shared {
    name: String,
    account: Mutex<Account>,
    /// Somebody came back, or something was learned.
    changed: Notify,
    keeper: Option<Arc<dyn Keeper>>,
    /// Whether keeping is on its way.
    keeping: Mutex<bool>,
}

/// A request that may go, until it is dropped.
pub(crate) struct Permit(Arc<Shared>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.account.lock().done();
        self.0.changed.notify_waiters();
    }
}

impl Budgets {
    pub(crate) fn new(keeper: Option<Arc<dyn Keeper>>) -> Self {
        Budgets { accounts: Mutex::default(), keeper }
    }

    /// The budget of that account, as it was kept.
    pub(crate) async fn of(&self, name: &str) -> Arc<Shared> {
        if let Some(shared) = self.accounts.lock().get(name) {
            return Arc::clone(shared);
        }
        let account = self.load(name).await.unwrap_or_default();
        let mut accounts = self.accounts.lock();
        let shared = accounts.entry(name.to_owned()).or_insert_with(|| {
            Arc::new(Shared {
                name: name.to_owned(),
                account: Mutex::new(account),
                changed: Notify::new(),
                keeper: self.keeper.clone(),
                keeping: Mutex::new(false),
            })
        });
        Arc::clone(shared)
    }

    async fn load(&self, name: &str) -> Option<Account> {
        let keeper = self.keeper.clone()?;
        let key = key(name);
        let kept = tokio::task::spawn_blocking(move || keeper.load(&key)).await.ok()?;
        match kept {
            Ok(kept) => Account::restore(&kept?),
            Err(error) => {
                tracing::warn!(account = name, %error, "what is known of the rate limits cannot be read");
                None
            }
        }
    }

    pub(crate) fn snapshots(&self) -> Vec<BudgetSnapshot> {
        self.accounts.lock().values().map(|shared| shared.snapshot()).collect()
    }
}

fn key(name: &str) -> String {
    format!("budget/{name}")
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Shared {
    pub(crate) fn snapshot(&self) -> BudgetSnapshot {
        self.account.lock().snapshot(&self.name, now())
    }

    /// A permit for a request to this path, as soon as there is one.
    ///
    /// # Errors
    /// Milliseconds after which there may be one, when that is longer than the patience.
    pub(crate) async fn permit(
        self: &Arc<Self>,
        priority: Priority,
        path: &str,
        patience: Duration,
    ) -> Result<Permit, u64> {
        let ask = || self.account.lock().ask(now(), priority, path);
        let Verdict::Wait(mut ms) = ask() else { return Ok(Permit(Arc::clone(self))) };
        self.account.lock().held_back += 1;
        let until = Instant::now() + patience;
        let _waiting = Waiting::begin(self, priority, path);
        loop {
            let ready = Instant::now() + Duration::from_millis(ms);
            if ready > until {
                self.account.lock().throttled += 1;
                return Err(ms);
            }
            let changed = self.changed.notified();
            tokio::select! {
                () = tokio::time::sleep_until(ready) => {}
                () = changed => {}
            }
            match ask() {
                Verdict::Go => return Ok(Permit(Arc::clone(self))),
                Verdict::Wait(again) => ms = again,
            }
        }
    }

    /// What the system said about a limit.
    pub(crate) fn told(self: &Arc<Self>, name: &str, used: Option<u64>, most: Option<u64>, resets_in_ms: Option<u64>) {
        if self.account.lock().told(now(), name, used, most, resets_in_ms) {
            self.changed.notify_waiters();
            self.keep_soon();
        }
    }

    /// The system refused a request for there being too many.
    pub(crate) fn refused(self: &Arc<Self>, retry_after_ms: Option<u64>) {
        self.account.lock().refused(now(), retry_after_ms);
        self.keep_soon();
    }

    pub(crate) fn went_well(&self) {
        self.account.lock().went_well();
    }

    fn keep_soon(self: &Arc<Self>) {
        let Some(keeper) = self.keeper.clone() else { return };
        if std::mem::replace(&mut *self.keeping.lock(), true) {
            return;
        }
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(KEEP_EVERY).await;
            *shared.keeping.lock() = false;
            let Some(content) = shared.account.lock().keep() else { return };
            let name = key(&shared.name);
            let kept = tokio::task::spawn_blocking(move || keeper.keep(&name, &content)).await;
            if let Ok(Err(error)) = kept {
                tracing::warn!(account = %shared.name, %error, "what is known of the rate limits cannot be kept");
            }
        });
    }
}

/// Counted as waiting until it is dropped, however the wait ends.
struct Waiting<'s> {
    shared: &'s Shared,
    priority: Priority,
    is_special: bool,
}

impl<'s> Waiting<'s> {
    fn begin(shared: &'s Shared, priority: Priority, path: &str) -> Self {
        let mut account = shared.account.lock();
        let is_special = account.is_special(path);
        account.wait(priority, is_special, true);
        Waiting { shared, priority, is_special }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.account.lock().wait(self.priority, self.is_special, false);
        self.shared.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_goes_as_soon_as_another_comes_back() {
        let shared = Budgets::new(None).of("crm").await;
        shared.told("concurrent", None, Some(1), None);
        let Ok(first) = shared.permit(Priority::Edits, "/", Duration::ZERO).await else { panic!("no permit") };
        assert!(shared.permit(Priority::Edits, "/", Duration::from_millis(20)).await.is_err());
        let waiter = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.permit(Priority::Edits, "/", Duration::from_secs(5)).await.is_ok() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiter.await.expect("a task"));
        let snapshot = shared.snapshot();
        assert_eq!((snapshot.held_back, snapshot.throttled, snapshot.waiting, snapshot.under_way), (2, 1, 0, 0));
    }

    #[tokio::test]
    async fn accounts_of_one_name_are_one() {
        let budgets = Budgets::new(None);
        let (one, other) = (budgets.of("crm").await, budgets.of("crm").await);
        one.refused(Some(60_000));
        assert!(other.permit(Priority::Edits, "/", Duration::ZERO).await.is_err());
        assert_eq!(budgets.snapshots().len(), 1);
    }
}
