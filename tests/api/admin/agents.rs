//! The list of agents, and the page of each.

use serde_json::json;

use super::lists::{choices, firsts, walk};
use crate::support::browser::Rights;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    agents_are_found_and_sorted,
    an_agent_is_edited_by_the_rules_of_the_api,
    what_is_left_alone_stays_as_it_is,
    agents_are_switched_off_and_on,
    who_stops_being_the_default_is_in_the_log,
);

async fn agents_are_found_and_sorted(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let ann = app.register("ann").await;
    let bob = app.register("bob").await;
    ann.agent(json!({ "name": "Zoe", "llm_provider": "ollama", "model": "llama3" }))
        .await;
    ann.agent(json!({ "name": "abel", "is_default": true, "description": "Knows tea" }))
        .await;
    bob.agent(json!({ "name": "Milo", "is_active": false }))
        .await;
    for (query, found) in [
        ("sort=name", vec!["abel", "Milo", "Zoe"]),
        ("sort=-name", vec!["Zoe", "Milo", "abel"]),
        ("sort=-user&q=ANN@", vec!["abel", "Zoe"]),
        ("q=tea", vec!["abel"]),
        ("q=LLAMA", vec!["Zoe"]),
        ("llm_provider=ollama", vec!["Zoe"]),
        ("is_active=no", vec!["Milo"]),
        ("is_default=yes", vec!["abel"]),
        (
            "created_at=today&sort=created_at",
            vec!["Zoe", "abel", "Milo"],
        ),
        ("created_at_to=2020-01-01", vec![]),
    ] {
        let page = staff.get(&format!("/admin/agents/?{query}")).await;
        let mut names = firsts(&page);
        if query.contains("user") {
            names.sort_by_key(|name| name.to_lowercase());
        }
        assert_eq!(names, found, "{query}");
    }
    let page = staff
        .get(&format!("/admin/agents/?user={}", bob.id()))
        .await;
    assert_eq!(firsts(&page), ["Milo"]);
    for number in 0..40 {
        bob.agent(json!({ "name": format!("Agent {number}") }))
            .await;
    }
    for sort in [
        "name",
        "user",
        "llm_provider",
        "model",
        "is_default",
        "is_active",
        "created_at",
    ] {
        for minus in ["", "-"] {
            let start = format!("/admin/agents/?size=20&sort={minus}{sort}");
            let (forwards, backwards) = walk(&staff, &start).await;
            let mut each = forwards.clone();
            each.sort();
            each.dedup();
            assert_eq!((forwards.len(), each.len()), (43, 43), "{start}");
            assert_eq!(forwards, backwards, "{start}");
        }
    }
}

/// The fields of the form as the page of the agent has them.
fn fields<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let all = [
        ("name", "Bruno"),
        ("description", ""),
        ("llm_provider", "openai"),
        ("model", "gpt-4"),
        ("system_prompt", "Be kind."),
        ("temperature", "0.7"),
        ("max_tokens", "2000"),
        ("context_window", ""),
        ("top_p", ""),
        ("stop", ""),
        ("seed", ""),
        ("reasoning_effort", ""),
        ("fallback_agent", ""),
        ("fallback_model", ""),
        ("title_model", ""),
        ("is_active", "on"),
    ];
    let value = |(name, value)| {
        let change = changes.iter().find(|change| change.0 == name);
        (name, change.map_or(value, |change| change.1))
    };
    all.into_iter().map(value).collect()
}

