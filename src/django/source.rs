//! Looking at a database before anything is read out of it.

use std::collections::BTreeMap;

use super::ImportError;
use super::old::{REFERENCES, TABLES};
use super::report::Report;
use crate::db::{Foreign, ForeignColumn};

/// Makes sure that a database is the old backend's, and notes what else is in it. Returns how many messages there are.
///
/// # Errors
/// It is not; it cannot be read.
pub async fn check(source: &mut Foreign, report: &mut Report) -> Result<u64, ImportError> {
    let columns = source.columns().await.map_err(ImportError::Source)?;
    let mut tables = BTreeMap::<&str, Vec<&ForeignColumn>>::new();
    for column in &columns {
        tables.entry(&column.table).or_default().push(column);
    }
    fit(source, &tables).map_err(ImportError::Unfit)?;
    for (&table, columns) in &tables {
        if !TABLES.iter().any(|ours| ours.name == table) {
            let rows = source.count(table, None).await;
            report.beyond(format!("table {table}"), rows.map_err(ImportError::Source)?);
        }
        for column in columns.iter().filter(|column| is_beyond(column)) {
            let rows = source.count(table, Some(&column.name)).await;
            let name = format!("column {table}.{}", column.name);
            report.beyond(name, rows.map_err(ImportError::Source)?);
        }
    }
    let messages = source.count("messages", None).await;
    Ok(messages
        .map_err(ImportError::Source)?
        .try_into()
        .unwrap_or_default())
}

/// What is wrong with tables, in words.
fn fit(source: &Foreign, tables: &BTreeMap<&str, Vec<&ForeignColumn>>) -> Result<(), String> {
    if tables.contains_key("_sqlx_migrations") {
        return Err("is Meggy's own; --from is for that of the Django backend".to_owned());
    }
    let find = |table: &str, column: &str| {
        let columns = tables.get(table)?;
        columns.iter().find(|other| other.name == column)
    };
    let mut missing = Vec::new();
    for table in TABLES {
        if !tables.contains_key(table.name) {
            missing.push(format!("table {}", table.name));
            continue;
        }
        let references = REFERENCES.iter().filter(|(of, _)| *of == table.name);
        for column in table.columns.iter().chain(references.map(|(_, name)| name)) {
            if find(table.name, column).is_none() {
                missing.push(format!("column {}.{column}", table.name));
            }
        }
    }
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(format!(
            "is not the Django backend's, or of a version that is not known. It lacks: {missing}"
        ));
    }
    let ids = TABLES.iter().map(|table| (table.name, "id"));
    for (table, column) in ids.chain(REFERENCES.iter().copied()) {
        let is_uuid = find(table, column).is_some_and(|column| column.kind == "uuid");
        if matches!(source, Foreign::Postgres(_)) && !is_uuid {
            return Err(format!(
                "is not the Django backend's: {table}.{column} is no uuid"
            ));
        }
    }
    Ok(())
}

/// Whether a column of a table that is brought over is not.
fn is_beyond(column: &ForeignColumn) -> bool {
    let name = column.name.as_str();
    TABLES.iter().any(|table| {
        table.name == column.table
            && !table.columns.contains(&name)
            && !REFERENCES.contains(&(table.name, name))
    })
}
