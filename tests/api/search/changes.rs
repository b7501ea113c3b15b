//! What changes is found as it is now.

use meggy::db::{Executor, FromRow, Row, Sql};
use serde_json::json;

use super::{found, rewrite, search, tell, texts};
use crate::support::client::id;
use crate::support::model_server::{Reply, openai_answer};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    an_edited_message_is_found_by_its_new_words,
    a_new_title_is_found_and_the_old_one_is_not,
    only_what_is_shown_is_found,
    an_answer_is_found_once_it_is_complete,
    what_is_deleted_is_not_found,
    nothing_of_a_deleted_account_is_left,
    very_long_messages_are_stored_and_found,
    what_an_older_version_stored_is_found,
}

struct Count(i64);

impl FromRow for Count {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("count").map(Self)
    }
}

/// How many rows the index has.
async fn indexed(app: &TestApp) -> i64 {
    const COUNT: Sql = Sql {
        sqlite: "SELECT (SELECT COUNT(*) FROM search_documents) + (SELECT COUNT(*) FROM search_index) AS count",
        postgres: "SELECT 2 * COUNT(*) AS count FROM search_documents",
    };
    let Count(count) = app.db.query(COUNT).fetch_one().await.unwrap();
    count
}

/// Changes messages as other parts of the program do.
async fn change(app: &TestApp, statement: &'static str) {
    assert!(
        app.db.query(statement).execute().await.unwrap() > 0,
        "{statement}"
    );
}

async fn an_edited_message_is_found_by_its_new_words(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    tell(&app, &ann, &conversation, "otters").await;
    change(
        &app,
        "UPDATE messages SET content = 'badgers' WHERE content = 'otters'",
    )
    .await;
    assert_eq!(found(&ann, "otters").await, [""; 0]);
    assert_eq!(found(&ann, "badgers").await, ["badgers"]);
    change(
        &app,
        "UPDATE messages SET content = '' WHERE content = 'badgers'",
    )
    .await;
    assert_eq!(found(&ann, "badgers").await, [""; 0]);
}

async fn a_new_title_is_found_and_the_old_one_is_not(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    for (title, other) in [("About otters", "badgers"), ("About badgers", "otters")] {
        ann.patch(
            &format!("/api/conversations/{conversation}/"),
            json!({ "title": title }),
        )
        .await
        .expect(200);
        assert_eq!(found(&ann, "about").await, [title]);
        assert_eq!(found(&ann, other).await, [""; 0]);
    }
}

async fn only_what_is_shown_is_found(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    tell(&app, &ann, &conversation, "otters").await;
    change(
        &app,
        "UPDATE messages SET is_active = FALSE WHERE content = 'otters'",
    )
    .await;
    assert_eq!(found(&ann, "otters").await, [""; 0]);
    change(
        &app,
        "UPDATE messages SET content = 'badgers' WHERE content = 'otters'",
    )
    .await;
    assert_eq!(found(&ann, "badgers").await, [""; 0]);
    change(
        &app,
        "UPDATE messages SET is_active = TRUE WHERE content = 'badgers'",
    )
    .await;
    assert_eq!(found(&ann, "badgers").await, ["badgers"]);
}

async fn an_answer_is_found_once_it_is_complete(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model.replies([
        Reply::text(500, "text/plain", "no"),
        openai_answer("Otters do.", Some((1, 1))),
    ]);
    assert_eq!(ann.say(&conversation, "Who swims?").await.status, 502);
    assert_eq!(found(&ann, "swims").await, ["Who swims?"]);
    change(&app, "UPDATE messages SET status = 'pending', content = 'Otters, so far' WHERE role = 'assistant'").await;
    assert_eq!(found(&ann, "otters").await, [""; 0]);
    change(
        &app,
        "UPDATE messages SET status = 'interrupted' WHERE role = 'assistant'",
    )
    .await;
    assert_eq!(found(&ann, "otters").await, ["Otters, so far"]);
    ann.say(&conversation, "Who else?").await.expect(200);
    assert_eq!(
        found(&ann, "otters").await,
        ["Otters do.", "Otters, so far"]
    );
}

