//! The versions of an agent's system prompt.

use meggy::db::Executor;
use serde_json::{Value, json};

use super::{AGENTS, DEFAULT, at};
use crate::support::client::id;
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    each_change_of_a_prompt_is_a_version,
    what_changes_no_prompt_makes_no_version,
    a_version_tells_how_it_differs_from_the_one_before,
    a_version_is_restored_as_a_new_one,
    the_newest_two_hundred_are_kept,
    versions_that_are_not_there_are_not_found,
    versions_of_others_are_not_found,
    changes_at_once_are_each_a_version,
    versions_go_with_their_agent,
    agents_of_before_have_a_first_version,
}

fn versions(agent: &str) -> String {
    format!("/api/agents/{agent}/prompts/")
}

/// The numbers and texts of an agent's versions, as they are listed.
async fn listed(client: &Client, agent: &str) -> Vec<(i64, String)> {
    let list = client.get(&versions(agent)).await.expect(200);
    let versions = list["results"].as_array().unwrap().iter();
    versions
        .map(|version| {
            (
                version["number"].as_i64().unwrap(),
                version["system_prompt"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

async fn set(client: &Client, agent: &str, prompt: &str) -> Value {
    let change = json!({ "system_prompt": prompt });
    client.patch(&at(agent), change).await.expect(200)
}

async fn each_change_of_a_prompt_is_a_version(app: TestApp) {
    let ann = app.register("ann").await;
    let made = ann
        .post(AGENTS, json!({ "name": "Zoe", "system_prompt": "one" }))
        .await
        .expect(201);
    let agent = id(&made);
    let changed = set(&ann, &agent, "two").await;
    let list = ann.get(&versions(&agent)).await.expect(200);
    let author = json!({ "id": ann.id(), "name": "ann" });
    let results = list["results"].as_array().unwrap();
    assert_eq!(
        list,
        json!({ "count": 2, "next": null, "previous": null, "results": [
            { "number": 2, "system_prompt": "two", "author": author, "created_at": results[0]["created_at"] },
            { "number": 1, "system_prompt": "one", "author": author, "created_at": results[1]["created_at"] },
        ] })
    );
    let times = [
        &made["created_at"],
        &results[1]["created_at"],
        &changed["updated_at"],
        &results[0]["created_at"],
    ]
    .map(|time| time.as_str().unwrap());
    assert!(times.is_sorted(), "{times:?}");
    // The default agent has its own, too.
    let bruno = id(&ann.get(DEFAULT).await.expect(200));
    assert_eq!(listed(&ann, &bruno).await.len(), 1);
}

async fn what_changes_no_prompt_makes_no_version(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "system_prompt": "one" })).await;
    set(&ann, &agent, " one ").await;
    ann.patch(&at(&agent), json!({ "model": "m" }))
        .await
        .expect(200);
    // Nor what is refused.
    ann.patch(
        &at(&agent),
        json!({ "system_prompt": "two", "fallback_agent": agent }),
    )
    .await
    .expect(400);
    assert_eq!(listed(&ann, &agent).await, [(1, "one".to_owned())]);
}

async fn a_version_tells_how_it_differs_from_the_one_before(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann
        .agent(json!({ "system_prompt": "You are kind.\nBe brief.\nNever lie." }))
        .await;
    set(&ann, &agent, "You are kind.\nBe thorough.\nNever lie.").await;
    let first = ann
        .get(&format!("{}1/", versions(&agent)))
        .await
        .expect(200);
    assert_eq!(
        (&first["previous"], &first["diff"]),
        (&Value::Null, &Value::Null)
    );
    let mut second = ann
        .get(&format!("{}2/", versions(&agent)))
        .await
        .expect(200);
    let diff = "--- version 1\n+++ version 2\n@@ -1,3 +1,3 @@\n You are kind.\n-Be brief.\n+Be thorough.\n Never lie.\n\
                \\ No newline at end of file\n";
    assert_eq!(second["diff"], diff);
    assert_eq!(second["previous"], 1);
    for field in ["diff", "previous"] {
        second.as_object_mut().unwrap().remove(field);
    }
    let list = ann.get(&versions(&agent)).await.expect(200);
    assert_eq!(second, list["results"][0]);
    // Long ones that have nothing in common are compared in time, too.
    let long = |word: &str| -> String {
        (0..20_000).fold(String::new(), |text, line| {
            text + &format!("{word} {}\n", line * 7919 % 20_011)
        })
    };
    set(&ann, &agent, &long("a")).await;
    set(&ann, &agent, &long("b")).await;
    let fourth = ann
        .get(&format!("{}4/", versions(&agent)))
        .await
        .expect(200);
    assert!(fourth["diff"].as_str().unwrap().contains("\n+b 1\n"));
}

async fn a_version_is_restored_as_a_new_one(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "system_prompt": "one" })).await;
    set(&ann, &agent, "two").await;
    let restore = format!("{}1/restore/", versions(&agent));
    let restored = ann.post(&restore, json!({})).await.expect(200);
    assert_eq!(restored["system_prompt"], "one");
    ann.get(&at(&agent)).await.is(200, &restored);
    let all = [(3, "one"), (2, "two"), (1, "one")].map(|(number, text)| (number, text.to_owned()));
    assert_eq!(listed(&ann, &agent).await, all);
    // It is the agent's prompt already.
    ann.post(&restore, json!({})).await.expect(200);
    assert_eq!(listed(&ann, &agent).await, all);
    let conversation = ann.conversation_with(&agent).await;
    ann.say(&conversation, "Hello").await.expect(200);
    assert_eq!(
        app.model.last_asked().body["messages"][0]["content"],
        json!("one")
    );
}

