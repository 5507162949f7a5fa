//! `lockstep status`: where every sync stands.

use lockstep_engine::{
    operations::{Status, SyncStatus},
    port::Budget,
};

use crate::{
    context::Context,
    failure::{Exit, Failure},
    screen::{Screen, Tone},
    table::{self, Table},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this sync
    pub sync: Option<String>,
    /// Wait until nothing is left to do
    #[arg(long)]
    pub wait_quiet: bool,
    /// Give up waiting after this long
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "wait_quiet")]
    pub timeout: u64,
}

/// Between two looks while waiting.
const LOOK_MS: u64 = 100;

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let client = context.client().await?;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(args.timeout);
    let status = loop {
        let mut status: Status = client.post("/v1/status", &()).await?;
        if let Some(name) = &args.sync {
            status.syncs.retain(|sync| &sync.name == name);
            if status.syncs.is_empty() {
                return Err(Failure::usage("LS-ENG-201", format!("there is no sync `{name}`"))
                    .remedy("`lockstep status` lists them."));
            }
        }
        if !args.wait_quiet || status.syncs.iter().all(|sync| sync.quiet) {
            break status;
        }
        if std::time::Instant::now() > deadline {
            show(context.screen, &status);
            return Err(Failure::new("LS-CLI-013", format!("not quiet after {} s", args.timeout))
                .remedy("What waits stands above; wait longer with `--timeout`."));
        }
        tokio::time::sleep(std::time::Duration::from_millis(LOOK_MS)).await;
    };
    show(context.screen, &status);
    Ok(Exit::Done)
}

/// The tables.
pub fn show(screen: &Screen, status: &Status) {
    if screen.json {
        screen.out_json(status);
        return;
    }
    if status.syncs.is_empty() {
        screen.out("no sync yet");
        screen.next("describe one in the configuration, then `lockstep plan`");
        return;
    }
    for sync in &status.syncs {
        show_sync(screen, sync);
    }
    let troubled: Vec<_> = status.connections.iter().filter(|connection| !connection.trouble.is_empty()).collect();
    for connection in troubled {
        screen.out(format!(
            "{} connection {}: {}",
            screen.mark(Tone::Bad, "!"),
            screen.mark(Tone::Strong, &connection.name),
            table::clean(&connection.trouble)
        ));
        if !connection.remedy.is_empty() {
            screen.out(format!("  {}", table::clean(&connection.remedy)));
        }
    }
    for (connection, parked) in status.connections.iter().flat_map(|one| one.parked.iter().map(move |it| (one, it))) {
        screen.out(format!(
            "{} connection {}: its connector is parked for {}: {}",
            screen.mark(Tone::Bad, "!"),
            screen.mark(Tone::Strong, &connection.name),
            parked.role,
            table::clean(&parked.reason)
        ));
        screen.out(format!("  `lockstep connector incidents {}` tells what it did", connection.name));
    }
    for budget in status.connections.iter().filter_map(|connection| connection.budget.as_ref()) {
        if let Some(words) = scarcity(budget) {
            let account = screen.mark(Tone::Strong, &budget.account);
            screen.out(format!("{} requests to {account}: {}", screen.mark(Tone::Warn, "!"), table::clean(&words)));
        }
    }
    next(screen, status);
}

/// What holds requests back, where something does: nobody needs to hear of plenty.
fn scarcity(budget: &Budget) -> Option<String> {
    let mut words = Vec::new();
    if budget.blocked_ms > 0 {
        words.push(format!("the system wants none for {} s", budget.blocked_ms.div_ceil(1000)));
    }
    for limit in budget.limits.iter().filter(|limit| limit.kind == "day" && limit.left * 5 < limit.most) {
        let (left, most) = (table::thousands(limit.left), table::thousands(limit.most));
        words.push(format!("{left} of {most} left ({})", limit.name));
    }
    if budget.waiting > 0 {
        words.push(format!("{} wait for their turn", budget.waiting));
    }
    (!words.is_empty()).then(|| words.join(", "))
}

