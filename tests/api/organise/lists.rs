//! Filters, and lists that are read on by cursor.

use serde_json::{Value, json};

use super::{CONVERSATIONS, at, begin, titles, titles_in};
use crate::support::client::id;
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    filters_narrow_a_list,
    a_title_is_searched_as_it_is_written,
    filters_go_along_from_page_to_page,
    bad_filters_are_told,
    a_list_is_read_to_its_end_by_cursor,
    what_moves_meanwhile_is_told_once_at_most,
    bad_cursors_are_told,
    lists_by_filter_hold_only_ones_own,
}

async fn filters_narrow_a_list(app: TestApp) {
    let ann = app.register("ann").await;
    let other = ann.agent(json!({ "name": "Other" })).await;
    begin(&ann, json!({ "title": "Plain" })).await;
    begin(
        &ann,
        json!({ "title": "Pinned", "is_pinned": true, "tags": ["work", "x"] }),
    )
    .await;
    begin(
        &ann,
        json!({ "title": "Away", "is_archived": true, "tags": ["work"] }),
    )
    .await;
    let body = json!({ "agent": other, "title": "Both", "is_archived": true, "is_pinned": true, "tags": ["\",\""] });
    ann.post(CONVERSATIONS, body).await.expect(201);
    for (query, expected) in [
        ("", &["Both", "Away", "Pinned", "Plain"][..]),
        ("archived=false", &["Pinned", "Plain"]),
        ("archived=1", &["Both", "Away"]),
        ("pinned=true", &["Both", "Pinned"]),
        ("pinned=True&archived=no", &["Pinned"]),
        ("tag=work", &["Away", "Pinned"]),
        ("tag=work&archived=true", &["Away"]),
        ("tag=%20x%20", &["Pinned"]),
        ("tag=wor", &[]),
        ("tag=%22%2C%22", &["Both"]),
        ("tag=%22", &[]),
        ("q=P", &["Pinned", "Plain"]),
        ("q=pLaIn&pinned=false", &["Plain"]),
        ("q=nobody", &[]),
        (&format!("agent={other}"), &["Both"]),
        (&format!("agent={}", other.to_uppercase()), &["Both"]),
        (&format!("agent={}", super::NOBODYS), &[]),
    ] {
        assert_eq!(
            titles(&ann, &format!("?{query}")).await,
            expected,
            "{query}"
        );
        let by_cursor = format!("?{query}&cursor=");
        assert_eq!(titles(&ann, &by_cursor).await, expected, "{by_cursor}");
        let list = ann
            .get(&format!("{CONVERSATIONS}?{query}"))
            .await
            .expect(200);
        assert_eq!(list["count"], expected.len());
    }
}

async fn a_title_is_searched_as_it_is_written(app: TestApp) {
    let ann = app.register("ann").await;
    for title in [
        "100% sure",
        "a_b",
        "axb",
        "C:\\dir",
        "it's \"so\"",
        "Ünlü 🦀",
        "日本語",
    ] {
        begin(&ann, json!({ "title": title })).await;
    }
    for (q, expected) in [
        ("%25", "100% sure"),
        ("_", "a_b"),
        ("A_B", "a_b"),
        ("%5C", "C:\\dir"),
        ("%27s+%22", "it's \"so\""),
        ("%F0%9F%A6%80", "Ünlü 🦀"),
        ("%E6%9C%AC", "日本語"),
    ] {
        assert_eq!(titles(&ann, &format!("?q={q}")).await, [expected], "{q}");
    }
}

async fn filters_go_along_from_page_to_page(app: TestApp) {
    let ann = app.register("ann").await;
    for number in 0..43 {
        let body = json!({ "title": format!("{number}"), "is_pinned": number % 2 == 0 });
        begin(&ann, body).await;
    }
    let mut next = format!("{CONVERSATIONS}?pinned=true");
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let page = ann.get(&next).await.expect(200);
        assert_eq!(page["count"], 22);
        seen.extend(titles_in(&page));
        pages += 1;
        match page["next"].as_str() {
            Some(link) => next = link.strip_prefix(&app.base).unwrap().to_owned(),
            None => break,
        }
    }
    let expected: Vec<String> = (0..43)
        .rev()
        .filter(|n| n % 2 == 0)
        .map(|n| n.to_string())
        .collect();
    assert_eq!((seen, pages), (expected, 2));
    ann.get(&format!("{CONVERSATIONS}?pinned=true&page=3"))
        .await
        .is(404, &json!({ "detail": "Invalid page." }));
}

async fn bad_filters_are_told(app: TestApp) {
    let ann = app.register("ann").await;
    let boolean = "Must be a valid boolean.";
    for (query, field, message) in [
        ("archived=maybe", "archived", boolean),
        ("archived=", "archived", boolean),
        ("pinned=2", "pinned", boolean),
        ("agent=x", "agent", "Must be a valid UUID."),
        ("agent=", "agent", "Must be a valid UUID."),
        ("tag=", "tag", "This field may not be blank."),
        ("tag=%00", "tag", "Null characters are not allowed."),
        ("q=a%00b", "q", "Null characters are not allowed."),
        ("q=+", "q", "This field may not be blank."),
    ] {
        for query in [query.to_owned(), format!("{query}&limit=5")] {
            ann.get(&format!("{CONVERSATIONS}?{query}"))
                .await
                .is(400, &json!({ field: [message] }));
        }
    }
    let long = format!("?q={}", "x".repeat(201));
    let errors = json!({ "q": ["Ensure this field has no more than 200 characters."] });
    ann.get(&format!("{CONVERSATIONS}{long}"))
        .await
        .is(400, &errors);
    // All mistakes at once; what is no filter is passed over.
    let errors = json!({ "pinned": [boolean], "archived": [boolean] });
    ann.get(&format!("{CONVERSATIONS}?pinned=x&archived=z&colour=red"))
        .await
        .is(400, &errors);
    ann.get(&format!("{CONVERSATIONS}?colour=red"))
        .await
        .expect(200);
}

