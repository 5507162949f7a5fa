//! Salesforce, HubSpot and PostgreSQL in one sync: what is shown, step by step.

mod person;
mod systems;

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use lockstep_harness::Runtime;
use lockstep_simulators::hubspot::{Act, Interjection, When};

use self::{
    person::{CITY, PHONE, PLACES, Person, Place, TITLE},
    systems::Systems,
};
use super::{
    go_on,
    teller::{Teller, ask},
};

const PATIENCE: Duration = Duration::from_secs(180);
const STOP_PATIENCE: Duration = Duration::from_secs(30);

pub async fn tell(only_conflict: bool, stay: bool) -> Result<()> {
    let mut teller = Teller::new();
    teller.heading("Salesforce, HubSpot and PostgreSQL");
    let systems = systems::start().await?;
    go_on()?;
    teller.say(&format!(
        "Salesforce: {} companies, {} people. HubSpot: {} of the companies and {} of the same people. PostgreSQL: empty tables.",
        systems::COMPANIES,
        systems::PEOPLE,
        systems::COMPANIES / 2,
        systems::SHARED
    ));
    teller.say(
        "(Salesforce and HubSpot are simulators on this machine that speak the vendors' HTTP; PostgreSQL is real.)",
    );
    let mut lockstep = Runtime::new(&systems.configuration(), systems.launch())?;
    teller.say("The file that keeps them in step:");
    for line in systems.configuration().lines() {
        println!("   │ {line}");
    }
    first_copy(&mut teller, &mut lockstep, &systems, only_conflict).await?;
    if !only_conflict {
        edits(&mut teller, &systems).await?;
    }
    different_fields(&mut teller, &systems).await?;
    same_field(&mut teller, &lockstep, &systems).await?;
    overwritten(&mut teller, &lockstep, &systems).await?;
    if !only_conflict {
        with_sql(&mut teller, &systems).await?;
        account(&mut teller, &lockstep, &systems)?;
    }
    if stay {
        stay_until_interrupted(&teller, &lockstep, &systems).await?;
    }
    let status = lockstep.terminate(STOP_PATIENCE)?;
    ensure!(status.success(), "lockstep ended with {status}: {}", lockstep.log_tail());
    teller.good("stopped; servers and folders are gone");
    Ok(())
}

