//! Pages of results, one behind the other.

use std::collections::HashSet;

use meggy::clock;
use meggy::db::{Executor, Sql};
use serde_json::Value;

use super::{address, found, search};
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    pages_have_every_match_once,
    what_comes_and_goes_meanwhile_moves_no_page,
    the_last_page_is_the_last,
    forged_cursors_do_no_harm,
}

/// Stores messages that say `otters` and their number, with other words so that they fit differently.
async fn store(
    app: &TestApp,
    client: &Client,
    conversation: &str,
    numbers: std::ops::Range<usize>,
) {
    const STORE: Sql = Sql {
        sqlite: "INSERT INTO messages (user_id, id, conversation_id, role, status, model, created_at, content)
                 SELECT user_id, $2, $1, 'user', 'complete', '', $3, $4
                 FROM conversations WHERE id = $1 AND user_id = $5",
        postgres: "INSERT INTO messages (user_id, id, conversation_id, role, status, model, created_at, content)
                   SELECT user_id, $2, $1, 'user', 'complete', '', $3, $4
                   FROM conversations WHERE id = $1 AND user_id = $5",
    };
    let (owner, conversation): (uuid::Uuid, uuid::Uuid) =
        (client.id().parse().unwrap(), conversation.parse().unwrap());
    let mut tx = app.db.begin().await.unwrap();
    for number in numbers {
        let content = format!("otters {number} {}", "word ".repeat(number % 7));
        let stored = tx
            .query(STORE)
            .bind(conversation)
            .bind(clock::new_id())
            .bind(clock::now())
            .bind(content)
            .bind(owner)
            .execute();
        assert_eq!(stored.await.unwrap(), 1);
    }
    tx.commit().await.unwrap();
}

fn ids(page: &Value) -> Vec<String> {
    let results = page["results"].as_array().unwrap().iter();
    results
        .map(|result| result["message"]["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The page behind this one.
async fn next(client: &Client, page: &Value, limit: &str) -> Option<Value> {
    let cursor = page["next"].as_str()?;
    Some(
        search(
            client,
            &[("q", "otters"), ("limit", limit), ("cursor", cursor)],
        )
        .await,
    )
}

async fn pages_have_every_match_once(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    store(&app, &ann, &conversation, 0..450).await;
    for (limit, pages) in [("20", 10 + 10 + 3), ("50", 4 + 4 + 1), ("47", 5 + 5 + 2)] {
        let mut seen = Vec::new();
        let mut count = 0;
        let mut page = Some(search(&ann, &[("q", "otters"), ("limit", limit)]).await);
        while let Some(this) = page {
            seen.extend(ids(&this));
            count += 1;
            page = next(&ann, &this, limit).await;
        }
        assert_eq!((seen.len(), count), (450, pages), "{limit}");
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 450);
    }
    let page = search(&ann, &[("q", "otters")]).await;
    assert_eq!(ids(&page).len(), 20);
}

async fn what_comes_and_goes_meanwhile_moves_no_page(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    store(&app, &ann, &conversation, 0..300).await;
    let mut before = Vec::new();
    let mut page = Some(search(&ann, &[("q", "otters"), ("limit", "50")]).await);
    let first = page.clone().unwrap();
    while let Some(this) = page {
        before.extend(ids(&this));
        page = next(&ann, &this, "50").await;
    }
    // Two that were shown go, and one that was not; new ones come.
    let gone = [before[3].clone(), before[30].clone(), before[120].clone()];
    for id in &gone {
        let deleted = app
            .db
            .query("DELETE FROM messages WHERE id = $1")
            .bind(id.parse::<uuid::Uuid>().unwrap())
            .execute();
        assert_eq!(deleted.await.unwrap(), 1);
    }
    store(&app, &ann, &conversation, 300..310).await;
    let mut after = ids(&first);
    let mut page = next(&ann, &first, "50").await;
    while let Some(this) = page {
        after.extend(ids(&this));
        page = next(&ann, &this, "50").await;
    }
    before.retain(|id| id != &gone[2]);
    assert_eq!(after, before);
}

async fn the_last_page_is_the_last(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    store(&app, &ann, &conversation, 0..200).await;
    let mut page = search(&ann, &[("q", "otters"), ("limit", "50")]).await;
    for _ in 0..3 {
        page = next(&ann, &page, "50").await.unwrap();
        assert_eq!(ids(&page).len(), 50);
    }
    assert_eq!(page["next"], Value::Null);
    assert_eq!(found(&ann, "\"otters 7\"").await.len(), 1);
}

async fn forged_cursors_do_no_harm(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    store(&app, &ann, &conversation, 0..30).await;
    let page = search(&ann, &[("q", "otters"), ("limit", "10")]).await;
    let cursor = page["next"].as_str().unwrap().to_owned();
    assert_eq!(cursor.len(), 43);
    let minimal = [
        "A".repeat(43),
        "f________38".to_owned() + &"A".repeat(32),
        "gAAAAAAAAAC".repeat(4)[..43].to_owned(),
    ];
    let cut = [
        cursor[1..].to_owned(),
        format!("{cursor}A"),
        format!("{cursor}="),
        cursor.replace(|c: char| c.is_lowercase(), "x"),
    ];
    for forged in minimal
        .iter()
        .chain(&cut)
        .map(String::as_str)
        .chain(["%", "null", "-1", "日本"])
    {
        let answer = ann
            .get(&address(&[("q", "otters"), ("cursor", forged)]))
            .await;
        assert!(
            [200, 400].contains(&answer.status),
            "{forged}: {}",
            answer.text
        );
    }
}
