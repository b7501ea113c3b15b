//! Deleting, after a look at what goes with it.

use std::time::Duration;

use serde_json::json;

use super::lists::choices;
use crate::support::browser::Rights;
use crate::support::client::id;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_user_goes_with_everything,
    nobody_deletes_themself_or_staff_above_them,
    agents_and_conversations_go_with_their_messages,
    a_question_goes_with_its_answers,
);

async fn a_user_goes_with_everything(app: TestApp) {
    let root = app.staff("root", Rights::SUPERUSER).await;
    let ann = app.register("ann").await;
    let bob = app.register("bob").await;
    for client in [&ann, &bob] {
        let conversation = client.conversation().await;
        client.say(&conversation, "hello").await.expect(200);
        let share = format!("/api/conversations/{conversation}/share/");
        client.post(&share, json!({})).await.expect(201);
    }
    let chosen = [
        ("chosen", ann.id()),
        ("chosen", bob.id()),
        ("action", "delete"),
        ("back", "q=a"),
    ];
    let page = root.submit("/admin/users/", &chosen).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for text in [
        "Delete these 2 users?",
        "<li>ann@example.com</li>",
        "<dt>Agents</dt><dd>2</dd>",
        "<dt>Conversations</dt><dd>2</dd>",
        "<dt>Messages, other versions included</dt><dd>4</dd>",
        "<dt>Public links</dt><dd>2</dd>",
    ] {
        assert!(page.text.contains(text), "{text} {}", page.text);
    }
    ann.get("/api/users/me/").await.expect(200);

    let answer = root.submit("/admin/users/delete/", &chosen).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(answer.header("location"), Some("/admin/users/?q=a"));
    let page = root.get("/admin/users/").await;
    assert!(page.text.contains("Deleted 2 users."), "{}", page.text);
    ann.get("/api/users/me/").await.expect(401);
    assert!(choices(&root.get("/admin/messages/").await).is_empty());
    let log = root.get("/admin/audit/?action=user.delete").await;
    assert!(log.text.contains("ann@example.com") && log.text.contains("bob@example.com"));
    let page = root
        .get(&format!("/admin/users/delete/?chosen={}", ann.id()))
        .await;
    assert_eq!(page.status, 404);
}

async fn nobody_deletes_themself_or_staff_above_them(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let root = app.staff("root", Rights::SUPERUSER).await;
    let ann = app.register("ann").await;
    let everybody = choices(&root.get("/admin/users/?is_staff=yes").await);
    assert_eq!(everybody.len(), 2);
    let fields: Vec<(&str, &str)> = everybody.iter().map(|id| ("chosen", &**id)).collect();
    let answer = staff.submit("/admin/users/delete/", &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let page = staff.get("/admin/users/").await;
    assert!(
        page.text.contains("Deleted 0 users. 2 refused:"),
        "{}",
        page.text
    );
    // The superuser deletes the other one, and stays.
    root.submit("/admin/users/delete/", &fields).await;
    let page = root.get("/admin/users/?sort=email").await;
    assert!(
        page.text.contains("Deleted 1 user. 1 refused:"),
        "{}",
        page.text
    );
    assert_eq!(choices(&page).len(), 2);
    ann.get("/api/users/me/").await.expect(200);
    // Without the token of the session nothing happens.
    let answer = root
        .post("/admin/users/delete/", &[("chosen", ann.id())])
        .await;
    assert_eq!(answer.status, 403);
    ann.get("/api/users/me/").await.expect(200);
}

async fn agents_and_conversations_go_with_their_messages(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let ann = app.register("ann").await;
    let agent = ann
        .agent(json!({ "name": "Bruno", "is_default": true }))
        .await;
    let other = ann
        .agent(json!({ "name": "Milo", "fallback_agent": agent }))
        .await;
    let conversation = ann.conversation_with(&agent).await;
    let kept = ann.conversation_with(&other).await;
    for conversation in [&conversation, &kept] {
        ann.say(conversation, "hello").await.expect(200);
    }
    let chosen = format!("{}/{agent}", ann.id());
    let page = staff
        .get(&format!("/admin/agents/delete/?chosen={chosen}"))
        .await;
    for text in [
        "Bruno (ann@example.com)",
        "<dt>Conversations</dt><dd>1</dd>",
        "<dd>2</dd>",
    ] {
        assert!(page.text.contains(text), "{text} {}", page.text);
    }
    let answer = staff
        .submit("/admin/agents/delete/", &[("chosen", &chosen)])
        .await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    ann.get(&format!("/api/conversations/{conversation}/"))
        .await
        .expect(404);
    let milo = ann.get(&format!("/api/agents/{other}/")).await.expect(200);
    assert_eq!(milo["fallback_agent"], json!(null));

    let chosen = format!("{}/{kept}", ann.id());
    let page = staff
        .submit(
            "/admin/conversations/",
            &[("chosen", &chosen), ("action", "delete")],
        )
        .await;
    assert!(
        page.text.contains("Delete this conversation?"),
        "{}",
        page.text
    );
    staff
        .submit("/admin/conversations/delete/", &[("chosen", &chosen)])
        .await;
    ann.get(&format!("/api/conversations/{kept}/"))
        .await
        .expect(404);
    // Again there is nothing to do.
    staff
        .submit("/admin/conversations/delete/", &[("chosen", &chosen)])
        .await;
    let page = staff.get("/admin/conversations/").await;
    assert!(
        page.text.contains("Nothing had to be done about 1."),
        "{}",
        page.text
    );
    for action in ["agent.delete", "conversation.delete"] {
        let log = staff.get(&format!("/admin/audit/?action={action}")).await;
        assert_eq!(
            log.text.matches(&format!("<td>{action}</td>")).count(),
            1,
            "{}",
            log.text
        );
    }
}

async fn a_question_goes_with_its_answers(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    for content in ["one", "two"] {
        ann.say(&conversation, content).await.expect(200);
    }
    let messages = ann.messages(&conversation).await;
    let question = format!("{}/{}", ann.id(), id(&messages[0]));
    let page = staff
        .get(&format!("/admin/messages/delete/?chosen={question}"))
        .await;
    assert!(page.text.contains("<dd>1</dd>"), "{}", page.text);
    let answer = staff
        .submit("/admin/messages/delete/", &[("chosen", &question)])
        .await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let left = ann
        .get(&format!("/api/conversations/{conversation}/"))
        .await
        .expect(200);
    assert_eq!(left["message_count"], 2);
    assert_eq!(left["messages"][0]["content"], "two");
    let log = staff.get("/admin/audit/?action=message.delete").await;
    assert!(log.text.contains(&conversation), "{}", log.text);
    tokio::time::timeout(Duration::from_secs(5), ann.say(&conversation, "three"))
        .await
        .unwrap()
        .expect(200);
}
