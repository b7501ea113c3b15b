//! What is no database of the Django backend's, and what is wrong with the command itself.

use super::old::Old;
use super::{Move, command, said};
use crate::support::app::block_on;
use crate::support::program::run;
use crate::support::{Database, Kind};

/// What an import from there complains about.
fn complaint(new: &Database, address: &str, arguments: &[&str]) -> String {
    let said = said(&run(command(new, address, arguments), ""), "");
    assert_eq!(said.status, Some(1), "{}", said.text);
    assert!(!said.complaint.contains("panicked"), "{}", said.complaint);
    let files = std::fs::read_dir(new.folder.path()).unwrap().count();
    assert_eq!(files, 0, "{}", said.complaint);
    said.complaint
}

#[test]
fn addresses_that_lead_nowhere_are_refused() {
    let new = Database::empty(Kind::Sqlite).unwrap();
    for (address, words) in [
        (
            "mysql://root:secret-word@localhost/old",
            "--from begins with neither",
        ),
        ("sqlite://nowhere/old.sqlite3", "cannot be opened"),
        (
            "postgres://user:secret-word@127.0.0.1:1/old",
            "cannot be opened",
        ),
        ("sqlite:", "names no file"),
    ] {
        let complaint = complaint(&new, address, &[]);
        assert!(complaint.contains(words), "{complaint}");
        assert!(!complaint.contains("secret-word"), "{complaint}");
    }
    let folder = new.folder.path().to_owned();
    drop(new);
    assert!(!folder.exists());
}

#[test]
fn other_programs_databases_are_refused() {
    block_on(async {
        for kind in [Kind::Sqlite, Kind::Postgres] {
            let Some(mut old) = Old::empty(kind) else {
                continue;
            };
            let new = Database::empty(Kind::Sqlite).unwrap();
            old.run("CREATE TABLE users (id integer, name text)");
            let address = old.address().await;
            let complaint = complaint(&new, &address, &[]);
            for word in [
                "not the Django backend's",
                "table agents",
                "column users.email",
            ] {
                assert!(complaint.contains(word), "{complaint}");
            }
        }
    });
}

#[test]
fn meggys_own_databases_are_refused() {
    block_on(async {
        for kind in [Kind::Sqlite, Kind::Postgres] {
            let Some(own) = Database::new(kind) else {
                continue;
            };
            let db = meggy::db::connect(&own.settings()).await.unwrap();
            db.migrate().await.unwrap();
            db.close().await;
            let new = Database::empty(Kind::Sqlite).unwrap();
            let complaint = complaint(&new, &own.url, &[]);
            assert!(complaint.contains("Meggy's own"), "{complaint}");
        }
    });
}

#[test]
fn a_report_replaces_nothing_but_a_report() {
    let new = Database::empty(Kind::Sqlite).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.sqlite3");
    std::fs::write(&file, "SQLite format 3\0").unwrap();
    let name = file.display().to_string();
    let address = format!("sqlite:{name}");
    let told = complaint(&new, &address, &["--dry-run", "--report", &name]);
    assert!(told.contains("is no report"), "{told}");
    assert_eq!(std::fs::read(&file).unwrap(), b"SQLite format 3\0");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.sqlite3");
    std::fs::write(&file, "no database".repeat(1000)).unwrap();
    let new = Database::empty(Kind::Sqlite).unwrap();
    let complaint = complaint(&new, &format!("sqlite://{}", file.display()), &[]);
    assert!(complaint.contains("not a database"), "{complaint}");
}

#[test]
fn the_old_database_is_not_written_and_takes_no_data() {
    block_on(async {
        let mut moving = Move::new(Kind::Sqlite, Kind::Sqlite).await.unwrap();
        moving.old.user(1, &[]);
        let address = moving.old.address().await;
        let file = moving.old.database.file();
        let before = std::fs::read(&file).unwrap();
        // From and to the same file.
        let said = said(&run(command(&moving.old.database, &address, &[]), ""), "");
        assert_eq!(said.status, Some(1));
        assert!(
            said.complaint.contains("already has a table"),
            "{}",
            said.complaint
        );
        Move::imported(moving.import(&[]).await);
        assert_eq!(std::fs::read(&file).unwrap(), before);
    });
}

#[test]
fn a_report_that_cannot_be_written_is_told_beforehand() {
    block_on(async {
        let mut moving = Move::new(Kind::Sqlite, Kind::Sqlite).await.unwrap();
        let address = moving.old.address().await;
        let complaint = complaint(&moving.new, &address, &["--report", "nowhere/report"]);
        assert!(complaint.contains("report"), "{complaint}");
    });
}
