//! The connector in TypeScript in the real binary: the conformance kit against a small REST
//! service, and a table kept in step with it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use lockstep_harness::{Cluster, ClusterOptions, Launch, Runtime};
use lockstep_simulators::{
    Stage,
    shop::{Shop, TOKEN},
};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(120);
/// More than two of the service's pages.
const ITEMS: usize = 25;

/// Compiling fifteen megabytes takes half a minute in a debug build: the second test finds it done.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The component, from where `cargo xtask guests` puts it; none where nothing could build it.
fn component() -> Result<Option<PathBuf>> {
    let own = std::env::current_exe()?;
    let found = own.ancestors().map(|folder| folder.join("guests/rest.wasm")).find(|path| path.is_file());
    if found.is_none() && Command::new("node").arg("--version").output().is_err() {
        eprintln!("not tried: without node there is no rest.wasm");
        return Ok(None);
    }
    found.context("guests/rest.wasm is missing: run `cargo xtask guests`").map(Some)
}

/// `more`: further settings of the object, as TOML.
fn connection(component: &Path, shop: &Shop, more: &str) -> String {
    format!(
        "[connections.shop]\nconnector = \"{}\"\nsecrets = {{ token = \"env:SHOP_TOKEN\" }}\nauth = \"bearer\"\n\
         grant = [\"http:127.0.0.1:{}\"]\n\n\
         [connections.shop.config]\nbase_url = \"{}\"\npoll_every_s = 1\noverlap_s = 2\n\n\
         [connections.shop.config.objects.items]\nlist = \"/items\"\nrows = \"data\"\nmodified = \"updated_at\"\n\
         since = \"updated_since\"\ndeleted = \"deleted\"\nwritable = true\ncreate = \"PUT\"\n{more}\n",
        component.display(),
        shop.port(),
        shop.url(),
    )
}

const CURSOR: &str =
    "paging = { style = \"cursor\", parameter = \"after\", next = \"paging.next\", size_parameter = \"limit\" }\n";
const FIELDS: &str = "fields = { id = \"text\", name = \"text\", note = \"text\", stock = \"int\", price = \"decimal\", \
                      active = \"bool\", updated_at = \"timestamp\", deleted = \"bool\" }\n";

#[test]
fn it_passes_the_conformance_kit() -> Result<()> {
    let Some(component) = component()? else { return Ok(()) };
    let _alone = alone();
    let shop = Shop::start(Stage::default())?;
    (0..ITEMS).for_each(|n| shop.set(&format!("kept-{n}"), &json!({ "name": format!("Item {n}"), "stock": n })));
    let config = format!(
        "{}[connections.shop.conformance]\nobject = \"items\"\n",
        connection(&component, &shop, &format!("{CURSOR}{FIELDS}"))
    );
    let runtime = Runtime::new(&config, Launch::default().env("SHOP_TOKEN", TOKEN))?;
    let tried = runtime.try_call("connector", &["test"])?;
    ensure!(tried.status.success(), "{}\n{}", tried.stdout, tried.stderr);
    ensure!(tried.stdout.contains("42 rules hold, 0 do not"), "{}", tried.stdout);
    Ok(())
}

/// Fields are sampled, pages follow links: what a first configuration looks like.
#[test]
fn a_table_stays_in_step_with_it_in_both_directions() -> Result<()> {
    let Some(component) = component()? else { return Ok(()) };
    let _alone = alone();
    let shop = Shop::start(Stage::default())?;
    (0..ITEMS).for_each(|n| {
        let item =
            json!({ "name": format!("Item {n}"), "stock": n, "price": 1.5, "active": true, "note": "as it came" });
        shop.set(&format!("i{n:02}"), &item);
    });
    let cluster = Cluster::start(ClusterOptions::default().without_fsync())?;
    cluster.create_database("app")?;
    cluster.psql(
        "app",
        "CREATE TABLE items (id text PRIMARY KEY, name text NOT NULL, stock bigint, price numeric, note text)",
    )?;
    let link = "paging = { style = \"link\", size_parameter = \"limit\" }\n";
    let config = format!(
        "{}[connections.db]\nconnector = \"postgres\"\n\
         config = {{ url = \"postgres://postgres@127.0.0.1:{port}/app\" }}\nsecrets = {{ password = \"env:DB\" }}\n\
         grant = [\"tcp:127.0.0.1:{port}\"]\n\n\
         [syncs.items]\nsides = {{ shop = \"items\", db = \"public.items\" }}\nmatch = [\"id\"]\nconflict = \"hold\"\n\
         [syncs.items.fields]\nid = {{ shop = \"id\", db = \"id\" }}\nname = {{ shop = \"name\", db = \"name\" }}\n\
         stock = {{ shop = \"stock\", db = \"stock\" }}\nprice = {{ shop = \"price\", db = \"price\" }}\n\
         note = {{ shop = \"note\", db = \"note\" }}\n",
        connection(&component, &shop, link),
        port = cluster.port(),
    );
    let launch = Launch::default().env("SHOP_TOKEN", TOKEN).env("DB", cluster.password());
    let mut runtime = Runtime::new(&config, launch)?;
    runtime.start()?;
    let ask = |sql: &str| -> Result<String> { Ok(cluster.psql("app", sql)?.trim().to_owned()) };
    runtime.wait_until("the first copy", PATIENCE, |_| {
        Ok(ask("SELECT count(*) FROM items WHERE price = 1.5")? == ITEMS.to_string())
    })?;

    shop.set("i07", &json!({ "name": "Renamed there", "price": 2.25 }));
    shop.set("new", &json!({ "name": "New there", "stock": 9_007_199_254_740_993_i64 }));
    shop.remove("i03");
    cluster.psql("app", "UPDATE items SET note = NULL, stock = 400 WHERE id = 'i12'")?;
    cluster.psql("app", "INSERT INTO items VALUES ('ours', 'New here', 3, 0.1, 'by hand')")?;
    cluster.psql("app", "DELETE FROM items WHERE id = 'i20'")?;

    runtime.wait_until("what was done at the service", PATIENCE, |_| {
        let renamed = ask("SELECT name || ' ' || price FROM items WHERE id = 'i07'")?;
        let new = ask("SELECT stock FROM items WHERE id = 'new'")?;
        let gone = ask("SELECT count(*) FROM items WHERE id = 'i03'")?;
        Ok(renamed == "Renamed there 2.25" && new == "9007199254740993" && gone == "0")
    })?;
    runtime.wait_until("what was done in the table", PATIENCE, |_| {
        let edited = shop.get("i12").is_some_and(|item| item["note"].is_null() && item["stock"] == 400);
        let made = shop.get("ours").is_some_and(|item| item["name"] == "New here" && item["price"] == 0.1);
        Ok(edited && made && shop.get("i20").is_none())
    })?;
    runtime.terminate(PATIENCE)?;
    Ok(())
}