fn show_sync(screen: &Screen, sync: &SyncStatus) {
    let tone = match sync.phase.as_str() {
        "live" => Tone::Good,
        "failed" => Tone::Bad,
        "paused" => Tone::Warn,
        _ => Tone::Plain,
    };
    let mut head = format!(
        "{}  {}  {} records",
        screen.mark(Tone::Strong, &sync.name),
        screen.mark(tone, &sync.phase),
        table::thousands(sync.records),
    );
    if sync.held > 0 {
        let held = format!("{} held", table::thousands(sync.held));
        head.push_str(&format!("  {}", screen.mark(Tone::Warn, &held)));
    }
    if sync.quarantined > 0 {
        let failed = format!("{} refused", table::thousands(sync.quarantined));
        head.push_str(&format!("  {}", screen.mark(Tone::Bad, &failed)));
    }
    if sync.awaiting_parent > 0 {
        let waiting = match sync.awaiting_parent {
            1 => "1 waits for a parent".to_owned(),
            n => format!("{} wait for a parent", table::thousands(n)),
        };
        head.push_str(&format!("  {}", screen.mark(Tone::Warn, &waiting)));
    }
    if sync.kept_off > 0 {
        let off = format!("{} kept off a side", table::thousands(sync.kept_off));
        head.push_str(&format!("  {}", screen.mark(Tone::Warn, &off)));
    }
    if !sync.set_aside.is_empty() {
        let aside = format!("{} set aside", table::thousands(sync.set_aside.len() as u64));
        head.push_str(&format!("  {}", screen.mark(Tone::Warn, &aside)));
    }
    if sync.phase == "live" && sync.quiet {
        let aside = sync.set_aside.len() as u64;
        let words = match aside + sync.held + sync.quarantined + sync.awaiting_parent + sync.kept_off {
            0 => screen.mark(Tone::Good, "in step"),
            _ => "otherwise in step".to_owned(),
        };
        head.push_str(&format!("  {words}"));
    }
    screen.out(head);
    if !sync.reason.is_empty() {
        screen.out(format!("  {}", table::clean(&sync.reason)));
    }
    if !sync.remedy.is_empty() {
        screen.out(format!("  {}", table::clean(&sync.remedy)));
    }
    for aside in &sync.set_aside {
        screen.out(format!("  field {} is set aside: {}", aside.field, table::clean(&aside.reason)));
    }
    let mut table = Table::new(&["  side", "object", "rows", "pending", ""]);
    for side in &sync.sides {
        let note = match (side.paused, side.reading) {
            (true, _) => table::text("paused").tone(Tone::Warn),
            (false, Some(rows)) => table::text(format!("reading, {} rows", table::thousands(rows))),
            (false, None) => table::text(&side.trouble).tone(Tone::Bad),
        };
        table.row(vec![
            table::text(format!("  {}", side.name)).tone(Tone::Name),
            table::text(&side.object),
            table::number(side.rows),
            table::number(side.pending),
            note,
        ]);
    }
    screen.out(table.render(screen));
    screen.out("");
}

fn next(screen: &Screen, status: &Status) {
    if status.syncs.iter().any(|sync| sync.held > 0) {
        screen.next("`lockstep conflicts` shows what is held");
    } else if status.syncs.iter().any(|sync| sync.quarantined > 0) {
        screen.next("`lockstep failures` shows what was refused");
    } else if status.syncs.iter().any(|sync| sync.awaiting_parent + sync.kept_off > 0) {
        screen.next("`lockstep sql 'SELECT * FROM waiting'` lists what waits and since when");
    } else if status.syncs.iter().any(|sync| sync.drift > 0) {
        screen.next("`lockstep schema drift` shows which columns changed");
    } else if !status.running {
        screen.next("`lockstep run` keeps them in step");
    } else {
        screen.next("`lockstep tail` shows changes as they flow");
    }
}

#[cfg(test)]
mod tests {
    use lockstep_engine::port::BudgetLimit;

    use super::*;

    #[test]
    fn only_scarce_requests_are_spoken_of() {
        let day = |left| BudgetLimit { name: "daily".into(), kind: "day".into(), most: 15_000, left, resets_in_ms: 1 };
        let budget = |left| Budget { account: "crm".into(), limits: vec![day(left)], ..Budget::default() };
        assert_eq!(scarcity(&budget(12_000)), None);
        assert_eq!(scarcity(&budget(1_500)).as_deref(), Some("1 500 of 15 000 left (daily)"));
        let blocked = Budget { blocked_ms: 1_200, waiting: 3, ..Budget::default() };
        assert_eq!(scarcity(&blocked).as_deref(), Some("the system wants none for 2 s, 3 wait for their turn"));
    }
}
