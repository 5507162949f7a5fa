//! Records that refer to records of another sync.

use lockstep_core::{schema::Kind, value::Value};
use lockstep_simulation::{bench::Bench, system::System};
use lockstep_state::Store;

const CONFIG: &str = r#"
[connections.a]
connector = "memory"
[connections.b]
connector = "memory"
[connections.c]
connector = "memory"

[syncs.companies]
sides = { a = "companies", b = "companies", c = "companies" }
match = ["name"]
conflict = { prefer = "a" }

[syncs.companies.fields]
name = { a = "name", b = "name", c = "name" }

[syncs.people]
sides = { a = "people", b = "people", c = "people" }
match = ["name"]
conflict = { prefer = "a" }

[syncs.people.fields]
name = { a = "name", b = "name", c = "name" }
company = { a = "company", b = "company", c = "company", ref = "companies" }
"#;

fn system() -> System {
    let system = System::new();
    system.table("companies", &[("id", Kind::Int), ("name", Kind::Text)], &["id"]);
    system.table("people", &[("id", Kind::Int), ("name", Kind::Text), ("company", Kind::Int)], &["id"]);
    system
}

fn company(id: i64, name: &str) -> Vec<Value> {
    vec![Value::Int(id), Value::text(name)]
}

fn person(id: i64, name: &str, company: i64) -> Vec<Value> {
    vec![Value::Int(id), Value::text(name), Value::Int(company)]
}

/// Where everybody works, by name, through the keys of this system.
fn employers(system: &System) -> Vec<(Value, Option<Value>)> {
    let companies = system.rows("companies");
    let employer = |key: &Value| companies.iter().find(|row| row[0] == *key).map(|row| row[1].clone());
    let mut all: Vec<_> = system.rows("people").iter().map(|row| (row[1].clone(), employer(&row[2]))).collect();
    all.sort_by_key(|(name, _)| format!("{name:?}"));
    all
}

fn works(name: &str, company: &str) -> (Value, Option<Value>) {
    (Value::text(name), Some(Value::text(company)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_told_of_before_the_company_gets_it_everywhere_once_it_is_there() {
    let (a, b, c) = (system(), system(), system());
    a.put("people", person(1, "ann", 7));
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b), ("c", &c)], Store::in_memory().unwrap());
    bench.until("copied without", || c.rows("people").len() == 1 && b.rows("people").len() == 1).await;
    a.put("companies", company(7, "acme"));
    let wanted = [works("ann", "acme")];
    bench.until("filled in", || employers(&b) == wanted && employers(&c) == wanted).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_moves_to_a_company_that_is_known_moves_everywhere() {
    let (a, b, c) = (system(), system(), system());
    a.put("companies", company(7, "acme"));
    a.put("companies", company(8, "bolt"));
    a.put("people", person(1, "ann", 7));
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b), ("c", &c)], Store::in_memory().unwrap());
    let at_first = [works("ann", "acme")];
    bench.until("copied", || employers(&b) == at_first && employers(&c) == at_first).await;
    a.set("people", &[Value::Int(1)], "company", Value::Int(8));
    let moved = [works("ann", "bolt")];
    bench.until("moved", || employers(&b) == moved && employers(&c) == moved).await;
    bench.stop().await;
}