async fn what_is_deleted_is_not_found(app: TestApp) {
    let ann = app.register("ann").await;
    let (kept, deleted) = (ann.conversation().await, ann.conversation().await);
    tell(&app, &ann, &kept, "otters kept").await;
    let before = indexed(&app).await;
    tell(&app, &ann, &deleted, "otters deleted").await;
    assert_eq!(indexed(&app).await, before + 4);
    change(
        &app,
        "DELETE FROM messages WHERE content = 'otters deleted'",
    )
    .await;
    assert_eq!(found(&ann, "otters").await, ["otters kept"]);
    tell(&app, &ann, &deleted, "otters again").await;
    ann.delete(&format!("/api/conversations/{deleted}/"))
        .await
        .expect(204);
    assert_eq!(found(&ann, "otters").await, ["otters kept"]);
    assert_eq!(indexed(&app).await, before - 2);
    let agent = id(&ann.get("/api/agents/default/").await.expect(200));
    ann.delete(&format!("/api/agents/{agent}/"))
        .await
        .expect(204);
    assert_eq!(found(&ann, "otters").await, [""; 0]);
    assert_eq!(indexed(&app).await, 0);
}

async fn nothing_of_a_deleted_account_is_left(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    for client in [&ann, &bob] {
        let conversation = client.conversation().await;
        tell(&app, client, &conversation, "otters").await;
    }
    let all = indexed(&app).await;
    ann.delete(&format!("/api/users/{}/", ann.id()))
        .await
        .expect(204);
    assert_eq!(indexed(&app).await, all / 2);
    assert_eq!(found(&bob, "otters").await, ["otters"]);
}

async fn very_long_messages_are_stored_and_found(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    // One word that is longer than any index takes, more letters and words than Postgres' takes, and the longest of all.
    let long_word = "x".repeat(200_000);
    let letters: String = (0x20000..0x2fa00)
        .filter_map(char::from_u32)
        .cycle()
        .take(200_000)
        .collect();
    let words: String = (0..100_000).map(|number| format!("{number:x} ")).collect();
    let longest = "otters ".repeat(600_000);
    for text in [&long_word, &letters, &words, &longest] {
        let turn = tell(&app, &ann, &conversation, "badgers").await;
        rewrite(&app, &turn["user_message"], &format!("otters {text}")).await;
    }
    let answer = search(&ann, &[("q", "otters")]).await;
    assert_eq!(texts(&answer).len(), 4);
    assert!(texts(&answer).iter().all(|text| text.len() < 1_000));
    assert_eq!(found(&ann, "badgers").await, [""; 0]);
}

async fn what_an_older_version_stored_is_found(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    for (client, text) in [
        (&ann, "otters of ann"),
        (&bob, "otters of bob"),
        (&ann, "more otters of ann"),
    ] {
        let conversation = client.conversation().await;
        tell(&app, client, &conversation, text).await;
    }
    let all = indexed(&app).await;
    change(&app, "DELETE FROM search_documents").await;
    assert_eq!(indexed(&app).await, 0);
    let migration = match app.db {
        meggy::db::Db::Sqlite { .. } => include_str!("../../../migrations/sqlite/0006_search.sql"),
        meggy::db::Db::Postgres(_) => include_str!("../../../migrations/postgres/0006_search.sql"),
    };
    let (_, backfill) = migration.split_once("-- What was there before").unwrap();
    let (_, backfill) = backfill.split_once('\n').unwrap();
    app.db.query(backfill).execute().await.unwrap();
    assert_eq!(indexed(&app).await, all);
    let both = ["otters of ann", "more otters of ann"];
    assert_eq!(found(&ann, "otters").await, both);
    assert_eq!(found(&bob, "otters").await, ["otters of bob"]);
    let conversation = ann.conversation().await;
    tell(&app, &ann, &conversation, "otters of ann").await;
    assert_eq!(found(&ann, "otters").await.len(), 3);
}
