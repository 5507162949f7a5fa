//! Making objects and columns.

use lockstep_core::schema::Kind;
use lockstep_host::{EnsureRequest, WantedColumn};

use crate::{
    bench::{Bench, own, wanted},
    report::{Checked, expect},
};

pub(crate) async fn dry_run(bench: &mut Bench<'_>) -> Checked {
    bench.needs("ensure")?;
    let scratch = bench.scratch().await?;
    let writer = bench.writer().await?;
    let name = format!("kit_{:x}", bench.settings.seed & 0xff_ffff);
    let request = EnsureRequest {
        object: scratch.object.name.clone(),
        columns: vec![wanted(&name, Kind::Text)],
        key: scratch.object.key.clone(),
        dry_run: true,
    };
    let statements = writer.ensure(&request).await?;
    expect(!statements.is_empty(), "what would be done", || "nothing".into())?;
    let asked = [scratch.object.name.clone()];
    let reader = bench.reader().await?;
    let columns = reader.discover(&asked).await?.into_iter().flat_map(|object| object.columns);
    let made = columns.into_iter().any(|column| column.name == name);
    expect(!made, "nothing to be done", || format!("the column `{name}` is there"))
}

pub(crate) async fn again(bench: &mut Bench<'_>) -> Checked {
    bench.needs("ensure")?;
    let scratch = bench.scratch().await?;
    let writer = bench.writer().await?;
    let request = if scratch.is_own {
        EnsureRequest { object: scratch.object.name.clone(), ..own(&scratch.object.name) }
    } else {
        let columns = scratch.described.iter().map(|column| WantedColumn {
            name: column.name.clone(),
            column_type: column.column_type.clone(),
            nullable: column.nullable,
            unique: column.unique,
            references: column.references.clone(),
            comment: String::new(),
        });
        EnsureRequest {
            object: scratch.object.name.clone(),
            columns: columns.collect(),
            key: scratch.object.key.clone(),
            dry_run: false,
        }
    };
    let statements = writer.ensure(&request).await?;
    expect(statements.is_empty(), "nothing to be done", || statements.join("; "))
}
