//! Changes that meet each other, and answers that are being written.

use meggy::db::{Executor, FromRow, Row};
use serde_json::json;

use super::{ann_said, at, edit, ids, of, regenerate, select, shown};
use crate::support::model_server::{End, openai_answer};
use crate::support::{Kind, TestApp, app, eventually, on_each_database};

on_each_database! {
    while_an_answer_is_written_nothing_is_changed,
    whatever_meets_one_path_is_shown,
}

/// On SQLite nothing is said while something else is written.
#[test]
fn what_waited_for_a_change_is_said_behind_what_is_shown_then() {
    app::run(Kind::Postgres, said_behind_what_is_shown_then);
}

async fn said_behind_what_is_shown_then(app: TestApp) {
    struct Waiting;

    impl FromRow for Waiting {
        fn from_row(_: &Row<'_>) -> sqlx::Result<Self> {
            Ok(Self)
        }
    }

    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let first = ids(&ann, &conversation).await;
    let mut change = app.db.begin().await.unwrap();
    for statement in [
        "UPDATE conversations SET message_count = 2, updated_at = updated_at + INTERVAL '1 second'",
        "UPDATE messages SET is_active = FALSE
         WHERE id IN (SELECT id FROM messages ORDER BY created_at DESC LIMIT 2)",
    ] {
        change.query(statement).execute().await.unwrap();
    }
    let saying = {
        let (ann, conversation) = (ann.clone(), conversation.clone());
        tokio::spawn(async move { ann.say(&conversation, "three").await })
    };
    eventually("the question waits for the change", async || {
        let waiting = "SELECT pid FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waiting: Option<Waiting> = app.db.query(waiting).fetch_optional().await.unwrap();
        waiting.map(drop)
    })
    .await;
    change.commit().await.unwrap();
    let turn = saying.await.unwrap().expect(200);
    assert_eq!(turn["user_message"]["parent_id"], first[1]);
    assert_eq!(
        shown(&ann, &conversation).await,
        ["one", "You said: one", "three", "You said: three"]
    );
}

async fn while_an_answer_is_written_nothing_is_changed(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two"]).await;
    let first = ids(&ann, &conversation).await;
    regenerate(&ann, &conversation, &first[3]).await.expect(200);
    let endless = openai_answer("Well then", None).pieces(2).end(End::Silence);
    app.model.replies([endless]);
    let asking = {
        let (ann, conversation) = (ann.clone(), conversation.clone());
        tokio::spawn(async move { ann.say(&conversation, "three").await })
    };
    let answer = eventually("the answer has begun", async || {
        let last = ann.messages(&conversation).await.pop()?;
        (last["status"] == "pending").then_some(last)
    })
    .await;
    let edited = json!({ "content": "x" });
    let same = json!({ "content": "two" });
    let anew = json!({ "content": "x", "regenerate": true });
    for refused in [
        edit(&ann, &conversation, &first[2], edited).await,
        edit(&ann, &conversation, &first[2], same).await,
        edit(&ann, &conversation, &first[2], anew).await,
        regenerate(&ann, &conversation, &first[1]).await,
        select(&ann, &conversation, &first[3]).await,
        ann.delete(&at(&conversation, &first[0])).await,
        ann.delete(&at(&conversation, answer["id"].as_str().unwrap()))
            .await,
    ] {
        let refused = refused.expect(409);
        assert_eq!(refused["message_id"], answer["id"]);
        assert!(refused["error"].is_string());
    }
    // What is no change of the conversation's course can be done.
    ann.put(
        &of(&conversation, &first[1], "feedback"),
        json!({ "rating": "up" }),
    )
    .await
    .expect(200);
    ann.post(
        &format!("/api/conversations/{conversation}/stop/"),
        json!({}),
    )
    .await
    .expect(200);
    asking.await.unwrap();
    let shown = shown(&ann, &conversation).await;
    assert_eq!(
        shown[..5],
        ["one", "You said: one", "two", "You said: two", "three"]
    );
    select(&ann, &conversation, &first[3]).await.expect(200);
}

async fn whatever_meets_one_path_is_shown(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["one", "two", "three"]).await;
    let first = ids(&ann, &conversation).await;
    for round in 0..6 {
        let changing: Vec<_> = (0..10)
            .map(|number| {
                let (ann, conversation, first) = (ann.clone(), conversation.clone(), first.clone());
                let text = format!("{round}-{number}");
                tokio::spawn(async move {
                    match number % 5 {
                        0 => ann.say(&conversation, &text).await,
                        1 => edit(&ann, &conversation, &first[2], json!({ "content": text })).await,
                        2 => select(&ann, &conversation, &first[5]).await,
                        3 => regenerate(&ann, &conversation, &first[1]).await,
                        _ => {
                            let path = at(&conversation, &first[4]);
                            ann.patch(&path, json!({ "content": text, "regenerate": true }))
                                .await
                        }
                    }
                })
            })
            .collect();
        for change in changing {
            let answer = change.await.unwrap();
            assert!([200, 409].contains(&answer.status), "{}", answer.text);
        }
        // Whatever came first, and what was cut off by what: each message follows the one before it.
        let shown = shown(&ann, &conversation).await;
        assert_eq!(shown[0], "one");
    }
}
