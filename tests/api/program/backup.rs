//! `meggy backup`: a copy of a database that is being written to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::World;
use crate::support::app::{PASSWORD, block_on};
use crate::support::program::Running;
use crate::support::{Client, Kind, eventually};

#[test]
fn a_backup_holds_all_that_was_answered_before_it_began() {
    block_on(async {
        let world = World::new(Kind::Sqlite).await.unwrap();
        let server = world.serve();
        let ann = server
            .stranger()
            .register("ann@example.com", "Ann", PASSWORD)
            .await;
        let agent = ann.agent(json!({ "name": "Bea" })).await;
        let made = Arc::new(Mutex::new(Vec::new()));
        let enough = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (ann, agent) = (ann.clone(), agent.clone());
                let (made, enough) = (made.clone(), enough.clone());
                tokio::spawn(async move {
                    let conversation = ann.conversation_with(&agent).await;
                    for number in 0.. {
                        if enough.load(Ordering::Relaxed) {
                            break;
                        }
                        let question = format!("question {number} of writer {writer}");
                        let turn = ann.say(&conversation, &question).await.expect(200);
                        made.lock().unwrap().push(turn);
                    }
                })
            })
            .collect();
        let count = || made.lock().unwrap().len();
        eventually("there is something", async || (count() > 40).then_some(())).await;

        let folder = world.database.folder.path();
        let backup = folder.join("copies of Ann's.sqlite3");
        // Again, if nothing happened to be written meanwhile.
        let (before, said) = eventually("a backup while there is writing", async || {
            let before = made.lock().unwrap().clone();
            let arguments = ["backup", "--force", backup.to_str().unwrap()];
            let said = tokio::task::block_in_place(|| world.succeeds(&arguments, ""));
            (count() > before.len()).then_some((before, said))
        })
        .await;
        assert!(
            said.contains("Ann's.sqlite3") && said.contains("media"),
            "{said}"
        );
        let after = count();
        eventually("writing goes on", async || (count() > after).then_some(())).await;
        enough.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.unwrap();
        }
        let mode = fs::metadata(&backup).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(server);

        let url = format!("sqlite:{}", backup.display());
        let copy = Running::serve(folder, &world.with(&[("DATABASE_URL", &url)]));
        let ann = Client {
            base: copy.base.clone(),
            ..ann
        };
        for turn in before {
            for message in [&turn["user_message"], &turn["assistant_message"]] {
                let path = format!("/api/messages/{}/", message["id"].as_str().unwrap());
                let found = ann.get(&path).await.expect(200);
                assert_eq!(found["content"], message["content"]);
            }
        }
        // It is a database like any other.
        let conversation = ann.conversation_with(&agent).await;
        ann.say(&conversation, "And now?").await.expect(200);
        let found = ann.get("/api/search/?q=question").await.expect(200);
        assert!(!found["results"].as_array().unwrap().is_empty(), "{found}");
    });
}

#[test]
fn nothing_is_overwritten_by_mistake() {
    block_on(async {
        let world = World::new(Kind::Sqlite).await.unwrap();
        let folder = world.database.folder.path();
        let file = |name: &str| folder.join(name).display().to_string();
        let target = file("copy.sqlite3");
        let told = world.fails(&["backup", &target], &[], "");
        assert!(told.contains("there is no database"), "{told}");

        world.succeeds(&["migrate"], "");
        fs::write(&target, "precious").unwrap();
        let told = world.fails(&["backup", &target], &[], "");
        assert!(told.contains("--force"), "{told}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        world.succeeds(&["backup", "--force", &target], "");
        assert!(fs::read(&target).unwrap().starts_with(b"SQLite format 3"));
        world.succeeds(&["backup", "--force", &target], "");

        let database = world.database.file().display().to_string();
        let told = world.fails(&["backup", "--force", &database], &[], "");
        assert!(told.contains("the database itself"), "{told}");
        for suffix in ["-wal", "-shm", "-journal", "-server"] {
            let beside = format!("{database}{suffix}");
            if !fs::exists(&beside).unwrap() {
                fs::write(&beside, "precious").unwrap();
            }
            let before = fs::read(&beside).unwrap();
            let told = world.fails(&["backup", "--force", &beside], &[], "");
            assert!(told.contains("a part of the database"), "{told}");
            assert_eq!(fs::read(&beside).unwrap(), before);
            fs::remove_file(&beside).unwrap();
        }
        fs::write(file("copy.sqlite3-wal"), "").unwrap();
        let told = world.fails(&["backup", "--force", &target], &[], "");
        assert!(told.contains("copy.sqlite3-wal"), "{told}");
        let told = world.fails(&["backup", &file("nowhere/copy")], &[], "");
        assert!(told.contains("cannot write"), "{told}");

        let left: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("backup"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

#[test]
fn other_databases_are_left_to_their_own_tools() {
    block_on(async {
        let world = World::new(Kind::Sqlite).await.unwrap();
        let postgres = [("DATABASE_URL", "postgres://nobody@localhost:1/nothing")];
        let told = world.fails(&["backup", "copy"], &postgres, "");
        assert!(told.contains("pg_dump"), "{told}");

        let foreign = world.database.file();
        fs::write(&foreign, "no database at all, whatever its name says").unwrap();
        world.fails(&["backup", "copy"], &[], "");
        assert!(!world.database.folder.path().join("copy").exists());
    });
}
