//! What models and clocks do that they should not.

use std::time::Duration;

use meggy::db::Executor;
use serde_json::{Value, json};

use crate::support::model_server::{
    Reply, openai_answer, openai_chunk, openai_error, openai_finish,
};
use crate::support::{TestApp, eventually, on_each_database};

on_each_database! {
    a_model_that_wants_roles_to_alternate_gets_its_way,
    a_model_that_only_thinks_gave_no_answer,
    an_answer_taken_for_interrupted_is_put_right,
}

async fn a_model_that_wants_roles_to_alternate_gets_its_way(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let complaint = "Conversation roles must alternate user/assistant/user/assistant/...";
    app.model.replies([
        openai_error(400, "Oh no", "bad_request"),
        openai_error(400, complaint, "bad_request"),
        openai_answer("At last", None),
    ]);
    ann.say(&conversation, "first").await.expect(502);
    let turn = ann.say(&conversation, "second").await.expect(200);
    assert_eq!(turn["assistant_message"]["content"], "At last");
    let asked = app.model.last_asked().body["messages"].clone();
    assert_eq!(
        asked.as_array().unwrap()[1..],
        [json!({ "role": "user", "content": "first\n\nsecond" })]
    );
    // What was merged for the model is still two messages here.
    assert_eq!(ann.messages(&conversation).await.len(), 4);
}

async fn a_model_that_only_thinks_gave_no_answer(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let thought = openai_chunk(&json!({ "reasoning_content": "Hm, hm." }));
    app.model
        .replies([Reply::events(&[thought, openai_finish("length")])]);
    let answer = ann.say(&conversation, "Hello").await;
    assert_eq!(answer.status, 502);
    assert!(answer.text.contains("max_tokens"), "{}", answer.text);
}

/// A lease runs out while its holder is only late: suspended, or behind a clock that stepped.
async fn an_answer_taken_for_interrupted_is_put_right(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    app.model
        .replies([openai_answer("late", None).delay(Duration::from_millis(500))]);
    let asking = tokio::spawn({
        let (ann, conversation) = (ann.clone(), conversation.clone());
        async move { ann.say(&conversation, "Hello").await }
    });
    eventually("the model is asked", async || {
        (app.model.server.calls() == 1).then_some(())
    })
    .await;
    app.db
        .query("UPDATE messages SET status = 'interrupted' WHERE status = 'pending'")
        .execute()
        .await
        .unwrap();
    let turn = asking.await.unwrap().expect(200);
    assert_eq!(turn["assistant_message"]["content"], "late");
    let stored = ann.messages(&conversation).await;
    assert_eq!(
        (&stored[1]["status"], &stored[1]["error"]),
        (&json!("complete"), &Value::Null)
    );
}
