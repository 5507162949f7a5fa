//! Refresh tokens that change with every use. The latest is kept where the
//! embedding binary says, together with which configured one it descends from: when the
//! operator writes a new one, what was kept is of no use any more. Pure but for the keeper.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{credentials::hex, keeper::Keeper};

/// The first line of what is kept.
const FORMAT: &str = "lockstep refresh token 1";

fn name(connection: &str) -> String {
    format!("refresh-token/{connection}")
}

fn origin(configured: &str) -> String {
    hex(&Sha256::digest(configured.as_bytes()))
}

/// The latest descendant of the configured token, if there is one.
pub(crate) async fn latest(
    keeper: Option<Arc<dyn Keeper>>,
    connection: &str,
    configured: &str,
) -> Result<Option<Zeroizing<String>>, String> {
    let Some(keeper) = keeper else { return Ok(None) };
    let name = name(connection);
    let kept = tokio::task::spawn_blocking(move || keeper.load(&name)).await.map_err(|error| error.to_string())??;
    Ok(kept.and_then(|kept| {
        let text = std::str::from_utf8(&kept).ok()?;
        let mut lines = text.split('\n');
        let fits = lines.next() == Some(FORMAT) && lines.next() == Some(origin(configured).as_str());
        lines.next().filter(|_| fits).map(|token| Zeroizing::new(token.to_owned()))
    }))
}

/// Keep a new one. The old one may be good no longer, so this comes before the new one's first use.
pub(crate) async fn keep(
    keeper: Option<Arc<dyn Keeper>>,
    connection: &str,
    configured: &str,
    token: &str,
) -> Result<(), String> {
    let keeper = keeper.ok_or("there is no place to keep it in")?;
    let content = Zeroizing::new(format!("{FORMAT}\n{}\n{token}\n", origin(configured)));
    let name = name(connection);
    tokio::task::spawn_blocking(move || keeper.keep(&name, content.as_bytes()))
        .await
        .map_err(|error| error.to_string())?
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Default)]
    struct InMemory(Mutex<HashMap<String, Vec<u8>>>);

    impl Keeper for InMemory {
        fn load(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
            Ok(self.0.lock().get(name).cloned().map(Zeroizing::new))
        }

        fn keep(&self, name: &str, content: &[u8]) -> Result<(), String> {
            self.0.lock().insert(name.to_owned(), content.to_vec());
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_descends_from_another_configured_token_is_not_used() {
        let keeper: Arc<dyn Keeper> = Arc::new(InMemory::default());
        let of = |configured: &'static str| latest(Some(Arc::clone(&keeper)), "crm", configured);
        assert_eq!(of("first").await, Ok(None));
        keep(Some(Arc::clone(&keeper)), "crm", "first", "second").await.expect("kept");
        assert_eq!(of("first").await.expect("loaded").as_deref().map(String::as_str), Some("second"));
        assert_eq!(of("another").await, Ok(None));
    }
}