/// Reads a list by cursor to its end.
async fn read_on(client: &Client, query: &str) -> (Vec<String>, usize) {
    let mut cursor = String::new();
    let (mut seen, mut requests) = (Vec::new(), 0);
    loop {
        let part = client
            .get(&format!("{CONVERSATIONS}?{query}&cursor={cursor}"))
            .await
            .expect(200);
        let names: Vec<&String> = part.as_object().unwrap().keys().collect();
        assert_eq!(names, ["next", "results"]);
        seen.extend(titles_in(&part));
        requests += 1;
        match &part["next"] {
            Value::String(next) => cursor = next.clone(),
            next => {
                assert_eq!(next, &Value::Null);
                return (seen, requests);
            }
        }
    }
}

async fn a_list_is_read_to_its_end_by_cursor(app: TestApp) {
    let ann = app.register("ann").await;
    assert_eq!(read_on(&ann, "limit=5").await, (vec![], 1));
    for number in 0..41 {
        begin(
            &ann,
            json!({ "title": format!("{number}"), "is_archived": number < 10 }),
        )
        .await;
    }
    let all: Vec<String> = (0..41).rev().map(|number| number.to_string()).collect();
    for (query, requests) in [
        ("", 3),
        ("limit=1", 41),
        ("limit=41", 1),
        ("limit=40", 2),
        ("limit=100", 1),
    ] {
        assert_eq!(
            read_on(&ann, query).await,
            (all.clone(), requests),
            "{query}"
        );
    }
    assert_eq!(
        read_on(&ann, "archived=true&limit=4").await,
        (all[31..].to_vec(), 3)
    );
    // `limit` alone begins, too.
    let part = ann
        .get(&format!("{CONVERSATIONS}?limit=2"))
        .await
        .expect(200);
    assert_eq!(titles_in(&part), ["40", "39"]);
    let full = ann.get(CONVERSATIONS).await.expect(200);
    assert_eq!(part["results"][0], full["results"][0]);
}

async fn what_moves_meanwhile_is_told_once_at_most(app: TestApp) {
    let ann = app.register("ann").await;
    let mut ids = Vec::new();
    for title in ["a", "b", "c", "d"] {
        ids.push(begin(&ann, json!({ "title": title })).await);
    }
    let part = ann
        .get(&format!("{CONVERSATIONS}?limit=2"))
        .await
        .expect(200);
    assert_eq!(titles_in(&part), ["d", "c"]);
    // The last one that was told is gone, another one has moved to the front, and a new one has come.
    ann.delete(&at(&ids[2])).await;
    ann.patch(&at(&ids[0]), json!({})).await.expect(200);
    begin(&ann, json!({ "title": "e" })).await;
    let next = part["next"].as_str().unwrap();
    let rest = titles(&ann, &format!("?limit=2&cursor={next}")).await;
    assert_eq!(rest, ["b"]);
}

async fn bad_cursors_are_told(app: TestApp) {
    let ann = app.register("ann").await;
    let cursor = json!({ "cursor": ["Must be a cursor of this list."] });
    for wrong in [
        "x",
        "%00",
        "AAAA",
        &"A".repeat(31),
        &"_".repeat(32),
        &"f".repeat(5000),
    ] {
        ann.get(&format!("{CONVERSATIONS}?cursor={wrong}"))
            .await
            .is(400, &cursor);
    }
    for (limit, message) in [
        ("0", "Ensure this value is greater than or equal to 1."),
        ("101", "Ensure this value is less than or equal to 100."),
        ("x", "A valid integer is required."),
        ("", "A valid integer is required."),
        (
            "99999999999999999999",
            "Ensure this value is less than or equal to 100.",
        ),
    ] {
        ann.get(&format!("{CONVERSATIONS}?limit={limit}"))
            .await
            .is(400, &json!({ "limit": [message] }));
    }
    // Well-formed, and before everything.
    let earliest = titles(&ann, &format!("?cursor={}", "A".repeat(32))).await;
    assert!(earliest.is_empty());
}

async fn lists_by_filter_hold_only_ones_own(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let anns = begin(
        &ann,
        json!({ "title": "secret", "tags": ["t"], "is_pinned": true }),
    )
    .await;
    let agent = ann.get(&at(&anns)).await.expect(200)["agent"].clone();
    let cursor = {
        begin(&ann, json!({ "title": "later" })).await;
        let part = ann
            .get(&format!("{CONVERSATIONS}?limit=1"))
            .await
            .expect(200);
        part["next"].as_str().unwrap().to_owned()
    };
    let bobs = begin(&bob, json!({ "title": "mine" })).await;
    for query in [
        "q=secret".to_owned(),
        "tag=t".to_owned(),
        "pinned=true".to_owned(),
        format!("agent={}", agent.as_str().unwrap()),
        format!("cursor={cursor}"),
        format!("cursor={cursor}&q=secret"),
    ] {
        let list = bob
            .get(&format!("{CONVERSATIONS}?{query}"))
            .await
            .expect(200);
        let only: Vec<String> = list["results"].as_array().unwrap().iter().map(id).collect();
        assert!(only.iter().all(|id| *id == bobs), "{query}: {only:?}");
    }
}