async fn the_newest_two_hundred_are_kept(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "system_prompt": "1" })).await;
    for number in 2..=203 {
        set(&ann, &agent, &number.to_string()).await;
    }
    let page = ann
        .get(&format!("{}?page=last", versions(&agent)))
        .await
        .expect(200);
    assert_eq!(page["count"], 200);
    let last = page["results"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["number"], &last["system_prompt"]),
        (&json!(4), &json!("4"))
    );
    let oldest = ann
        .get(&format!("{}4/", versions(&agent)))
        .await
        .expect(200);
    assert_eq!(
        (&oldest["previous"], &oldest["diff"]),
        (&Value::Null, &Value::Null)
    );
    ann.get(&format!("{}3/", versions(&agent)))
        .await
        .expect(404);
}

async fn versions_that_are_not_there_are_not_found(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({})).await;
    for number in ["0", "2", "-1", "x", "1.0", "99999999999999999999", "%ff"] {
        let path = format!("{}{number}/", versions(&agent));
        let not_found = json!({ "detail": "Not found." });
        ann.get(&path).await.is(404, &not_found);
        ann.post(&format!("{path}restore/"), json!({}))
            .await
            .is(404, &not_found);
    }
    ann.get(&format!("{}?page=2", versions(&agent)))
        .await
        .is(404, &json!({ "detail": "Invalid page." }));
    assert_eq!(listed(&ann, &agent).await.len(), 1);
}

async fn versions_of_others_are_not_found(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let agent = ann.agent(json!({ "system_prompt": "one" })).await;
    set(&ann, &agent, "two").await;
    bob.get(&versions(&agent)).await.expect(404);
    bob.get(&format!("{}1/", versions(&agent)))
        .await
        .expect(404);
    bob.post(&format!("{}1/restore/", versions(&agent)), json!({}))
        .await
        .expect(404);
    assert_eq!(listed(&ann, &agent).await.len(), 2);
}

async fn changes_at_once_are_each_a_version(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "system_prompt": "one" })).await;
    let changes: Vec<_> = (0..10)
        .map(|number| {
            let (ann, agent) = (ann.clone(), agent.clone());
            tokio::spawn(async move { set(&ann, &agent, &format!("at once {number}")).await })
        })
        .collect();
    for change in changes {
        change.await.unwrap();
    }
    let versions = listed(&ann, &agent).await;
    let numbers: Vec<i64> = versions.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=11).rev().collect::<Vec<_>>());
    let current = ann.get(&at(&agent)).await.expect(200);
    assert_eq!(current["system_prompt"], versions[0].1);
}

async fn versions_go_with_their_agent(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({})).await;
    ann.delete(&at(&agent)).await.expect(204);
    ann.get(&versions(&agent)).await.expect(404);
    ann.get(&format!("{}1/", versions(&agent)))
        .await
        .expect(404);
}

async fn agents_of_before_have_a_first_version(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "system_prompt": "old" })).await;
    app.db
        .query("DELETE FROM agent_prompts WHERE number > 0")
        .execute()
        .await
        .unwrap();
    assert!(listed(&ann, &agent).await.is_empty());
    // As the migration does, which ends with this.
    let migration = include_str!("../../../migrations/sqlite/0008_agents.sql");
    let start = migration.find("INSERT INTO agent_prompts").unwrap();
    app.db.query(&migration[start..]).execute().await.unwrap();
    let list = ann.get(&versions(&agent)).await.expect(200);
    assert_eq!(
        (&list["count"], &list["results"][0]["author"]["name"]),
        (&json!(1), &json!("ann"))
    );
    set(&ann, &agent, "new").await;
    let all = [(2, "new"), (1, "old")].map(|(number, text)| (number, text.to_owned()));
    assert_eq!(listed(&ann, &agent).await, all);
}