async fn an_agent_is_edited_by_the_rules_of_the_api(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let ann = app.register("ann").await;
    let id = ann.agent(json!({ "name": "Bruno" })).await;
    ann.agent(json!({ "name": "Milo" })).await;
    // Who knows only the id, as the log does, is sent on.
    let answer = staff.get(&format!("/admin/agents/{id}/")).await;
    let path = format!("/admin/agents/{}/{id}/", ann.id());
    assert_eq!(answer.header("location"), Some(&*path));
    let page = staff.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("ann@example.com"));

    let changes = [
        ("name", "Bruno II"),
        ("stop", "END\r\nSTOP"),
        ("top_p", "0.5"),
        ("context_window", "8000"),
    ];
    let answer = staff.submit(&path, &fields(&changes)).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let agent = ann.get(&format!("/api/agents/{id}/")).await.expect(200);
    assert_eq!(agent["name"], "Bruno II");
    assert_eq!(agent["stop"], json!(["END", "STOP"]));
    assert_eq!(agent["top_p"], 0.5);
    assert_eq!(agent["context_window"], 8000);
    assert_eq!(agent["system_prompt"], "Be kind.");
    let page = staff.get(&path).await;
    assert!(page.text.contains("END\nSTOP"), "{}", page.text);
    assert!(
        page.text.contains("name: “Bruno” → “Bruno II”"),
        "{}",
        page.text
    );
    assert!(
        page.text.contains("system_prompt: “changed”"),
        "{}",
        page.text
    );

    for (field, value, message) in [
        ("name", "", "This field may not be blank."),
        ("name", "Milo", "Agent with this name already exists."),
        (
            "temperature",
            "3",
            "Ensure this value is less than or equal to 2",
        ),
        ("max_tokens", "many", "A valid integer is required."),
        ("llm_provider", "abacus", "is not a valid choice"),
        (
            "fallback_agent",
            &id,
            "An agent cannot be its own fallback.",
        ),
        ("fallback_agent", "x", "Must be a valid UUID."),
        ("seed", "9007199254740992", "Ensure this value"),
    ] {
        let answer = staff.submit(&path, &fields(&[(field, value)])).await;
        assert_eq!(answer.status, 400, "{field} {value} {}", answer.text);
        assert!(answer.text.contains(message), "{field} {}", answer.text);
        assert!(
            answer.text.contains(&format!("id=\"{field}-errors\"")),
            "{field}"
        );
    }
    let agent = ann.get(&format!("/api/agents/{id}/")).await.expect(200);
    assert_eq!(agent["name"], "Bruno II", "nothing was half saved");
}

async fn what_is_left_alone_stays_as_it_is(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let ann = app.register("ann").await;
    let body = json!({
        "name": "Bruno", "is_default": true, "stop": ["one\ntwo", " x "], "response_format": { "type": "json_object" },
        "system_prompt": "Be kind.", "model": "gpt-4",
    });
    let id = ann.agent(body).await;
    let before = ann.get(&format!("/api/agents/{id}/")).await.expect(200);
    let path = format!("/admin/agents/{}/{id}/", ann.id());
    let mut same = fields(&[("stop", "one\r\ntwo\r\n x ")]);
    same.push(("is_default", "on"));
    let answer = staff.submit(&path, &same).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let mut after = ann.get(&format!("/api/agents/{id}/")).await.expect(200);
    after["updated_at"] = before["updated_at"].clone();
    assert_eq!(after, before);
    let log = staff.get("/admin/audit/?action=agent.update").await;
    assert!(!log.text.contains("Bruno"), "nothing was changed");
}

async fn agents_are_switched_off_and_on(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let ann = app.register("ann").await;
    let id = ann.agent(json!({ "name": "Bruno" })).await;
    let chosen = choices(&staff.get("/admin/agents/").await);
    assert_eq!(chosen, [format!("{}/{id}", ann.id())]);
    for (action, is_active) in [("deactivate", false), ("activate", true)] {
        let fields = [("chosen", &*chosen[0]), ("action", action)];
        let answer = staff.submit("/admin/agents/", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let agent = ann.get(&format!("/api/agents/{id}/")).await.expect(200);
        assert_eq!(agent["is_active"], is_active);
    }
    let log = staff.get("/admin/audit/?type=agent").await;
    assert!(log.text.contains("agent.activate") && log.text.contains("agent.deactivate"));
}

async fn who_stops_being_the_default_is_in_the_log(app: TestApp) {
    let staff = app.staff("helper", Rights::STAFF).await;
    let ann = app.register("ann").await;
    let former = ann
        .agent(json!({ "name": "Milo", "is_default": true }))
        .await;
    let id = ann.agent(json!({ "name": "Bruno" })).await;
    let path = format!("/admin/agents/{}/{id}/", ann.id());
    let mut promoted = fields(&[]);
    promoted.push(("is_default", "on"));
    let answer = staff.submit(&path, &promoted).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let agent = ann.get(&format!("/api/agents/{former}/")).await.expect(200);
    assert_eq!(agent["is_default"], false);
    let log = staff.get(&format!("/admin/audit/?object={former}")).await;
    assert!(
        log.text.contains("is_default: true → false"),
        "{}",
        log.text
    );
}
