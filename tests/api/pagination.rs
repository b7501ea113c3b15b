//! Lists in pages of twenty.

use serde_json::{Value, json};

use crate::support::client::send;
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_list_comes_in_pages_of_twenty,
    an_empty_list_has_one_page,
    a_full_page_is_the_last_one,
    pages_that_do_not_exist_are_not_found,
    links_keep_other_parameters_sorted_by_name,
    links_name_the_host_that_was_asked_for,
    other_parameters_have_no_effect,
    every_list_has_pages,
}

const AGENTS: &str = "/api/agents/";

async fn make_agents(client: &Client, count: usize) {
    for number in 1..=count {
        client
            .agent(json!({ "name": format!("agent {number}") }))
            .await;
    }
}

fn names(page: &Value) -> Vec<&str> {
    page["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| agent["name"].as_str().unwrap())
        .collect()
}

async fn a_list_comes_in_pages_of_twenty(app: TestApp) {
    let ann = app.register("ann").await;
    make_agents(&ann, 41).await;
    let url = format!("{}{AGENTS}", app.base);
    let mut seen = Vec::new();
    for (number, next, previous) in [
        ("1", json!(format!("{url}?page=2")), Value::Null),
        ("02", json!(format!("{url}?page=3")), json!(url)),
        ("3", Value::Null, json!(format!("{url}?page=2"))),
    ] {
        let page = ann
            .get(&format!("{AGENTS}?page={number}"))
            .await
            .expect(200);
        assert_eq!(
            (&page["count"], &page["next"], &page["previous"]),
            (&json!(41), &next, &previous),
            "{number}"
        );
        seen.extend(names(&page).into_iter().map(str::to_owned));
    }
    let all: Vec<String> = (1..=41)
        .rev()
        .map(|number| format!("agent {number}"))
        .collect();
    assert_eq!(seen, all);
    let first = ann.get(AGENTS).await.expect(200);
    ann.get(&format!("{AGENTS}?page=1")).await.is(200, &first);
    let last = ann.get(&format!("{AGENTS}?page=last")).await.expect(200);
    assert_eq!(names(&last), ["agent 1"]);
    ann.get(&format!("{AGENTS}?page=3")).await.is(200, &last);
    // Of several the last one counts.
    ann.get(&format!("{AGENTS}?page=1&page=x&page=3"))
        .await
        .is(200, &last);
    // A link is there to be followed.
    let next = first["next"]
        .as_str()
        .unwrap()
        .strip_prefix(&app.base)
        .unwrap();
    assert_eq!(names(&ann.get(next).await.expect(200))[0], "agent 21");
}

async fn an_empty_list_has_one_page(app: TestApp) {
    let ann = app.register("ann").await;
    let empty = json!({ "count": 0, "next": null, "previous": null, "results": [] });
    for query in ["", "?page=1", "?page=last"] {
        ann.get(&format!("{AGENTS}{query}")).await.is(200, &empty);
    }
    ann.get("/api/agents/?page=2").await.expect(404);
}

async fn a_full_page_is_the_last_one(app: TestApp) {
    let ann = app.register("ann").await;
    make_agents(&ann, 20).await;
    let page = ann.get(AGENTS).await.expect(200);
    assert_eq!((names(&page).len(), &page["next"]), (20, &Value::Null));
    ann.get("/api/agents/?page=last").await.is(200, &page);
    ann.get("/api/agents/?page=2").await.expect(404);
}

async fn pages_that_do_not_exist_are_not_found(app: TestApp) {
    let ann = app.register("ann").await;
    make_agents(&ann, 1).await;
    for page in [
        "0",
        "-1",
        "2",
        "",
        "x",
        "1.0",
        "LAST",
        "1e0",
        "99999999999999999999",
        "9223372036854775807",
        "%00",
        "1%002",
    ] {
        ann.get(&format!("{AGENTS}?page={page}"))
            .await
            .is(404, &json!({ "detail": "Invalid page." }));
    }
}

async fn links_keep_other_parameters_sorted_by_name(app: TestApp) {
    let ann = app.register("ann").await;
    make_agents(&ann, 41).await;
    let page = ann
        .get("/api/agents?x=1&page=2&search=a%20b&a=%C3%BC&x=0&empty=")
        .await
        .expect(200);
    let rest = "a=%C3%BC&empty=";
    assert_eq!(
        page["next"],
        format!("{}{AGENTS}?{rest}&page=3&search=a+b&x=1&x=0", app.base)
    );
    assert_eq!(
        page["previous"],
        format!("{}{AGENTS}?{rest}&search=a+b&x=1&x=0", app.base)
    );
}

async fn links_name_the_host_that_was_asked_for(app: TestApp) {
    let ann = app.register("ann").await;
    make_agents(&ann, 21).await;
    let answer = send(
        ann.request("GET", AGENTS)
            .header("host", "api.localhost:1234"),
    )
    .await;
    assert_eq!(
        answer.expect(200)["next"],
        "http://api.localhost:1234/api/agents/?page=2"
    );
}

async fn other_parameters_have_no_effect(app: TestApp) {
    let ann = app.register("ann").await;
    make_agents(&ann, 3).await;
    let list = ann.get(AGENTS).await.expect(200);
    for query in [
        "page_size=1",
        "limit=1",
        "offset=1",
        "search=2",
        "ordering=name",
        "name=agent+1",
        "format=api",
    ] {
        ann.get(&format!("{AGENTS}?{query}")).await.is(200, &list);
    }
}

async fn every_list_has_pages(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({})).await;
    let conversation = ann.conversation_with(&agent).await;
    for _ in 1..21 {
        ann.conversation_with(&agent).await;
    }
    for _ in 0..11 {
        ann.say(&conversation, "Hello").await.expect(200);
    }
    for (list, count) in [("conversations", 21), ("messages", 22)] {
        let url = format!("{}/api/{list}/", app.base);
        let first = ann.get(&format!("/api/{list}/")).await.expect(200);
        let second = ann.get(&format!("/api/{list}/?page=2")).await.expect(200);
        assert_eq!(
            (&first["count"], &second["count"]),
            (&json!(count), &json!(count)),
            "{list}"
        );
        assert_eq!(
            (&first["next"], &second["previous"]),
            (&json!(format!("{url}?page=2")), &json!(url)),
            "{list}"
        );
        let ids = [first, second]
            .map(|page| page["results"].as_array().unwrap().clone())
            .concat();
        let mut ids: Vec<_> = ids
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "{list}");
    }
}
