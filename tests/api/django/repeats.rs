//! Imports that are repeated, with changes on either side in between.

use meggy::db::{Executor, FromRow, Row};
use serde_json::json;

use super::old::{id, time};
use super::{Move, on_all_databases};
use crate::support::tokens::{access, mint};

on_all_databases!(
    a_second_run_changes_nothing,
    what_was_changed_here_stays,
    what_was_deleted_here_stays_deleted,
    what_came_later_is_added,
    what_went_on_on_both_sides_is_kept_apart,
    days_are_counted_anew,
);

fn furnish(moving: &mut Move) {
    let old = &mut moving.old;
    for user in [1, 2] {
        old.user(user, &[]);
        old.agent(user + 10, user, &[]);
        for conversation in [user + 20, user + 30] {
            old.conversation(conversation, user, user + 10, &[]);
            for message in 0..6 {
                old.message(conversation * 100 + message, conversation, &[]);
            }
        }
    }
}

async fn a_second_run_changes_nothing(mut moving: Move) {
    furnish(&mut moving);
    Move::imported(moving.import(&[]).await);
    let before = moving.dump().await;
    assert_eq!(before["messages"].len(), 24);
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("users"), [2, 0, 0, 2, 0, 0]);
    assert_eq!(said.counts("agents"), [2, 0, 0, 2, 0, 0]);
    assert_eq!(said.counts("conversations"), [4, 0, 0, 4, 0, 0]);
    assert_eq!(said.counts("messages"), [24, 0, 0, 24, 0, 0]);
    assert_eq!(moving.dump().await, before);
}

async fn days_are_counted_anew(mut moving: Move) {
    furnish(&mut moving);
    let app = moving.serve().await;
    app.db
        .query("INSERT INTO daily_totals (day, sign_ups, messages, tokens) VALUES ('2024-01-01', 0, 0, 0)")
        .execute()
        .await
        .unwrap();
    let counted = "SELECT day FROM daily_totals";
    assert!(
        app.db
            .query(counted)
            .fetch_optional::<Day>()
            .await
            .unwrap()
            .is_some()
    );
    Move::imported(moving.import(&[]).await);
    assert!(
        app.db
            .query(counted)
            .fetch_optional::<Day>()
            .await
            .unwrap()
            .is_none()
    );
    app.stop().await;
}

struct Day;

impl FromRow for Day {
    fn from_row(_: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self)
    }
}

async fn what_was_changed_here_stays(mut moving: Move) {
    furnish(&mut moving);
    Move::imported(moving.import(&[]).await);
    let app = moving.serve().await;
    let user = app.stranger().with_token(mint(&access(&id(1).to_string())));
    user.patch("/api/users/me/", json!({ "name": "Renamed" }))
        .await
        .expect(200);
    let path = format!("/api/agents/{}/", id(11));
    user.patch(&path, json!({ "model": "gpt-5" }))
        .await
        .expect(200);
    let path = format!("/api/conversations/{}/", id(21));
    user.patch(&path, json!({ "title": "Renamed" }))
        .await
        .expect(200);
    app.stop().await;
    let before = moving.dump().await;
    let said = Move::imported(moving.import(&[]).await);
    for (table, number, field) in [
        ("users", 1, "`name`"),
        ("agents", 11, "`model`"),
        ("conversations", 21, "`title`"),
    ] {
        let (outcome, reason) = said.of(table, moving.id(number));
        assert_eq!(outcome, "kept as it is here");
        assert_eq!(reason, format!("different here: {field}"));
    }
    assert_eq!(said.rows.len(), 3, "{:?}", said.rows);
    assert_eq!(moving.dump().await, before);
}

