//! The list of conversations, and the page of each.

use serde_json::json;

use super::lists::{firsts, walk};
use crate::support::browser::Rights;
use crate::support::client::id as id_of;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    conversations_are_found_and_sorted,
    a_conversation_shows_contents_only_to_readers,
    a_title_that_a_question_was_made_to_is_shown_to_nobody,
    a_title_is_changed,
);

async fn conversations_are_found_and_sorted(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let ann = app.register("ann").await;
    let bob = app.register("bob").await;
    for (client, title) in [
        (&ann, "Green tea"),
        (&ann, "black coffee"),
        (&bob, "Tea and milk"),
    ] {
        let id = client.conversation().await;
        let path = format!("/api/conversations/{id}/");
        client
            .patch(&path, json!({ "title": title }))
            .await
            .expect(200);
        if title == "black coffee" {
            let marks = json!({ "is_pinned": true, "is_archived": true });
            client.patch(&path, marks).await.expect(200);
        }
    }
    for (query, found) in [
        ("", vec!["Tea and milk", "black coffee", "Green tea"]),
        (
            "?sort=title",
            vec!["black coffee", "Green tea", "Tea and milk"],
        ),
        (
            "?sort=-title",
            vec!["Tea and milk", "Green tea", "black coffee"],
        ),
        ("?q=TEA&sort=created_at", vec!["Green tea", "Tea and milk"]),
        ("?q=bob@", vec!["Tea and milk"]),
        ("?q=nothing", vec![]),
        ("?archived=yes", vec!["black coffee"]),
        ("?pinned=no", vec!["Tea and milk", "Green tea"]),
        (
            "?created_at=today&updated_at=week&q=green",
            vec!["Green tea"],
        ),
        ("?updated_at_to=2020-01-01", vec![]),
        ("?sort=title&created_at_to=2020-01-01", vec![]),
    ] {
        let page = staff.get(&format!("/admin/conversations/{query}")).await;
        assert_eq!(firsts(&page), found, "{query}");
    }
    let path = format!("/admin/conversations/?user={}&sort=title", ann.id());
    let page = staff.get(&path).await;
    assert_eq!(firsts(&page), ["black coffee", "Green tea"]);
    for _ in 0..40 {
        bob.conversation().await;
    }
    for sort in ["title", "created_at", "updated_at"] {
        for minus in ["", "-"] {
            let start = format!("/admin/conversations/?size=20&sort={minus}{sort}");
            let (forwards, backwards) = walk(&staff, &start).await;
            let mut each = forwards.clone();
            each.sort();
            each.dedup();
            assert_eq!((forwards.len(), each.len()), (43, 43), "{start}");
            assert_eq!(forwards, backwards, "{start}");
        }
    }
}

async fn a_conversation_shows_contents_only_to_readers(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let reader = app.staff("reader", Rights::READER).await;
    let ann = app.register("ann").await;
    let id = ann.conversation().await;
    ann.say(&id, "a <b>secret</b> plan").await.expect(200);
    let path = format!("/admin/conversations/{}/{id}/", ann.id());
    let answer = staff.get(&format!("/admin/conversations/{id}/")).await;
    assert_eq!(answer.header("location"), Some(&*path));

    let page = staff.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(
        page.text.contains("assistant") && page.text.contains("gpt-4"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("You said"));
    let log = staff.get("/admin/audit/?action=message.read").await;
    assert!(
        !log.text.contains("helper@example.com</td>"),
        "nothing was read"
    );

    let page = reader.get(&path).await;
    assert!(
        page.text.contains("You said: a &#60;b&#62;secret"),
        "{}",
        page.text
    );
    let log = reader
        .get("/admin/audit/?action=message.read&actor=reader@example.com")
        .await;
    assert!(log.text.contains("messages: 2"), "{}", log.text);
    assert!(!log.text.contains("secret</td>"));
    let page = reader.get(&format!("{path}?after=x")).await;
    assert_eq!(page.status, 400);
}

async fn a_title_that_a_question_was_made_to_is_shown_to_nobody(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let ann = app.register("ann").await;
    let id = ann.conversation().await;
    let turn = ann.say(&id, "My diagnosis").await.expect(200);
    let message = id_of(&turn["user_message"]);
    let detail = ann.get(&format!("/api/conversations/{id}/")).await;
    assert_eq!(detail.expect(200)["title"], "My diagnosis");
    let fork = ann
        .post(&format!("/api/conversations/{id}/fork/"), json!({}))
        .await
        .expect(201);
    assert_eq!(fork["title"], "My diagnosis (fork)");
    let fork = id_of(&fork);
    let owner = ann.id();
    for path in [
        &format!("/admin/conversations/{owner}/{fork}/"),
        "/admin/conversations/",
        "/admin/conversations/csv/",
        "/admin/conversations/?sort=title",
        "/admin/messages/",
        "/admin/messages/csv/",
        &format!("/admin/conversations/{owner}/{id}/"),
        &format!("/admin/conversations/delete/?chosen={owner}/{id}"),
        &format!("/admin/messages/{owner}/{message}/"),
        &format!("/admin/messages/delete/?chosen={owner}/{message}"),
    ] {
        let page = staff.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(
            page.text.contains("New Conversation"),
            "{path}: {}",
            page.text
        );
        assert!(!page.text.contains("iagnosis"), "{path}: {}", page.text);
    }
    for list in ["conversations", "messages"] {
        let found = staff.get(&format!("/admin/{list}/?q=diagnosis")).await;
        assert_eq!(firsts(&found), [""; 0], "{list}");
    }
    let answer = staff
        .submit(
            "/admin/conversations/delete/",
            &[("chosen", &format!("{owner}/{id}"))],
        )
        .await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let log = staff.get("/admin/audit/").await;
    assert!(log.text.contains("conversation.delete"), "{}", log.text);
    assert!(!log.text.contains("iagnosis"), "{}", log.text);
}

async fn a_title_is_changed(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let ann = app.register("ann").await;
    let id = ann.conversation().await;
    let path = format!("/admin/conversations/{}/{id}/", ann.id());
    let answer = staff.submit(&path, &[("title", "Tea")]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let conversation = ann
        .get(&format!("/api/conversations/{id}/"))
        .await
        .expect(200);
    assert_eq!(conversation["title"], "Tea");
    let page = staff.get(&path).await;
    assert!(
        page.text.contains("title: “New Conversation” → “Tea”"),
        "{}",
        page.text
    );
    for title in ["", &"x".repeat(201)] {
        let answer = staff.submit(&path, &[("title", title)]).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.text.contains("title-errors"), "{}", answer.text);
    }
}
