//! Imports that are killed, and imports beside a server at work.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use serde_json::json;

use super::{Move, on_all_databases};
use crate::support::{Database, eventually};

on_all_databases!(
    a_killed_import_is_finished_by_the_next,
    a_server_goes_on_meanwhile,
);

/// Many conversations, some of them longer than a transaction's turn.
fn furnish(moving: &mut Move, conversations: u64) {
    let old = &mut moving.old;
    for user in 1..=3 {
        old.user(user, &[]);
        old.agent(user + 10, user, &[]);
    }
    for conversation in 100..100 + conversations {
        let user = conversation % 3 + 1;
        old.conversation(conversation, user, user + 10, &[]);
        let length = if conversation % 10 == 0 { 300 } else { 8 };
        for message in 0..length {
            old.message(conversation * 1000 + message, conversation, &[]);
        }
    }
}

async fn a_killed_import_is_finished_by_the_next(mut moving: Move) {
    furnish(&mut moving, 60);
    let address = moving.old.address().await;
    let mut running = super::command(&moving.new, &address, &[])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("something is in", async || has_rows(&moving.new).await).await;
    running.kill().unwrap();
    assert_eq!(running.wait().unwrap().signal(), Some(9));

    let half = moving.dump().await;
    assert!(half["messages"].len() < 60 * 8 + 6 * 292, "it was over");
    let said = Move::imported(moving.import(&[]).await);
    assert!(said.counts("messages")[3] > 0, "{}", said.text);
    let other = Move {
        old: super::old::Old::empty(moving.new.kind).unwrap(),
        new: Database::empty(moving.new.kind).unwrap(),
    };
    let clean = super::run(super::command(&other.new, &address, &[]), "");
    assert!(clean.status.success());
    assert_eq!(moving.dump().await, other.dump().await);
}

/// How many messages there are, if there are any; the table may have to be made first.
async fn has_rows(database: &Database) -> Option<u64> {
    let mut db = meggy::db::Foreign::open(&database.settings().url)
        .await
        .ok()?;
    let rows = db.count("messages", None).await.ok()?;
    u64::try_from(rows).ok().filter(|rows| *rows > 0)
}

async fn a_server_goes_on_meanwhile(mut moving: Move) {
    furnish(&mut moving, 30);
    let app = moving.serve().await;
    let user = app.register("somebody").await;
    let mut running = moving
        .command(&[])
        .await
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut made = 0;
    while running.try_wait().unwrap().is_none() {
        let agent = json!({ "name": format!("Agent {made}") });
        user.post("/api/agents/", agent).await.expect(201);
        made += 1;
    }
    assert!(running.wait().unwrap().success());
    assert!(made > 1);
    app.stop().await;
    let said = Move::imported(moving.import(&[]).await);
    let messages = 30 * 8 + 3 * 292;
    assert_eq!(said.counts("messages"), [messages, 0, 0, messages, 0, 0]);
}
