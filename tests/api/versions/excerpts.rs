//! Reading a long conversation part by part.

use serde_json::{Value, json};

use super::{NOBODYS, ann_said, contents, edit, ids, regenerate, select};
use crate::support::client::id;
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_conversation_is_read_from_its_end_to_its_beginning,
    what_came_since_is_read_by_cursor,
    which_version_a_message_is_stands_in_the_list,
    cursors_outlive_what_they_name_being_hidden,
    bad_cursors_and_limits_are_refused,
    messages_are_listed_by_conversation,
    the_newest_messages_come_as_a_bare_array,
    a_conversation_is_shown_without_its_messages_or_with_the_last_ones,
}

const SAID: [&str; 5] = ["a", "b", "c", "d", "e"];

async fn read(client: &Client, conversation: &str, query: &str) -> Value {
    let path = format!("/api/conversations/{conversation}/messages/{query}");
    client.get(&path).await.expect(200)
}

/// The ids in a list.
fn listed(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(id).collect()
}

async fn a_conversation_is_read_from_its_end_to_its_beginning(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &SAID).await;
    let all = ids(&ann, &conversation).await;
    for limit in [1, 3, 4, 5, 9, 10, 11, 200] {
        let mut seen: Vec<String> = Vec::new();
        let mut page = read(&ann, &conversation, &format!("?limit={limit}")).await;
        loop {
            let ids = listed(&page["results"]);
            assert_eq!(page["after"], *ids.last().unwrap());
            let more = seen.len() + ids.len() < all.len();
            assert_eq!(page["has_more"], more);
            assert_eq!(
                page["before"],
                if more { json!(ids[0]) } else { Value::Null }
            );
            assert_eq!(ids.len(), limit.min(all.len() - seen.len()));
            seen.splice(0..0, ids);
            if !more {
                break;
            }
            let query = format!("?limit={limit}&before={}", page["before"].as_str().unwrap());
            page = read(&ann, &conversation, &query).await;
        }
        assert_eq!(seen, all);
    }
    let page = read(&ann, &conversation, "").await;
    let mut results = page["results"].as_array().unwrap().clone();
    for message in &mut results {
        let fields = message.as_object_mut().unwrap();
        assert_eq!(fields.remove("version"), Some(json!(1)));
        assert_eq!(fields.remove("version_count"), Some(json!(1)));
    }
    assert_eq!(results, ann.messages(&conversation).await);
    let empty = ann.conversation().await;
    let nothing = json!({ "results": [], "has_more": false, "before": null, "after": null });
    assert_eq!(read(&ann, &empty, "").await, nothing);
}

async fn what_came_since_is_read_by_cursor(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &SAID).await;
    let all = ids(&ann, &conversation).await;
    let page = read(&ann, &conversation, &format!("?limit=4&after={}", all[2])).await;
    assert_eq!(listed(&page["results"]), all[3..7]);
    assert_eq!(
        [&page["has_more"], &page["before"], &page["after"]],
        [&json!(true), &json!(all[3]), &json!(all[6])]
    );
    let page = read(&ann, &conversation, &format!("?after={}", all[6])).await;
    assert_eq!(listed(&page["results"]), all[7..]);
    assert_eq!(
        [&page["has_more"], &page["after"]],
        [&json!(false), &json!(all[9])]
    );
    let none = json!({ "results": [], "has_more": false, "before": null, "after": all[9] });
    let after = format!("?after={}", all[9]);
    assert_eq!(read(&ann, &conversation, &after).await, none);
    ann.say(&conversation, "f").await.expect(200);
    let page = read(&ann, &conversation, &after).await;
    let said = page["results"].as_array().unwrap();
    assert_eq!(contents(said), ["f", "You said: f"]);
}

async fn which_version_a_message_is_stands_in_the_list(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["a", "b"]).await;
    let first = ids(&ann, &conversation).await;
    regenerate(&ann, &conversation, &first[3]).await.expect(200);
    regenerate(&ann, &conversation, &first[3]).await.expect(200);
    select(&ann, &conversation, &first[3]).await.expect(200);
    let numbers = async || {
        let page = read(&ann, &conversation, "").await;
        let results = page["results"].as_array().unwrap().iter();
        let numbers: Vec<_> = results
            .map(|message| {
                let number = |name: &str| message[name].as_i64().unwrap();
                (number("version"), number("version_count"))
            })
            .collect();
        numbers
    };
    assert_eq!(numbers().await, [(1, 1), (1, 1), (1, 1), (1, 3)]);
    let body = json!({ "content": "aa", "regenerate": true });
    edit(&ann, &conversation, &first[0], body).await.expect(200);
    assert_eq!(numbers().await, [(2, 2), (1, 1)]);
}

async fn cursors_outlive_what_they_name_being_hidden(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &SAID).await;
    let first = ids(&ann, &conversation).await;
    regenerate(&ann, &conversation, &first[5]).await.expect(200);
    let page = read(&ann, &conversation, &format!("?before={}", first[7])).await;
    assert_eq!(listed(&page["results"]), first[..5]);
    let page = read(&ann, &conversation, &format!("?after={}", first[7])).await;
    assert_eq!(
        listed(&page["results"]),
        ids(&ann, &conversation).await[5..]
    );
}

