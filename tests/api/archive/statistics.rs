//! How much Postgres reads for a user who came after its statistics were made, as one does who has just imported.

use meggy::db::Executor;
use serde_json::Value;

use super::{EXPORT, conversation_of, file_of, import, message_of};
use crate::search::address;
use crate::support::app::run;
use crate::support::{Client, Kind, TestApp};

const CONVERSATIONS: u32 = 40;
const MESSAGES: u32 = 25;

#[test]
fn no_more_is_read_of_whom_the_statistics_do_not_know() {
    run(Kind::Postgres, no_more_is_read);
}

fn file() -> Value {
    let conversations: Vec<_> = (1..=CONVERSATIONS)
        .map(|number| {
            let messages: Vec<_> = (1..=MESSAGES)
                .map(|place| message_of(number * 100 + place, None, "user", "A needle"))
                .collect();
            conversation_of(number + 10, "Hay", &messages)
        })
        .collect();
    file_of(&conversations)
}

async fn no_more_is_read(app: TestApp) {
    let one = app.another(&[("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let ann = one.register("ann").await;
    import(&ann, &file()).await;
    one.db.query("ANALYZE").execute().await.unwrap();
    let bob = one.register("bob").await;
    import(&bob, &file()).await;

    let all = CONVERSATIONS * MESSAGES;
    for (path, count) in [
        (EXPORT, all),
        ("/api/export/?as=markdown", all),
        (&address(&[("q", "needle"), ("limit", "50")]), 50),
    ] {
        let (answer, read) = get(&one, &bob, path).await;
        assert_eq!(answer.matches("needle").count(), count as usize, "{path}");
        // Of a table as short as this the planner may well read all for a few. It must not for each row.
        assert!(read < 20 * i64::from(all), "{read} rows for {path}");
    }
}

/// What the server answers, and how many rows were read for it: its only connection is in a transaction meanwhile, so
/// that the count is its own.
async fn get(app: &TestApp, client: &Client, path: &str) -> (String, i64) {
    app.db.query("BEGIN").execute().await.unwrap();
    let before = rows_read(app).await;
    let answer = client.get(path).await;
    let read = rows_read(app).await - before;
    app.db.query("ROLLBACK").execute().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    (answer.text, read)
}

async fn rows_read(app: &TestApp) -> i64 {
    let read = "SELECT CAST(json_build_array(SUM(seq_tup_read + idx_tup_fetch)) AS TEXT) AS rows
                FROM pg_stat_xact_user_tables
                WHERE relname IN ('conversations', 'messages', 'search_documents')";
    let read: Vec<i64> = app.db.query(read).fetch_gathered().await.unwrap();
    read[0]
}
