//! Results can be limited to a conversation, an agent, a role and a time.

use serde_json::json;

use super::{search, tell, texts};
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_conversation_limits_the_results,
    an_agent_limits_the_results_to_its_conversations_of_now,
    a_role_limits_the_results_to_messages,
    times_limit_the_results,
    filters_go_together,
    bad_filters_are_all_told,
}

/// What a search for `otters` finds with these filters, the newest first.
async fn with(client: &Client, filters: &[(&str, &str)]) -> Vec<String> {
    let parameters: Vec<_> = [("q", "\"otters\"")]
        .iter()
        .chain(filters)
        .copied()
        .collect();
    let texts = texts(&search(client, &parameters).await).into_iter();
    texts
        .map(|text| text.replace("<mark>otters</mark> ", ""))
        .collect()
}

async fn a_conversation_limits_the_results(app: TestApp) {
    let ann = app.register("ann").await;
    let (one, two) = (ann.conversation().await, ann.conversation().await);
    tell(&app, &ann, &one, "otters one").await;
    tell(&app, &ann, &two, "otters two").await;
    ann.patch(
        &format!("/api/conversations/{one}/"),
        json!({ "title": "otters title" }),
    )
    .await
    .expect(200);
    assert_eq!(with(&ann, &[]).await.len(), 3);
    assert_eq!(
        with(&ann, &[("conversation", &one)]).await,
        ["one", "title"]
    );
    assert_eq!(with(&ann, &[("conversation", &two)]).await, ["two"]);
    assert_eq!(
        with(
            &ann,
            &[("conversation", "00000000-0000-4000-8000-000000000000")]
        )
        .await,
        [""; 0]
    );
}

async fn an_agent_limits_the_results_to_its_conversations_of_now(app: TestApp) {
    let ann = app.register("ann").await;
    let (anna, otto) = (
        ann.agent(json!({ "name": "Anna" })).await,
        ann.agent(json!({ "name": "Otto" })).await,
    );
    let (one, two) = (
        ann.conversation_with(&anna).await,
        ann.conversation_with(&otto).await,
    );
    tell(&app, &ann, &one, "otters one").await;
    tell(&app, &ann, &two, "otters two").await;
    assert_eq!(with(&ann, &[("agent", &anna)]).await, ["one"]);
    assert_eq!(with(&ann, &[("agent", &otto)]).await, ["two"]);
    let body = json!({ "title": "otters title", "agent": otto });
    ann.patch(&format!("/api/conversations/{one}/"), body)
        .await
        .expect(200);
    assert_eq!(with(&ann, &[("agent", &anna)]).await, [""; 0]);
    assert_eq!(
        with(&ann, &[("agent", &otto)]).await,
        ["two", "one", "title"]
    );
}

async fn a_role_limits_the_results_to_messages(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    ann.say(&conversation, "otters swim").await.expect(200);
    ann.patch(
        &format!("/api/conversations/{conversation}/"),
        json!({ "title": "otters title" }),
    )
    .await
    .expect(200);
    assert_eq!(with(&ann, &[("role", "user")]).await, ["swim"]);
    assert_eq!(
        with(&ann, &[("role", "assistant")]).await,
        ["You said: swim"]
    );
    assert_eq!(with(&ann, &[("role", "system")]).await, [""; 0]);
    assert_eq!(with(&ann, &[]).await.len(), 3);
}

async fn times_limit_the_results(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut times = Vec::new();
    for text in ["otters 0", "otters 1", "otters 2"] {
        let turn = tell(&app, &ann, &conversation, text).await;
        times.push(
            turn["user_message"]["created_at"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(with(&ann, &[("after", &times[1])]).await, ["2", "1"]);
    assert_eq!(with(&ann, &[("before", &times[1])]).await, ["0"]);
    assert_eq!(
        with(&ann, &[("after", &times[1]), ("before", &times[2])]).await,
        ["1"]
    );
    for (name, value, length) in [
        ("after", "2020-01-01", 3),
        ("before", "2020-01-01", 0),
        ("before", "2999-12-31T23:59:59Z", 3),
        ("after", "2999-12-31T23:59:59", 0),
        ("after", "0001-01-01T00:00:00.5-01:00", 3),
        ("before", "1960-06-01", 0),
        ("after", "2100-06-15", 0),
    ] {
        assert_eq!(
            with(&ann, &[(name, value)]).await.len(),
            length,
            "{name} {value}"
        );
    }
}

async fn filters_go_together(app: TestApp) {
    let ann = app.register("ann").await;
    let (one, two) = (ann.conversation().await, ann.conversation().await);
    ann.say(&one, "otters one").await.expect(200);
    ann.say(&two, "otters two").await.expect(200);
    let agent = ann.get("/api/agents/default/").await.expect(200)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let all = [
        ("conversation", one.as_str()),
        ("agent", &agent),
        ("role", "user"),
        ("after", "2020-02-02"),
        ("before", "2199-01-01"),
    ];
    assert_eq!(with(&ann, &all).await, ["one"]);
}

async fn bad_filters_are_all_told(app: TestApp) {
    let ann = app.register("ann").await;
    let parameters = [
        ("q", "x".repeat(501)),
        ("conversation", "nonsense".to_owned()),
        ("agent", "1".to_owned()),
        ("role", "boss".to_owned()),
        ("after", "yesterday".to_owned()),
        ("before", "2026-13-01".to_owned()),
        ("limit", "51".to_owned()),
        ("cursor", "nonsense".to_owned()),
    ];
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let wrong_time = "Datetime has wrong format. Use YYYY-MM-DD or YYYY-MM-DDThh:mm:ss[.uuuuuu][+HH:MM|-HH:MM|Z].";
    ann.get(&super::address(&parameters)).await.is(
        400,
        &json!({
            "q": ["Ensure this field has no more than 500 characters."],
            "conversation": ["Must be a valid UUID."],
            "agent": ["Must be a valid UUID."],
            "role": ["\"boss\" is not a valid choice."],
            "after": [wrong_time],
            "before": [wrong_time],
            "limit": ["Ensure this value is less than or equal to 50."],
            "cursor": ["Invalid cursor."],
        }),
    );
    for (name, value) in [
        ("limit", "0"),
        ("limit", "-1"),
        ("limit", "many"),
        ("after", "+99999-01-01"),
        ("before", "-0001-01-01"),
        ("before", "0000-01-01T00:00:00Z"),
        ("after", "0001-01-01T00:00:00+01:00"),
        ("role", "USER"),
        ("role", "u\0"),
        ("agent", "\0"),
        ("cursor", "\0"),
    ] {
        let answer = ann
            .get(&super::address(&[("q", "otters"), (name, value)]))
            .await
            .expect(400);
        assert!(answer[name].is_array(), "{name} {value}: {answer}");
    }
    let times = [
        ("q", "otters"),
        ("after", "2026-01-02"),
        ("before", "2026-01-02"),
    ];
    ann.get(&super::address(&times)).await.is(
        400,
        &json!({ "before": ["This must be later than `after`."] }),
    );
    // What is empty is not there.
    assert_eq!(
        with(
            &ann,
            &[
                ("conversation", ""),
                ("role", ""),
                ("after", ""),
                ("cursor", "")
            ]
        )
        .await,
        [""; 0]
    );
}
