//! Conversations: beginning, reading, changing, listing, deleting.

use serde_json::{Value, json};

use crate::support::client::id;
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_conversation_begins_empty,
    a_detail_shows_all_messages_and_a_list_the_last,
    a_preview_has_the_first_hundred_characters,
    an_agent_is_required_and_checked,
    a_title_is_checked_along_with_the_agent,
    an_agent_may_be_spelled_in_any_way,
    put_wants_the_agent_and_leaves_the_title,
    any_change_moves_a_conversation_to_the_front,
    a_conversation_can_change_its_agent,
    a_deleted_conversation_takes_its_messages_along,
    a_failed_change_changes_nothing,
}

const CONVERSATIONS: &str = "/api/conversations/";

fn at(conversation: &str) -> String {
    format!("/api/conversations/{conversation}/")
}

async fn listed(client: &Client) -> Vec<Value> {
    client.get(CONVERSATIONS).await.expect(200)["results"]
        .as_array()
        .unwrap()
        .clone()
}

async fn titles(client: &Client) -> Vec<Value> {
    listed(client)
        .await
        .into_iter()
        .map(|conversation| conversation["title"].clone())
        .collect()
}

async fn a_conversation_begins_empty(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({})).await;
    let body = json!({ "agent": agent, "message_count": 9, "messages": [1], "user": "x" });
    let conversation = ann.post(CONVERSATIONS, body).await.expect(201);
    let expected = json!({
        "id": conversation["id"], "agent": agent, "title": "New Conversation", "messages": [], "message_count": 0,
        "created_at": conversation["created_at"], "updated_at": conversation["created_at"],
        "is_pinned": false, "is_archived": false, "tags": [],
    });
    assert_eq!(conversation, expected);
    ann.get(&at(&id(&conversation)))
        .await
        .is(200, &conversation);
    let list = listed(&ann).await;
    let expected = json!([{
        "id": conversation["id"], "agent": agent, "title": "New Conversation", "message_count": 0,
        "last_message": null, "created_at": conversation["created_at"], "updated_at": conversation["created_at"],
        "is_pinned": false, "is_archived": false, "tags": [],
    }]);
    assert_eq!(json!(list), expected);
}

async fn a_detail_shows_all_messages_and_a_list_the_last(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut said = Vec::new();
    for content in ["one", "two"] {
        let turn = ann.say(&conversation, content).await.expect(200);
        said.extend([
            turn["user_message"].clone(),
            turn["assistant_message"].clone(),
        ]);
    }
    let detail = ann.get(&at(&conversation)).await.expect(200);
    assert_eq!(detail["messages"], json!(said));
    assert_eq!(detail["message_count"], 4);
    let last = &listed(&ann).await[0];
    assert_eq!(last["message_count"], 4);
    let expected = json!({ "role": "assistant", "content": "You said: two", "created_at": said[3]["created_at"] });
    assert_eq!(last["last_message"], expected);
    assert_eq!(last["updated_at"], detail["updated_at"]);
    assert!(last["updated_at"].as_str() >= said[3]["created_at"].as_str());
}

async fn a_preview_has_the_first_hundred_characters(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let long = "🦀é".repeat(80);
    ann.say(&conversation, &long).await.expect(200);
    let preview = listed(&ann).await[0]["last_message"]["content"]
        .as_str()
        .unwrap()
        .to_owned();
    let whole = format!("You said: {long}");
    assert_eq!(preview, whole.chars().take(100).collect::<String>());
    assert_eq!(ann.messages(&conversation).await[1]["content"], whole);
}

async fn an_agent_is_required_and_checked(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let bobs = bob.agent(json!({})).await;
    let unknown = "00000000-0000-4000-8000-000000000000";
    let missing = |sent: &str| format!("Invalid pk \"{sent}\" - object does not exist.");
    for (agent, message) in [
        (json!(null), "This field may not be null.".to_owned()),
        (json!(""), "This field may not be null.".to_owned()),
        (json!("abc"), "“abc” is not a valid UUID.".to_owned()),
        (json!(unknown), missing(unknown)),
        (json!(bobs), missing(&bobs)),
        (json!(5), missing("5")),
        (
            json!(true),
            "Incorrect type. Expected pk value, received bool.".to_owned(),
        ),
        (
            json!([unknown]),
            "Incorrect type. Expected pk value, received list.".to_owned(),
        ),
        (
            json!({ "id": unknown }),
            "Incorrect type. Expected pk value, received dict.".to_owned(),
        ),
    ] {
        let answer = ann.post(CONVERSATIONS, json!({ "agent": agent })).await;
        assert_eq!(
            (answer.status, &answer.json),
            (400, &json!({ "agent": [message] })),
            "{agent}"
        );
    }
    ann.post(CONVERSATIONS, json!({}))
        .await
        .is(400, &json!({ "agent": ["This field is required."] }));
    assert!(listed(&ann).await.is_empty());
}