async fn first_copy(teller: &mut Teller, lockstep: &mut Runtime, systems: &Systems, short: bool) -> Result<()> {
    teller.heading("Look before anything is written, then start");
    if !short {
        teller.lockstep(lockstep, "check", &[])?;
        go_on()?;
        teller.lockstep(lockstep, "plan", &[])?;
        go_on()?;
    }
    println!("   $ lockstep run &");
    let started = Instant::now();
    lockstep.start()?;
    let people = systems::PEOPLE;
    loop {
        go_on()?;
        let linked = "SELECT count(*) FROM people WHERE company_id IS NOT NULL";
        let here: i64 = systems.app.query_one(linked, &[]).await?.get(0);
        let there = systems.hub.all("contacts").values().filter(|one| one.contains_key("associatedcompanyid")).count();
        if usize::try_from(here)? == people && there == people {
            break;
        }
        if started.elapsed() > PATIENCE {
            let status = lockstep.try_call("status", &[]).map_or_else(|error| error.to_string(), |said| said.stdout);
            bail!("only {here} and {there} of {people} people are there:\n{status}\n{}", lockstep.log_tail());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    teller.good(&format!(
        "{people} people with their companies are the same in all three, {:.1} s after the start",
        started.elapsed().as_secs_f64()
    ));
    teller.lockstep(lockstep, "status", &["--wait-quiet"])?;
    webhooks_of_the_copy(teller, systems).await
}

/// HubSpot tells of every row that the first copy made there; what people edit
/// meanwhile is told after it.
async fn webhooks_of_the_copy(teller: &Teller, systems: &Systems) -> Result<()> {
    let started = Instant::now();
    while systems.hub.undelivered() > 0 {
        go_on()?;
        ensure!(started.elapsed() < PATIENCE, "{} webhooks are not taken", systems.hub.undelivered());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    teller.good(&format!(
        "HubSpot's webhooks about these writes are taken, {:.1} s later; edits there queue behind them until then",
        started.elapsed().as_secs_f64()
    ));
    Ok(())
}

fn typed(teller: &Teller, person: &Person<'_>, place: Place, names: &person::Names, value: &str) {
    let shown = person.edit_shown(place, names, value);
    match place {
        Place::App => teller.sql("app", &shown),
        other => teller.typed(other.name(), &shown),
    }
}

async fn edits(teller: &mut Teller, systems: &Systems) -> Result<()> {
    teller.heading("An edit in any of the three arrives at the other two");
    let person = Person::nth(systems, 100).await?;
    for (place, value) in
        [(Place::Crm, "Chief Planner"), (Place::Hub, "Night Planner"), (Place::App, "Planner at Large")]
    {
        typed(teller, &person, place, &TITLE, value);
        let since = Instant::now();
        person.edit(place, &TITLE, value).await?;
        let others: Vec<Place> = PLACES.into_iter().filter(|other| *other != place).collect();
        let [one, other] = others[..] else { continue };
        let (first, second) =
            tokio::try_join!(person.arrives(one, &TITLE, value, since), person.arrives(other, &TITLE, value, since))?;
        teller.good(&format!("at {} after {first:.0} ms, at {} after {second:.0} ms", one.name(), other.name()));
        // Salesforce tells times in whole seconds: a write to a row that changed this
        // very second waits for the next. People are slower than that.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    Ok(())
}

async fn different_fields(teller: &mut Teller, systems: &Systems) -> Result<()> {
    teller.heading("Three edits of one person at the same moment, one in each system: all three are kept, everywhere");
    let person = Person::nth(systems, 200).await?;
    let edits =
        [(Place::Crm, &PHONE, "+31 20 555 1111"), (Place::Hub, &TITLE, "Captain"), (Place::App, &CITY, "Delft")];
    for (place, names, value) in edits {
        typed(teller, &person, place, names, value);
    }
    let since = Instant::now();
    for (place, names, value) in edits {
        person.edit(place, names, value).await?;
    }
    for place in PLACES {
        for (_, names, value) in edits {
            person.arrives(place, names, value, since).await?;
        }
    }
    teller.good("phone +31 20 555 1111, title Captain and city Delft, in all three");
    Ok(())
}

async fn same_field(teller: &mut Teller, lockstep: &Runtime, systems: &Systems) -> Result<()> {
    teller.heading("Three edits of the same field at the same moment: decided by the rule, all of them on record");
    let person = Person::nth(systems, 300).await?;
    let edits = [(Place::Crm, "+31 20 555 2222"), (Place::Hub, "+31 20 555 3333"), (Place::App, "+31 20 555 4444")];
    for (place, value) in edits {
        typed(teller, &person, place, &PHONE, value);
    }
    let since = Instant::now();
    for (place, value) in edits {
        person.edit(place, &PHONE, value).await?;
    }
    for place in PLACES {
        person.arrives(place, &PHONE, "+31 20 555 2222", since).await?;
    }
    ask(lockstep, "status", &["--wait-quiet"])?;
    teller.good("the edits were too close together for `latest`, so `else = { prefer = \"crm\" }` decided");
    teller.lockstep(lockstep, "explain", &["--sync", "people", &format!("crm:{}", person.crm), "phone"])
}

async fn overwritten(teller: &mut Teller, lockstep: &Runtime, systems: &Systems) -> Result<()> {
    teller.heading(
        "HubSpot cannot make a write conditional: what is overwritten there is found in its history and merged back",
    );
    let person = Person::nth(systems, 400).await?;
    teller.say("Somebody edits the same contact in HubSpot between Lockstep's look and its write:");
    let theirs = [(TITLE.hub.to_owned(), "Typed in between".to_owned())].into();
    systems.hub.interject(Interjection {
        method: "POST".to_owned(),
        path: "/contacts/batch/update".to_owned(),
        when: When::Before,
        skip: 0,
        act: Act::Edit { object: "contacts".to_owned(), id: person.hub, values: theirs },
    });
    typed(teller, &person, Place::App, &TITLE, "Typed in SQL");
    let since = Instant::now();
    person.edit(Place::App, &TITLE, "Typed in SQL").await?;
    while systems.hub.interjections_waiting() > 0 {
        go_on()?;
        ensure!(since.elapsed() < PATIENCE, "nothing was written to HubSpot");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    ask(lockstep, "status", &["--wait-quiet"])?;
    let [crm, hub, app] = [Place::Crm, Place::Hub, Place::App].map(|place| person.value(place, &TITLE));
    let values = tokio::try_join!(crm, hub, app)?;
    ensure!(values.0 == values.1 && values.1 == values.2, "the three differ: {values:?}");
    teller.good(&format!("\"{}\" in all three; the other one is on record:", values.0.unwrap_or_default()));
    teller.lockstep(lockstep, "explain", &["--sync", "people", &format!("crm:{}", person.crm), "title"])
}

async fn with_sql(teller: &mut Teller, systems: &Systems) -> Result<()> {
    teller.heading("CRM data is a table: read and written with SQL");
    let question = "SELECT c.name, count(*) FROM people p JOIN companies c ON c.id = p.company_id GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3";
    teller.sql("app", question);
    for row in systems.app.query(question, &[]).await? {
        teller.say(&format!("│ {:<32} {}", row.get::<_, String>(0), row.get::<_, i64>(1)));
    }
    let statement = "UPDATE people SET city = 'Rotterdam' WHERE company_id = (SELECT min(id) FROM companies)";
    teller.sql("app", statement);
    let changed = systems.app.execute(statement, &[]).await?;
    let since = Instant::now();
    loop {
        go_on()?;
        let crm = systems.crm.query("SELECT Id FROM Contact WHERE MailingCity = 'Rotterdam'");
        let crm = crm.map_err(|error| anyhow::anyhow!("{error:?}"))?.len();
        let hub = systems
            .hub
            .all("contacts")
            .values()
            .filter(|one| one.get("city").is_some_and(|city| city == "Rotterdam"))
            .count();
        if u64::try_from(crm.min(hub))? >= changed {
            break;
        }
        ensure!(since.elapsed() < PATIENCE, "{crm} and {hub} of {changed} arrived");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    teller.good(&format!(
        "{changed} people changed in Salesforce and HubSpot, {:.0} ms later",
        since.elapsed().as_secs_f64() * 1000.0
    ));
    Ok(())
}

fn account(teller: &mut Teller, lockstep: &Runtime, systems: &Systems) -> Result<()> {
    teller.heading("Where everything stands");
    teller.lockstep(lockstep, "status", &["--wait-quiet"])?;
    let crm = systems.crm.usage();
    let (calls, refused) = systems.hub.calls();
    teller.good(&format!(
        "Salesforce answered {} calls and refused {} for a limit; HubSpot answered {calls} and refused {refused}",
        crm.api_calls, crm.limit_errors
    ));
    Ok(())
}

async fn stay_until_interrupted(teller: &Teller, lockstep: &Runtime, systems: &Systems) -> Result<()> {
    teller.say("Everything keeps running. Try it (Ctrl-C ends it):");
    teller.say(&format!("  psql {}", systems.server.url_with_password("lockstep", "app")));
    teller.say(&format!("  curl -X POST {}/__sim/edits -d '[…]'   # edits as a Salesforce user", systems.crm.url()));
    teller.say(&format!("  curl -X POST {}/__sim/act -d '{{…}}'     # edits as a HubSpot user", systems.hub.url()));
    teller.say(&format!("  cd {} && lockstep tail --state state.db", lockstep.folder().display()));
    while go_on().is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    go_on()
}
