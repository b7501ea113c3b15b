//! The list of messages, and the page of each.

use meggy::db::Executor;
use uuid::Uuid;

use super::lists::{choices, firsts, walk};
use crate::support::browser::{Browser, Rights};
use crate::support::client::id;
use crate::support::{Client, TestApp, on_each_database};

on_each_database!(
    messages_are_narrowed_and_searched,
    contents_are_searched_and_shown_on_request,
    messages_are_paged_both_ways_without_gaps,
    a_message_shows_its_content_only_to_readers,
);

/// A conversation of this title in which something was said.
async fn talk(client: &Client, title: &str, said: &[&str]) -> String {
    let conversation = client.conversation().await;
    let path = format!("/api/conversations/{conversation}/");
    client
        .patch(&path, serde_json::json!({ "title": title }))
        .await
        .expect(200);
    for content in said {
        client.say(&conversation, content).await.expect(200);
    }
    conversation
}

async fn count(browser: &Browser, query: &str) -> usize {
    let page = browser.get(&format!("/admin/messages/?{query}")).await;
    assert_eq!(page.status, 200, "{query} {}", page.text);
    let number = choices(&page).len();
    let noun = if number == 1 { "message" } else { "messages" };
    assert!(
        page.text.contains(&format!("<caption>{number} {noun}")),
        "{query} {}",
        page.text
    );
    number
}

async fn messages_are_narrowed_and_searched(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let ann = app.register("ann").await;
    let bob = app.register("bob").await;
    talk(&ann, "Green tea", &["one", "two"]).await;
    talk(&bob, "Coffee", &["three"]).await;
    app.db
        .query("UPDATE messages SET status = 'failed', model = 'rare' WHERE content = 'You said: three'")
        .execute()
        .await
        .unwrap();
    for (query, number) in [
        ("", 6),
        ("role=user", 3),
        ("role=assistant", 3),
        ("role=system", 0),
        ("status=complete", 5),
        ("status=failed", 1),
        ("status=failed&role=user", 0),
        ("status=pending", 0),
        ("model=gpt-4", 2),
        ("model=rare", 1),
        ("model=rare&status=failed", 1),
        ("model=gpt", 0),
        ("created_at=today", 6),
        ("created_at_to=2020-01-01", 0),
        ("created_at_from=2020-01-01&role=user", 3),
        ("q=TEA", 4),
        ("q=bob@", 2),
        ("q=bob@&status=failed", 1),
        ("q=nothing", 0),
        ("q=three", 0),
        ("q=%25", 0),
    ] {
        assert_eq!(count(&staff, query).await, number, "{query}");
    }
    let of_ann = format!("user={}", ann.id());
    assert_eq!(count(&staff, &of_ann).await, 4);
    assert_eq!(count(&staff, &format!("{of_ann}&q=coffee")).await, 0);
    assert_eq!(
        count(&staff, &format!("{of_ann}&role=user&q=green")).await,
        2
    );
    let page = staff.get("/admin/messages/?sort=created_at").await;
    assert_eq!(
        firsts(&page)[..4],
        ["Green tea", "Green tea", "Green tea", "Green tea"]
    );
}

async fn contents_are_searched_and_shown_on_request(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let reader = app.staff("reader", Rights::READER).await;
    let ann = app.register("ann").await;
    let bob = app.register("bob").await;
    talk(&ann, "Breakfast", &["Darjeeling, please", "And milk"]).await;
    talk(&bob, "Lunch", &["darjeeling again"]).await;
    for (query, number) in [
        ("contents=yes", 6),
        ("contents=yes&q=darjeeling", 4),
        ("contents=yes&q=DARJEELING", 4),
        // Whole words, for the sake of speed.
        ("contents=yes&q=darj", 0),
        ("contents=yes&q=darjeeling&role=user", 2),
        ("contents=yes&q=again darjeeling", 2),
        ("contents=yes&q=\"darjeeling please\"", 2),
        ("contents=yes&q=lunch", 2),
        ("contents=yes&q=nothing", 0),
        ("contents=yes&q=-:*", 0),
    ] {
        assert_eq!(count(&reader, query).await, number, "{query}");
    }
    let of_bob = format!("contents=yes&q=darjeeling&user={}", bob.id());
    assert_eq!(count(&reader, &of_bob).await, 2);
    let page = reader.get("/admin/messages/?contents=yes&q=milk").await;
    assert!(page.text.contains("You said: And milk"), "{}", page.text);
    let log = reader.get("/admin/audit/?action=message.read").await;
    assert!(log.text.contains("q=milk"), "{}", log.text);

    let page = reader.get("/admin/messages/?q=breakfast").await;
    assert!(!page.text.contains("You said"), "only on request");
    for path in [
        "/admin/messages/?contents=yes",
        "/admin/messages/?contents=yes&q=milk",
    ] {
        assert_eq!(staff.get(path).await.status, 403);
    }
    assert!(
        !staff
            .get("/admin/messages/")
            .await
            .text
            .contains("name=\"contents\"")
    );
}

async fn messages_are_paged_both_ways_without_gaps(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let ann = app.register("ann").await;
    talk(&ann, "Green tea", &["x"; 23]).await;
    app.db
        .query("UPDATE messages SET created_at = (SELECT MAX(created_at) FROM messages) WHERE role = 'user'")
        .execute()
        .await
        .unwrap();
    for query in [
        "",
        "&q=green",
        "&q=ann@&sort=created_at",
        "&model=gpt-4",
        "&created_at=year",
        "&role=user",
    ] {
        let start = format!("/admin/messages/?size=20{query}");
        let (forwards, backwards) = walk(&staff, &start).await;
        let mut each = forwards.clone();
        each.sort();
        each.dedup();
        let number = if query.contains("model") || query.contains("role") {
            23
        } else {
            46
        };
        assert_eq!((forwards.len(), each.len()), (number, number), "{start}");
        assert_eq!(forwards, backwards, "{start}");
    }
}

async fn a_message_shows_its_content_only_to_readers(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let reader = app.staff("reader", Rights::READER).await;
    let ann = app.register("ann").await;
    let conversation = talk(&ann, "Green tea", &["a secret plan"]).await;
    let message = id(&ann.messages(&conversation).await[1]);
    let path = format!("/admin/messages/{}/{message}/", ann.id());
    let answer = staff.get(&format!("/admin/messages/{message}/")).await;
    assert_eq!(answer.header("location"), Some(&*path));
    let page = staff.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("23 characters"), "{}", page.text);
    assert!(!page.text.contains("You said"));
    let page = reader.get(&path).await;
    assert!(
        page.text.contains("You said: a secret plan"),
        "{}",
        page.text
    );
    assert!(page.text.contains("message.read"), "{}", page.text);
    // Somebody else's message is not found under another owner.
    let other = app.register("bob").await;
    let path = format!("/admin/messages/{}/{message}/", other.id());
    assert_eq!(staff.get(&path).await.status, 404);
    assert!(Uuid::parse_str(&message).is_ok());
}