async fn a_title_is_checked_along_with_the_agent(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({})).await;
    for (title, message) in [
        (json!(null), "This field may not be null."),
        (json!(" "), "This field may not be blank."),
        (json!([]), "Not a valid string."),
        (
            json!("t".repeat(201)),
            "Ensure this field has no more than 200 characters.",
        ),
        (json!("a\u{0}b"), "Null characters are not allowed."),
    ] {
        let errors = json!({ "title": [message], "agent": ["“x” is not a valid UUID."] });
        ann.post(CONVERSATIONS, json!({ "title": title, "agent": "x" }))
            .await
            .is(400, &errors);
        ann.post(CONVERSATIONS, json!({ "title": title, "agent": agent }))
            .await
            .is(400, &json!({ "title": [message] }));
    }
    let longest = "ü".repeat(200);
    let body = json!({ "agent": agent, "title": format!(" {longest} ") });
    assert_eq!(
        ann.post(CONVERSATIONS, body).await.expect(201)["title"],
        longest
    );
}

async fn an_agent_may_be_spelled_in_any_way(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({})).await;
    for spelled in [agent.to_uppercase(), agent.replace('-', "")] {
        let conversation = ann
            .post(CONVERSATIONS, json!({ "agent": spelled }))
            .await
            .expect(201);
        assert_eq!(conversation["agent"], agent);
        ann.get(&at(&id(&conversation).to_uppercase().replace('-', "")))
            .await
            .is(200, &conversation);
    }
}

async fn put_wants_the_agent_and_leaves_the_title(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({})).await;
    let before = ann
        .post(CONVERSATIONS, json!({ "agent": agent, "title": "Mine" }))
        .await
        .expect(201);
    let conversation = at(&id(&before));
    ann.put(&conversation, json!({ "title": "x" }))
        .await
        .is(400, &json!({ "agent": ["This field is required."] }));
    let after = ann
        .put(&conversation, json!({ "agent": agent }))
        .await
        .expect(200);
    assert_eq!(after["title"], "Mine");
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str());
    let after = ann
        .patch(&conversation, json!({ "title": "Other" }))
        .await
        .expect(200);
    assert_eq!(
        (&after["title"], &after["agent"]),
        (&json!("Other"), &json!(agent))
    );
}

async fn any_change_moves_a_conversation_to_the_front(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({})).await;
    let mut ids = Vec::new();
    for title in ["a", "b", "c"] {
        ids.push(id(&ann
            .post(CONVERSATIONS, json!({ "agent": agent, "title": title }))
            .await
            .expect(201)));
    }
    assert_eq!(titles(&ann).await, ["c", "b", "a"]);
    ann.patch(&at(&ids[0]), json!({})).await.expect(200);
    assert_eq!(titles(&ann).await, ["a", "c", "b"]);
    ann.put(&at(&ids[1]), json!({ "agent": agent }))
        .await
        .expect(200);
    assert_eq!(titles(&ann).await, ["b", "a", "c"]);
    ann.say(&ids[2], "Hello").await.expect(200);
    assert_eq!(titles(&ann).await, ["c", "b", "a"]);
    ann.get(&at(&ids[0])).await.expect(200);
    assert_eq!(titles(&ann).await, ["c", "b", "a"], "reading moves nothing");
}

async fn a_conversation_can_change_its_agent(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let conversation = ann.conversation().await;
    let other = ann.agent(json!({ "name": "Other", "model": "m2" })).await;
    let bobs = bob.agent(json!({})).await;
    let message = format!("Invalid pk \"{bobs}\" - object does not exist.");
    ann.patch(&at(&conversation), json!({ "agent": bobs }))
        .await
        .is(400, &json!({ "agent": [message] }));
    ann.say(&conversation, "before").await.expect(200);
    ann.patch(&at(&conversation), json!({ "agent": other }))
        .await
        .expect(200);
    ann.say(&conversation, "after").await.expect(200);
    let models: Vec<_> = ann
        .messages(&conversation)
        .await
        .iter()
        .map(|message| message["model"].clone())
        .collect();
    assert_eq!(models, ["", "gpt-4", "", "m2"]);
}

async fn a_deleted_conversation_takes_its_messages_along(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let kept = ann.conversation().await;
    let message = id(&ann.say(&conversation, "Hello").await.expect(200)["user_message"]);
    ann.say(&kept, "Hello").await.expect(200);
    let answer = ann.delete(&at(&conversation)).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    ann.delete(&at(&conversation)).await.expect(404);
    ann.get(&format!("/api/messages/{message}/"))
        .await
        .expect(404);
    assert_eq!(ann.get("/api/messages/").await.expect(200)["count"], 2);
    assert_eq!(ann.get("/api/agents/").await.expect(200)["count"], 1);
}

async fn a_failed_change_changes_nothing(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let before = ann.get(&at(&conversation)).await.expect(200);
    ann.patch(
        &at(&conversation),
        json!({ "title": "New", "agent": "nonsense" }),
    )
    .await
    .expect(400);
    ann.patch(
        &at(&conversation),
        json!({ "title": "", "agent": before["agent"] }),
    )
    .await
    .expect(400);
    ann.get(&at(&conversation)).await.is(200, &before);
}
