//! `Idempotency-Key`: what is not the same request again.

use serde_json::json;

use super::keys::keyed;
use super::{ann, asked, more_conversations, say, stop};
use crate::support::client::send;
use crate::support::model_server::Reply;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    a_key_is_good_for_one_request_only,
    keys_of_different_people_have_nothing_in_common,
    bad_keys_are_refused,
    a_key_goes_with_its_conversation,
    a_refused_request_leaves_its_key_free,
    a_key_is_not_in_the_way_of_other_turns,
}

async fn a_key_is_good_for_one_request_only(app: TestApp) {
    let ann = app.register("ann").await;
    let conversations = more_conversations(&ann, 2).await;
    let first = send(keyed(&ann, &conversations[0], "key", "Hello"))
        .await
        .expect(200);
    for (conversation, content) in [
        (&conversations[0], "Hello!"),
        (&conversations[0], "hello"),
        (&conversations[0], "Hello "),
        (&conversations[1], "Hello"),
    ] {
        for accept in ["application/json", "text/event-stream"] {
            let request = keyed(&ann, conversation, "key", content).header("accept", accept);
            let answer = send(request).await;
            assert_eq!(answer.status, 422, "{}", answer.text);
            assert_eq!(answer.json.as_object().unwrap().len(), 1);
            assert!(
                answer.json["error"]
                    .as_str()
                    .unwrap()
                    .contains("Idempotency-Key")
            );
        }
    }
    assert_eq!(app.model.server.calls(), 1);
    assert!(ann.messages(&conversations[1]).await.is_empty());
    send(keyed(&ann, &conversations[0], "key", "Hello"))
        .await
        .is(200, &first);
    // While a turn runs, too.
    app.model.replies([Reply::silence()]);
    let running = tokio::spawn(send(keyed(&ann, &conversations[1], "other", "Hello")));
    asked(&app, 2).await;
    let answer = send(keyed(&ann, &conversations[1], "other", "Bye")).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    stop(&ann, &conversations[1], json!({})).await;
    running.await.unwrap().expect(200);
}

async fn keys_of_different_people_have_nothing_in_common(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let (hers, his) = (ann.conversation().await, bob.conversation().await);
    let first = send(keyed(&ann, &hers, "key", "Hello")).await.expect(200);
    let second = send(keyed(&bob, &his, "key", "Something else"))
        .await
        .expect(200);
    assert_ne!(first["user_message"]["id"], second["user_message"]["id"]);
    assert_eq!(app.model.server.calls(), 2);
    let not_found = json!({ "detail": "Not found." });
    send(keyed(&bob, &hers, "key", "Hello"))
        .await
        .is(404, &not_found);
}

async fn bad_keys_are_refused(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let long = "x".repeat(256);
    for key in ["", "with space", "tab\there", "größe", &long] {
        let answer = send(keyed(&ann, &conversation, key, "Hello")).await;
        assert_eq!(answer.status, 400, "{key:?}: {}", answer.text);
        assert!(
            answer.json["error"]
                .as_str()
                .unwrap()
                .contains("Idempotency-Key")
        );
    }
    assert!(ann.messages(&conversation).await.is_empty());
    for key in ["x", &long[1..], "!~\"'\\;,"] {
        send(keyed(&ann, &conversation, key, "Hello"))
            .await
            .expect(200);
    }
    assert_eq!(app.model.server.calls(), 3);
}

async fn a_key_goes_with_its_conversation(app: TestApp) {
    let ann = app.register("ann").await;
    let conversations = more_conversations(&ann, 2).await;
    let ask = |conversation: &str| keyed(&ann, conversation, "key", "Hello");
    send(ask(&conversations[0])).await.expect(200);
    ann.delete(&format!("/api/conversations/{}/", conversations[0]))
        .await
        .expect(204);
    let not_found = json!({ "detail": "Not found." });
    send(ask(&conversations[0])).await.is(404, &not_found);
    assert_eq!(app.model.server.calls(), 1);
    let statement = "SELECT COUNT(*) AS count FROM idempotency_keys";
    assert_eq!(super::count(&app.db, statement).await, 0);
    // It is free again.
    send(ask(&conversations[1])).await.expect(200);
    assert_eq!(app.model.server.calls(), 2);
}

async fn a_refused_request_leaves_its_key_free(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let empty = send(keyed(&ann, &conversation, "key", " ")).await;
    assert_eq!(empty.status, 400);
    app.model.replies([Reply::silence()]);
    let running = say(&ann, &conversation, "Hello");
    asked(&app, 1).await;
    let busy = send(keyed(&ann, &conversation, "key", "And?")).await;
    assert_eq!(busy.status, 409, "{}", busy.text);
    stop(&ann, &conversation, json!({})).await;
    running.await.unwrap().expect(200);
    let turn = send(keyed(&ann, &conversation, "key", "And?"))
        .await
        .expect(200);
    assert_eq!(turn["user_message"]["content"], "And?");
}

/// Of requests with keys of their own that come at once, one at a time is answered and the others are told to wait.
async fn a_key_is_not_in_the_way_of_other_turns(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    for round in 0..5 {
        let asking: Vec<_> = (0..12)
            .map(|number| {
                let key = format!("key-{round}-{number}");
                tokio::spawn(send(keyed(&ann, &conversation, &key, "Hello")))
            })
            .collect();
        let mut answered = 0;
        for asking in asking {
            let answer = asking.await.unwrap();
            assert!([200, 409].contains(&answer.status), "{}", answer.text);
            answered += usize::from(answer.status == 200);
        }
        assert!(answered > 0);
    }
}
