//! Three live PostgreSQL databases in step: what is shown, step by step.

mod systems;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lockstep_harness::{Launch, Runtime};
use tokio_postgres::Client;

use self::systems::Systems;
use super::{
    data, go_on,
    teller::{Teller, ask},
};

/// How long anything may take before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(120);
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// The person most steps are about, by key in the CRM.
const SOMEBODY: i64 = 4_711;

pub async fn tell(stay: bool) -> Result<()> {
    let mut teller = Teller::new();
    teller.heading("Three databases on two PostgreSQL servers");
    let systems = systems::start().await?;
    go_on()?;
    teller.say(&format!(
        "crm: {} companies, {} people. shop: {} of the same people under its own keys and {} others. reporting: empty.",
        data::COMPANIES,
        data::PEOPLE,
        data::SHARED,
        data::SHOP_ONLY
    ));
    let password = systems.crm_server.password();
    let mut lockstep = Runtime::new(&systems.configuration(), Launch::default().env("DEMO_PASSWORD", password))?;
    teller.say("The file that keeps them in step:");
    for line in systems.configuration().lines() {
        println!("   │ {line}");
    }
    first_copy(&mut teller, &mut lockstep, &systems).await?;
    edits(&mut teller, &systems).await?;
    different_fields(&mut teller, &systems).await?;
    same_field(&mut teller, &lockstep, &systems).await?;
    held(&mut teller, &lockstep, &systems).await?;
    refused(&mut teller, &lockstep, &systems).await?;
    reverted(&mut teller, &lockstep, &systems).await?;
    teller.heading("Where everything stands");
    teller.lockstep(&lockstep, "status", &["--wait-quiet"])?;
    if stay {
        stay_until_interrupted(&teller, &lockstep, &systems).await?;
    }
    let status = lockstep.terminate(STOP_PATIENCE)?;
    ensure!(status.success(), "lockstep ended with {status}: {}", lockstep.log_tail());
    teller.good("stopped; servers and folders are gone");
    Ok(())
}

async fn first_copy(teller: &mut Teller, lockstep: &mut Runtime, systems: &Systems) -> Result<()> {
    teller.heading("Look before anything is written, then start");
    teller.lockstep(lockstep, "check", &[])?;
    go_on()?;
    teller.lockstep(lockstep, "plan", &[])?;
    go_on()?;
    println!("   $ lockstep run &");
    let started = Instant::now();
    lockstep.start()?;
    let wanted = i64::try_from(data::PEOPLE + data::SHOP_ONLY)?;
    let counts = [
        (&systems.crm, "SELECT count(*) FROM contacts"),
        (&systems.shop, "SELECT count(*) FROM customers"),
        (&systems.reporting, "SELECT count(*) FROM people WHERE company_key IS NOT NULL"),
    ];
    for (client, question) in counts {
        until(lockstep, || async { Ok(client.query_one(question, &[]).await?.get::<_, i64>(0) == wanted) })
            .await
            .with_context(|| format!("waiting for {wanted} rows: {question}"))?;
    }
    teller.good(&format!(
        "{wanted} people with their companies are the same in all three, {:.1} s after the start",
        started.elapsed().as_secs_f64()
    ));
    teller.lockstep(lockstep, "status", &["--wait-quiet"])
}

/// One person's value at each system.
struct Seen<'a> {
    name: &'static str,
    client: &'a Client,
    question: String,
}

fn everywhere<'a>(systems: &'a Systems, crm: &str, shop: &str, reporting: &str, email: &str) -> [Seen<'a>; 3] {
    [
        Seen {
            name: "crm",
            client: &systems.crm,
            question: format!("SELECT {crm}::text FROM contacts WHERE email = '{email}'"),
        },
        Seen {
            name: "shop",
            client: &systems.shop,
            question: format!("SELECT {shop}::text FROM customers WHERE lower(email_address) = '{email}'"),
        },
        Seen {
            name: "reporting",
            client: &systems.reporting,
            question: format!("SELECT {reporting}::text FROM people WHERE email = '{email}'"),
        },
    ]
}

