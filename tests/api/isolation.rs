//! What is one user's does not exist for another: every route with somebody else's id answers exactly as with an id
//! that nobody has.

use serde_json::{Value, json};

use crate::protocol::ROUTES;
use crate::support::client::{id, send};
use crate::support::{Answer, Client, TestApp, on_each_database};

on_each_database! {
    every_route_answers_for_a_strangers_id_as_for_none,
    what_is_referred_to_must_be_ones_own,
    lists_hold_only_ones_own,
}

const METHODS: [&str; 8] = [
    "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "BREW",
];
const NOBODYS: &str = "0191b2c3-4d5e-7f60-8123-456789abcdef";

/// One thing of each kind.
struct Things {
    user: String,
    agent: String,
    conversation: String,
    message: String,
}

async fn things_of(client: &Client) -> Things {
    let agent = client
        .agent(json!({ "name": "Mine", "is_default": true }))
        .await;
    let conversation = client.conversation_with(&agent).await;
    let turn = client.say(&conversation, "a secret").await.expect(200);
    Things {
        user: client.id().to_owned(),
        agent,
        conversation,
        message: id(&turn["assistant_message"]),
    }
}

/// All that a user can see.
async fn everything(client: &Client, things: &Things) -> Vec<Value> {
    let mut seen = Vec::new();
    for path in ["users", "agents", "conversations", "messages"] {
        seen.push(client.get(&format!("/api/{path}/")).await.expect(200));
    }
    seen.push(
        client
            .get(&format!("/api/conversations/{}/", things.conversation))
            .await
            .expect(200),
    );
    seen
}

/// Bodies that would change something if they met a thing of one's own.
fn bodies(own_agent: &str) -> Vec<Option<(&'static str, String)>> {
    let json = |body: Value| Some(("application/json", body.to_string()));
    vec![
        None,
        json(json!({})),
        json(
            json!({ "name": "stolen", "email": "stolen@example.com", "title": "stolen", "agent": own_agent, "content": "stolen" }),
        ),
        json(json!({ "name": "", "title": "", "agent": "x", "content": "" })),
        Some(("application/json", "{ broken".to_owned())),
        Some(("text/plain", "unreadable".to_owned())),
    ]
}

async fn ask(
    client: &Client,
    method: &str,
    path: &str,
    body: Option<&(&'static str, String)>,
) -> Answer {
    let request = client.request(method, path);
    send(match body {
        Some((content_type, body)) => request
            .header("content-type", *content_type)
            .body(body.clone()),
        None => request,
    })
    .await
}

/// The path of a route. What is numbered is the first of its kind.
fn filled(route: &str, id: &str) -> String {
    route.replace("{id}", id).replace("{number}", "1")
}

/// All of an answer but its time and its own id, with the id that was asked for taken out.
fn seen(answer: &Answer, id: &str) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "date" && *name != "x-request-id")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (answer.status, headers, answer.text.replace(id, "<id>"))
}

async fn every_route_answers_for_a_strangers_id_as_for_none(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let (anns, bobs) = (things_of(&ann).await, things_of(&bob).await);
    let (anns_before, bobs_before) = (everything(&ann, &anns).await, everything(&bob, &bobs).await);
    let calls = app.model.server.calls();
    let mut walked = 0;
    for (route, methods) in ROUTES.iter().filter(|(route, _)| route.contains("{id}")) {
        // Also the ids of things of another kind.
        for id in [&anns.user, &anns.agent, &anns.conversation, &anns.message] {
            for method in METHODS {
                for body in bodies(&bobs.agent) {
                    let path =
                        |id: &str, message: &str| filled(route, id).replace("{message}", message);
                    let strangers = path(id, &anns.message);
                    let strangers = ask(&bob, method, &strangers, body.as_ref()).await;
                    let nobodys = path(NOBODYS, NOBODYS);
                    let nobodys = ask(&bob, method, &nobodys, body.as_ref()).await;
                    assert_eq!(
                        seen(&strangers, id),
                        seen(&nobodys, NOBODYS),
                        "{method} {route} {body:?}"
                    );
                    if !methods.contains(&method) {
                        // Refused before the id is looked at.
                    } else if *route == "/api/chat/{id}/stream/" {
                        // In a chat that nobody has heard of yet nothing is running.
                        assert_eq!((strangers.status, &*strangers.text), (204, ""));
                    } else {
                        strangers.is(404, &json!({ "detail": "Not found." }));
                    }
                    walked += 1;
                }
            }
        }
    }
    assert!(walked >= 5 * 4 * 8 * 6, "{walked}");
    assert_eq!(everything(&ann, &anns).await, anns_before);
    assert_eq!(everything(&bob, &bobs).await, bobs_before);
    assert_eq!(app.model.server.calls(), calls);
}

async fn what_is_referred_to_must_be_ones_own(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let (anns, bobs) = (things_of(&ann).await, things_of(&bob).await);
    let own = format!("/api/conversations/{}/", bobs.conversation);
    for (method, path) in [
        ("POST", "/api/conversations/"),
        ("PUT", &*own),
        ("PATCH", &*own),
    ] {
        let with = async |agent: &str| {
            seen(
                &bob.send(method, path, Some(&json!({ "agent": agent })))
                    .await,
                agent,
            )
        };
        let strangers = with(&anns.agent).await;
        assert_eq!(strangers, with(NOBODYS).await, "{method}");
        assert_eq!(strangers.0, 400);
    }
    // A reference to the owner is no field: nothing can be made for, or given to, somebody else.
    for owner in ["user", "user_id", "owner"] {
        bob.post("/api/agents/", json!({ "name": owner, owner: anns.user }))
            .await
            .expect(201);
    }
    assert_eq!(ann.get("/api/agents/").await.expect(200)["count"], 1);
}

async fn lists_hold_only_ones_own(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let anns = things_of(&ann).await;
    let bobs = things_of(&bob).await;
    for room in ["users", "agents", "conversations", "messages"] {
        for query in ["", "?page=last", "?user=ann", "?page=1"] {
            let list = bob.get(&format!("/api/{room}/{query}")).await;
            for id in [&anns.user, &anns.agent, &anns.conversation, &anns.message] {
                assert!(
                    !list.text.contains(id.as_str()),
                    "{room}{query}: {}",
                    list.text
                );
            }
        }
    }
    assert_eq!(
        id(&bob.get("/api/agents/default/").await.expect(200)),
        bobs.agent
    );
}