async fn bad_cursors_and_limits_are_refused(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &["a"]).await;
    let bob = app.register("bob").await;
    let bobs = bob.conversation().await;
    let all = ids(&ann, &conversation).await;
    let unknown = json!(["There is no such message in this conversation."]);
    for (query, expected) in [
        (
            "limit=0".to_owned(),
            json!({ "limit": ["Ensure this value is greater than or equal to 1."] }),
        ),
        (
            "limit=201".to_owned(),
            json!({ "limit": ["Ensure this value is less than or equal to 200."] }),
        ),
        (
            "limit=".to_owned(),
            json!({ "limit": ["A valid integer is required."] }),
        ),
        (
            "limit=-1".to_owned(),
            json!({ "limit": ["Ensure this value is greater than or equal to 1."] }),
        ),
        (
            "limit=x&before=y&after=z".to_owned(),
            json!({
                "limit": ["A valid integer is required."], "before": ["Must be a valid UUID."],
                "after": ["Must be a valid UUID."],
            }),
        ),
        (
            format!("before={}&after={}", all[0], all[1]),
            json!({ "after": ["Give either before or after, not both."] }),
        ),
        (format!("before={NOBODYS}"), json!({ "before": unknown })),
        (format!("after={NOBODYS}"), json!({ "after": unknown })),
        (
            "before=%00".to_owned(),
            json!({ "before": ["Must be a valid UUID."] }),
        ),
    ] {
        let path = format!("/api/conversations/{conversation}/messages/?{query}");
        ann.get(&path).await.is(400, &expected);
    }
    let strangers = format!("/api/conversations/{bobs}/messages/?before={}", all[1]);
    bob.get(&strangers)
        .await
        .is(400, &json!({ "before": unknown }));
    for id in [&*conversation, NOBODYS, "nonsense"] {
        let path = format!("/api/conversations/{id}/messages/");
        bob.get(&path)
            .await
            .is(404, &json!({ "detail": "Not found." }));
    }
}

async fn messages_are_listed_by_conversation(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &[]).await;
    for number in 0..11 {
        ann.say(&conversation, &number.to_string())
            .await
            .expect(200);
    }
    let other = ann.conversation().await;
    ann.say(&other, "elsewhere").await.expect(200);
    let messages = ann.messages(&conversation).await;
    let path = format!("/api/messages/?conversation={conversation}");
    let page = ann.get(&path).await.expect(200);
    assert_eq!(page["count"], 22);
    assert_eq!(page["results"], json!(messages[..20]));
    let next = page["next"]
        .as_str()
        .unwrap()
        .strip_prefix(&app.base)
        .unwrap();
    let page = ann.get(next).await.expect(200);
    assert_eq!(page["results"], json!(messages[20..]));
    assert_eq!(ann.get("/api/messages/").await.expect(200)["count"], 24);
    let bob = app.register("bob").await;
    let nothing = json!({ "count": 0, "next": null, "previous": null, "results": [] });
    for id in [&*conversation, NOBODYS] {
        bob.get(&format!("/api/messages/?conversation={id}"))
            .await
            .is(200, &nothing);
    }
    ann.get("/api/messages/?conversation=x")
        .await
        .is(400, &json!({ "conversation": ["Must be a valid UUID."] }));
    // Without a conversation the parameters mean nothing, as ever; nor, by the contract, with a role.
    let with_role = format!("/api/messages/?conversation={conversation}&role=user");
    assert_eq!(ann.get(&with_role).await.expect(200)["count"], 24);
    assert_eq!(
        ann.get("/api/messages/?limit=x&before=y").await.expect(200)["count"],
        24
    );
}

async fn the_newest_messages_come_as_a_bare_array(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &SAID).await;
    let all = ids(&ann, &conversation).await;
    let get = async |query: String| {
        let path = format!("/api/messages/?conversation={conversation}{query}");
        ann.get(&path).await
    };
    let newest = get("&limit=3".to_owned()).await.expect(200);
    assert_eq!(listed(&newest), all[7..]);
    let before = get(format!("&limit=4&before={}", all[7])).await.expect(200);
    assert_eq!(listed(&before), all[3..7]);
    let before = get(format!("&before={}", all[2])).await.expect(200);
    assert_eq!(listed(&before), all[..2]);
    get(format!("&limit=2&before={}", all[0]))
        .await
        .is(200, &json!([]));
    let unknown = json!({ "before": ["There is no such message in this conversation."] });
    get(format!("&limit=2&before={NOBODYS}"))
        .await
        .is(400, &unknown);
    assert_eq!(get("&limit=0".to_owned()).await.status, 400);
    let bob = app.register("bob").await;
    bob.get(&format!(
        "/api/messages/?conversation={conversation}&limit=3"
    ))
    .await
    .is(200, &json!([]));
}

async fn a_conversation_is_shown_without_its_messages_or_with_the_last_ones(app: TestApp) {
    let (ann, conversation) = ann_said(&app, &SAID).await;
    let path = format!("/api/conversations/{conversation}/");
    let whole = ann.get(&path).await.expect(200);
    ann.get(&format!("{path}?messages=all"))
        .await
        .is(200, &whole);
    for (wanted, number) in [("none", 0), ("last:1", 1), ("last:3", 3), ("last:200", 10)] {
        let mut expected = whole.clone();
        let messages = whole["messages"].as_array().unwrap();
        expected["messages"] = json!(messages[10 - number..]);
        ann.get(&format!("{path}?messages={wanted}"))
            .await
            .is(200, &expected);
        let ui = format!("{path}?format=ui&messages={wanted}");
        let ui = ann.get(&ui).await.expect(200);
        assert_eq!(ui["messages"].as_array().unwrap().len(), number);
    }
    let refusal = json!({ "messages": ["Must be all, none or last:N, with N from 1 to 200."] });
    for wanted in [
        "", "last", "last:", "last:0", "last:201", "last:-1", "some", "%00",
    ] {
        ann.get(&format!("{path}?messages={wanted}"))
            .await
            .is(400, &refusal);
    }
}