impl Seen<'_> {
    async fn value(&self) -> Result<Option<String>> {
        let row = self.client.query_opt(&self.question, &[]).await?;
        Ok(row.and_then(|row| row.get(0)))
    }

    /// Milliseconds until the value is there.
    async fn arrives(&self, value: &str, since: Instant) -> Result<f64> {
        loop {
            go_on()?;
            if self.value().await?.as_deref() == Some(value) {
                return Ok(since.elapsed().as_secs_f64() * 1000.0);
            }
            if since.elapsed() > PATIENCE {
                bail!("'{value}' did not arrive at {}", self.name);
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    }
}

async fn email_of(systems: &Systems, key: i64) -> Result<String> {
    let row = systems.crm.query_one("SELECT email FROM contacts WHERE id = $1", &[&key]).await?;
    Ok(row.get(0))
}

async fn edits(teller: &mut Teller, systems: &Systems) -> Result<()> {
    teller.heading("An edit on any side arrives at the others");
    let email = email_of(systems, SOMEBODY).await?;
    let places = everywhere(systems, "title", "job", "title", &email);
    let edits = [
        ("Chief Planner", format!("UPDATE contacts SET title = 'Chief Planner' WHERE email = '{email}'")),
        ("Night Planner", format!("UPDATE customers SET job = 'Night Planner' WHERE lower(email_address) = '{email}'")),
        ("Planner at Large", format!("UPDATE people SET title = 'Planner at Large' WHERE email = '{email}'")),
    ];
    for (index, (value, statement)) in edits.iter().enumerate() {
        let Some(from) = places.get(index) else { continue };
        teller.sql(from.name, statement);
        from.client.batch_execute(statement).await?;
        let since = Instant::now();
        let others: Vec<&Seen> = places.iter().filter(|place| place.name != from.name).collect();
        let [one, other] = others[..] else { continue };
        let (first, second) = tokio::try_join!(one.arrives(value, since), other.arrives(value, since))?;
        teller.good(&format!("at {} after {first:.1} ms, at {} after {second:.1} ms", one.name, other.name));
    }
    Ok(())
}

async fn different_fields(teller: &mut Teller, systems: &Systems) -> Result<()> {
    teller.heading("Two edits of one person at the same moment, of different fields: both are kept");
    let email = email_of(systems, SOMEBODY + 1).await?;
    let crm = format!("UPDATE contacts SET phone = '+31 20 555 1111' WHERE email = '{email}'");
    let shop = format!("UPDATE customers SET job = 'Captain' WHERE lower(email_address) = '{email}'");
    at_once(teller, systems, &crm, &shop).await?;
    let since = Instant::now();
    for place in everywhere(systems, "phone", "phone", "phone", &email) {
        place.arrives("+31 20 555 1111", since).await?;
    }
    for place in everywhere(systems, "title", "job", "title", &email) {
        place.arrives("Captain", since).await?;
    }
    teller.good("phone +31 20 555 1111 and title Captain, in all three");
    Ok(())
}

/// Two updates, neither of which can have seen the other: both are made before
/// either is committed, then both are committed together.
async fn at_once(teller: &Teller, systems: &Systems, crm: &str, shop: &str) -> Result<()> {
    teller.sql("crm ", crm);
    teller.sql("shop", shop);
    let (begin_crm, begin_shop) = (format!("BEGIN; {crm}"), format!("BEGIN; {shop}"));
    tokio::try_join!(systems.crm.batch_execute(&begin_crm), systems.shop.batch_execute(&begin_shop))?;
    tokio::try_join!(systems.crm.batch_execute("COMMIT"), systems.shop.batch_execute("COMMIT"))?;
    teller.say("(committed together)");
    Ok(())
}

async fn same_field(teller: &mut Teller, lockstep: &Runtime, systems: &Systems) -> Result<()> {
    teller.heading("Two edits of the same field at the same moment: noticed, decided by the rule, both kept on record");
    let key = SOMEBODY + 2;
    let email = email_of(systems, key).await?;
    let crm = format!("UPDATE contacts SET phone = '+31 20 555 2222' WHERE email = '{email}'");
    let shop = format!("UPDATE customers SET phone = '+31 20 555 3333' WHERE lower(email_address) = '{email}'");
    at_once(teller, systems, &crm, &shop).await?;
    let since = Instant::now();
    for place in everywhere(systems, "phone", "phone", "phone", &email) {
        place.arrives("+31 20 555 2222", since).await?;
    }
    ask(lockstep, "status", &["--wait-quiet"])?;
    teller.good("the edits were too close together for `latest`, so `else = { prefer = \"crm\" }` decided");
    teller.lockstep(lockstep, "explain", &["--sync", "people", &format!("crm:{key}"), "phone"])
}

async fn held(teller: &mut Teller, lockstep: &Runtime, systems: &Systems) -> Result<()> {
    teller.heading("A field whose rule is to hold waits for a person; the rest goes on");
    let key = SOMEBODY + 3;
    let email = email_of(systems, key).await?;
    let crm = format!("UPDATE contacts SET credit_limit = 1500 WHERE email = '{email}'");
    let shop = format!("UPDATE customers SET credit = 9000 WHERE lower(email_address) = '{email}'");
    at_once(teller, systems, &crm, &shop).await?;
    let record = held_record(lockstep).await?;
    teller.lockstep(lockstep, "conflicts", &["--sync", "people"])?;
    let record = record.to_string();
    teller.lockstep(
        lockstep,
        "conflicts",
        &["resolve", "--sync", "people", "--record", &record, "--field", "credit", "--take", "shop", "--yes"],
    )?;
    let since = Instant::now();
    for place in everywhere(systems, "credit_limit", "credit", "credit_limit", &email) {
        place.arrives("9000.00", since).await?;
    }
    teller.good("9000.00 in all three");
    Ok(())
}

async fn held_record(lockstep: &Runtime) -> Result<u64> {
    let since = Instant::now();
    loop {
        go_on()?;
        let conflicts = ask(lockstep, "conflicts", &["--sync", "people"])?;
        if let Some(record) = conflicts.get(0).and_then(|conflict| conflict.get("record")?.as_u64()) {
            return Ok(record);
        }
        ensure!(since.elapsed() < PATIENCE, "no conflict was held");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn refused(teller: &mut Teller, lockstep: &Runtime, systems: &Systems) -> Result<()> {
    teller.heading("A row that one side refuses waits in quarantine, by itself");
    let email = email_of(systems, SOMEBODY + 4).await?;
    let statement = format!("UPDATE contacts SET score = 250 WHERE email = '{email}'");
    teller.sql("crm", &statement);
    systems.crm.batch_execute(&statement).await?;
    let [_, shop, reporting] = everywhere(systems, "score", "loyalty", "score", &email);
    shop.arrives("250", Instant::now()).await?;
    let since = Instant::now();
    while ask(lockstep, "failures", &["--sync", "people"])?.get(0).is_none() {
        go_on()?;
        ensure!(since.elapsed() < PATIENCE, "nothing was refused");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    teller.lockstep(lockstep, "failures", &["--sync", "people"])?;
    let cure = "ALTER TABLE people DROP CONSTRAINT score_is_a_percentage";
    teller.say("The reporting team lifts its rule, and the row is tried again:");
    teller.sql("reporting", cure);
    systems.reporting.batch_execute(cure).await?;
    teller.lockstep(lockstep, "failures", &["retry", "--sync", "people", "--yes"])?;
    reporting.arrives("250", Instant::now()).await?;
    teller.good("250 arrived at reporting");
    Ok(())
}

async fn reverted(teller: &mut Teller, lockstep: &Runtime, systems: &Systems) -> Result<()> {
    teller.heading("A mistake that has spread is taken back, everywhere");
    let before = systems.crm.query("SELECT phone FROM contacts WHERE account_id = 7 ORDER BY id", &[]).await?;
    let phones: Vec<Option<String>> = before.iter().map(|row| row.get(0)).collect();
    let now = r#"SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#;
    let since: String = systems.crm.query_one(now, &[]).await?.get(0);
    let statement = "UPDATE contacts SET phone = 'unknown' WHERE account_id = 7";
    teller.sql("crm", statement);
    systems.crm.batch_execute(statement).await?;
    let spread = "SELECT count(*) FROM people WHERE phone = 'unknown'";
    let wanted = i64::try_from(phones.len())?;
    until(lockstep, || async { Ok(systems.reporting.query_one(spread, &[]).await?.get::<_, i64>(0) == wanted) })
        .await?;
    ask(lockstep, "status", &["--wait-quiet"])?;
    teller.say(&format!("{wanted} phone numbers are gone in all three."));
    let selection = ["--sync", "people", "--since", since.as_str(), "--side", "crm", "--field", "phone"];
    let with = |extra| selection.into_iter().chain([extra]).collect::<Vec<_>>();
    teller.lockstep(lockstep, "revert", &with("--dry-run"))?;
    teller.lockstep(lockstep, "revert", &with("--yes"))?;
    until(lockstep, || async { Ok(systems.reporting.query_one(spread, &[]).await?.get::<_, i64>(0) == 0) }).await?;
    ask(lockstep, "status", &["--wait-quiet"])?;
    let after = systems.crm.query("SELECT phone FROM contacts WHERE account_id = 7 ORDER BY id", &[]).await?;
    let restored: Vec<Option<String>> = after.iter().map(|row| row.get(0)).collect();
    ensure!(restored == phones, "the CRM's phone numbers are not what they were");
    teller.good(&format!("{wanted} phone numbers are back in all three"));
    Ok(())
}

async fn stay_until_interrupted(teller: &Teller, lockstep: &Runtime, systems: &Systems) -> Result<()> {
    teller.say("Everything keeps running. Try it (Ctrl-C ends it):");
    for (server, database) in
        [(&systems.crm_server, "crm"), (&systems.shop_server, "shop"), (&systems.shop_server, "reporting")]
    {
        teller.say(&format!("  psql {}", server.url_with_password("lockstep", database)));
    }
    teller.say(&format!("  cd {} && lockstep tail --state state.db", lockstep.folder().display()));
    while go_on().is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    go_on()
}

/// Waits until something holds; says where things stand if it never does.
async fn until<F, Fut>(lockstep: &Runtime, mut holds: F) -> Result<()>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<bool>>,
{
    let since = Instant::now();
    while !holds().await? {
        go_on()?;
        if since.elapsed() > PATIENCE {
            let status = lockstep.try_call("status", &[]).map_or_else(|error| error.to_string(), |said| said.stdout);
            bail!("not within {PATIENCE:?}; status:\n{status}\nthe runtime said: {}", lockstep.log_tail());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
