//! Full reads, page by page, and looking rows up.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use lockstep_core::{
    change::{Row, Selection},
    key::Key,
};
use lockstep_host::{FetchRequest, PageRequest, Role};

use super::{NO_COLUMN, NO_OBJECT, refused};
use crate::{
    bench::{
        Bench,
        stream::name_of,
        value::{same, show},
    },
    report::{Checked, Stop, expect},
    subject::Opening,
};

/// Rows of the kit's own that a read has to find.
const ROWS: usize = 12;
/// Pages are small, so that there are several.
const PAGE_ROWS: u32 = 5;
/// A full read of a big object goes in bigger ones.
const BIG_PAGE_ROWS: u32 = 500;

/// A whole read. Ends early, and says so, where the object holds too much.
struct Whole {
    rows: Vec<Row>,
    /// What each page was asked after, and how many rows it had.
    pages: Vec<(Arc<[u8]>, usize)>,
}

async fn whole_read(bench: &mut Bench<'_>, page_rows: u32) -> Checked<Whole> {
    let reader = bench.reader().await?;
    let mut whole = Whole { rows: Vec::new(), pages: Vec::new() };
    let mut after: Arc<[u8]> = Arc::from([]);
    let mut asked = BTreeSet::new();
    loop {
        expect(asked.insert(after.to_vec()), "pages that go on", || {
            format!("page {} begins where an earlier one did", whole.pages.len() + 1)
        })?;
        let page = bench.page(&*reader, &after, page_rows).await?;
        whole.pages.push((after, page.rows.len()));
        whole.rows.extend(page.rows);
        if page.next.is_empty() {
            return Ok(whole);
        }
        if whole.rows.len() > bench.settings.rows_max {
            let held = whole.rows.len();
            return Err(Stop::skip(format!("the object holds more than {held} rows: name a smaller one")));
        }
        // Empty pages are allowed, an endless run of them is not.
        let empty = whole.pages.iter().rev().take_while(|(_, rows)| *rows == 0).count();
        expect(empty < 100, "a read that comes to an end", || format!("{empty} empty pages in a row"))?;
        after = page.next;
    }
}

/// Small pages where that stays few.
async fn page_rows(bench: &mut Bench<'_>) -> Checked<u32> {
    let reader = bench.reader().await?;
    let page = bench.page(&*reader, &Arc::from([]), BIG_PAGE_ROWS).await?;
    Ok(if page.next.is_empty() { PAGE_ROWS } else { BIG_PAGE_ROWS })
}

pub(crate) async fn whole(bench: &mut Bench<'_>) -> Checked {
    let made = bench.create(ROWS).await?;
    let page_rows = page_rows(bench).await?;
    let whole = whole_read(bench, page_rows).await?;
    let mut found: HashMap<&Key, Vec<&Row>> = HashMap::new();
    for row in &whole.rows {
        found.entry(&row.key).or_default().push(row);
    }
    if let Some((key, rows)) = found.iter().find(|(_, rows)| rows.len() > 1) {
        return Err(Stop::failed("every row once", format!("the row {} {} times", name_of(key), rows.len())));
    }
    let keys: Vec<Key> = made.iter().map(|made| made.key.clone()).collect();
    let columns = bench.scratch().await?.columns.clone();
    for (key, fetched) in keys.iter().zip(bench.fetch(&keys).await?) {
        let row = found.get(key).and_then(|rows| rows.first());
        let row = row.ok_or_else(|| Stop::failed("every row", format!("the row {} is missing", name_of(key))))?;
        let fetched =
            fetched.ok_or_else(|| Stop::failed("`fetch` to find it too", format!("not the row {}", name_of(key))))?;
        for (column, (read, held)) in columns.iter().zip(row.cells.iter().zip(&fetched.cells)) {
            expect(same(read, held), "the values that `fetch` shows", || {
                format!(
                    "`{column}` of the row {} is {} in the read and {} by key",
                    name_of(key),
                    show(read),
                    show(held)
                )
            })?;
        }
    }
    Ok(())
}

pub(crate) async fn ends(bench: &mut Bench<'_>) -> Checked {
    bench.create(PAGE_ROWS as usize + 1).await?;
    let page_rows = page_rows(bench).await?;
    whole_read(bench, page_rows).await.map(drop)
}