async fn what_was_deleted_here_stays_deleted(mut moving: Move) {
    furnish(&mut moving);
    Move::imported(moving.import(&[]).await);
    let app = moving.serve().await;
    let user = app.stranger().with_token(mint(&access(&id(1).to_string())));
    let message = format!("/api/conversations/{}/messages/{}/", id(21), id(2102));
    assert!(user.delete(&message).await.status < 300);
    let conversation = format!("/api/conversations/{}/", id(31));
    user.delete(&conversation).await.expect(204);
    let other = app.stranger().with_token(mint(&access(&id(2).to_string())));
    let body = json!({ "password": "password 2" });
    assert!(other.post("/api/users/me/delete/", body).await.status < 300);
    app.stop().await;
    let before = moving.dump().await;
    assert_eq!(before["users"].len(), 1);
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("users"), [2, 0, 0, 1, 1, 0]);
    assert_eq!(said.counts("agents"), [2, 0, 0, 1, 1, 0]);
    assert_eq!(said.counts("conversations"), [4, 0, 0, 1, 3, 0]);
    let messages = said.counts("messages");
    assert_eq!((messages[0], messages[1]), (24, 0));
    for (table, number) in [("users", 2), ("conversations", 31), ("messages", 2102)] {
        let (_, reason) = said.of(table, moving.id(number));
        assert!(reason.contains("was deleted here"), "{reason}");
    }
    assert_eq!(moving.dump().await, before);
}

async fn what_came_later_is_added(mut moving: Move) {
    furnish(&mut moving);
    Move::imported(moving.import(&[]).await);
    let old = &mut moving.old;
    old.user(3, &[]);
    old.agent(13, 1, &[]);
    old.conversation(23, 1, 13, &[]);
    old.message(2300, 23, &[]);
    for number in [2106, 2107] {
        old.message(number, 21, &[]);
    }
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("users"), [3, 1, 0, 2, 0, 0]);
    assert_eq!(said.counts("agents"), [3, 1, 0, 2, 0, 0]);
    assert_eq!(said.counts("conversations"), [5, 1, 0, 4, 0, 0]);
    assert_eq!(said.counts("messages"), [27, 3, 0, 24, 0, 0]);
    let app = moving.serve().await;
    let user = app.stranger().with_token(mint(&access(&id(1).to_string())));
    let path = format!("/api/conversations/{}/", id(21));
    let talk = user.get(&path).await.expect(200);
    assert_eq!(talk["message_count"], 8);
    let messages = user.messages(&id(21).to_string()).await;
    assert_eq!(messages.len(), 8);
    assert_eq!(messages[6]["parent_id"], json!(id(2105)));
    app.stop().await;
    let before = moving.dump().await;
    Move::imported(moving.import(&[]).await);
    assert_eq!(moving.dump().await, before);
}

async fn what_went_on_on_both_sides_is_kept_apart(mut moving: Move) {
    furnish(&mut moving);
    Move::imported(moving.import(&[]).await);
    let app = moving.serve().await;
    let user = app.stranger().with_token(mint(&access(&id(1).to_string())));
    let conversation = id(21).to_string();
    user.say(&conversation, "Said here").await.expect(200);
    for number in [2106, 2107] {
        moving
            .old
            .message(number, 21, &[("created_at", time(9_000_000 + number))]);
    }
    let said = Move::imported(moving.import(&[]).await);
    for number in [2106, 2107] {
        let (outcome, reason) = said.of("messages", moving.id(number));
        assert_eq!(outcome, "brought in, changed");
        assert!(reason.contains("went on here"), "{reason}");
    }
    let messages = user.messages(&conversation).await;
    assert_eq!(messages.len(), 8);
    assert_eq!(messages[6]["content"], "Said here");
    // The other way can be shown.
    let path = format!(
        "/api/conversations/{conversation}/messages/{}/select/",
        id(2107)
    );
    user.post(&path, json!({})).await.expect(200);
    let messages = user.messages(&conversation).await;
    assert_eq!(messages.len(), 8);
    assert_eq!(messages[7]["id"], json!(id(2107)));
    app.stop().await;
    let before = moving.dump().await;
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("messages"), [26, 0, 0, 26, 0, 0]);
    assert_eq!(moving.dump().await, before);
}