pub(crate) async fn bounds(bench: &mut Bench<'_>) -> Checked {
    bench.create(PAGE_ROWS as usize + 2).await?;
    let reader = bench.reader().await?;
    let mut after: Arc<[u8]> = Arc::from([]);
    for _ in 0..3 {
        let page = bench.page(&*reader, &after, PAGE_ROWS).await?;
        let rows = page.rows.len();
        expect(rows <= PAGE_ROWS as usize, format!("at most {PAGE_ROWS} rows"), || format!("{rows}"))?;
        if page.next.is_empty() {
            break;
        }
        after = page.next;
    }
    Ok(())
}

pub(crate) async fn resumes(bench: &mut Bench<'_>) -> Checked {
    bench.create(ROWS).await?;
    let reader = bench.reader().await?;
    let mut after: Arc<[u8]> = Arc::from([]);
    for _ in 0..2 {
        let page = bench.page(&*reader, &after, PAGE_ROWS).await?;
        if page.next.is_empty() {
            return Err(Stop::skip("the read fits one page"));
        }
        after = page.next;
        let expected = bench.page(&*reader, &after, PAGE_ROWS).await?;
        let other = bench.subject.open(Role::Read, Opening::AsConfigured).await?;
        let found = bench.page(&*other, &after, PAGE_ROWS).await?;
        let keys = |rows: &[Row]| -> Vec<String> { rows.iter().map(|row| name_of(&row.key)).collect() };
        let (expected, found) = (keys(&expected.rows), keys(&found.rows));
        expect(expected == found, format!("the page with {}", expected.join(", ")), || found.join(", "))?;
    }
    Ok(())
}

pub(crate) async fn fetch_answers(bench: &mut Bench<'_>) -> Checked {
    let made = bench.create(4).await?;
    let scratch = bench.scratch().await?;
    let mut keys: Vec<Key> = made.iter().rev().map(|made| made.key.clone()).collect();
    let stranger = if bench.can("delete") {
        let (gone, writer) = (bench.create(1).await?, bench.writer().await?);
        let key = gone.first().map(|made| made.key.clone()).ok_or_else(|| Stop::skip("no row"))?;
        bench.delete(&*writer, &key, vec![None; scratch.columns.len()]).await?;
        Some(key)
    } else {
        None
    };
    keys.splice(1..1, stranger.clone());
    let by_key: BTreeMap<usize, String> = keys.iter().map(name_of).enumerate().collect();
    for (at, row) in bench.fetch(&keys).await?.into_iter().enumerate() {
        let asked = by_key.get(&at).cloned().unwrap_or_default();
        match row {
            Some(row) => expect(name_of(&row.key) == asked, format!("the row {asked} at its position"), || {
                format!("the row {}", name_of(&row.key))
            })?,
            None => {
                let is_gone = stranger.as_ref().is_some_and(|key| name_of(key) == asked);
                expect(is_gone, format!("the row {asked}"), || "no answer".into())?;
            }
        }
    }
    Ok(())
}

pub(crate) async fn unknown_column(bench: &mut Bench<'_>) -> Checked {
    let scratch = bench.scratch().await?;
    let reader = bench.reader().await?;
    let page = |object: &str, columns: Vec<String>| PageRequest {
        selection: Selection { object: object.to_owned(), columns },
        after: Arc::from([]),
        rows_max: PAGE_ROWS,
        bytes_max: 1 << 20,
    };
    let mut columns = scratch.columns.to_vec();
    let codes = ["not-found", "config", "unsupported"];
    let read = reader.read(&page(NO_OBJECT, columns.clone())).await;
    refused("a read of an object that does not exist", read, &codes)?;
    columns.push(NO_COLUMN.to_owned());
    let read = reader.read(&page(&scratch.object.name, columns.clone())).await;
    refused("a read of a column that does not exist", read, &codes)?;
    let selection = Selection { object: scratch.object.name.clone(), columns };
    let made = bench.create(1).await?;
    let keys = made.into_iter().map(|made| made.key).collect();
    let request = FetchRequest { selection, by: scratch.object.key.clone(), keys };
    refused("a fetch of a column that does not exist", reader.fetch(&request).await, &codes)
}
