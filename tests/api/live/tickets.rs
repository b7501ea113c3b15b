//! Tickets for event streams, which may stand in an address.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ann, asked, held, say};
use crate::support::client::send;
use crate::support::events::{Events, check_whole};
use crate::support::model_server::Gate;
use crate::support::tokens::{mint, now, read};
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_ticket_opens_a_stream_and_nothing_else,
    only_a_good_ticket_opens_a_stream,
}

async fn ticket(client: &Client) -> String {
    let answer = client
        .post("/api/auth/stream_ticket/", json!({}))
        .await
        .expect(200);
    assert_eq!(answer["expires_in"], 60);
    answer["ticket"].as_str().expect("a ticket").to_owned()
}

async fn a_ticket_opens_a_stream_and_nothing_else(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let gate = Gate::default();
    app.model.replies([held("one two three", 2, &gate)]);
    let running = say(&ann, &conversation, "Hello");
    asked(&app, 1).await;
    let ticket = ticket(&ann).await;
    let (_, claims) = read(&ticket);
    assert_eq!(
        (&claims["type"], &claims["user_id"]),
        (&json!("stream"), &json!(ann.id()))
    );
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(lifetime, 60);

    let stranger = app.stranger();
    let stream = format!("/api/conversations/{conversation}/stream/?ticket={ticket}");
    let mut watching = Events::open(stranger.request("GET", &stream)).await;
    let first = watching.until_text(3).await;
    // As a browser does when it comes back, and when the page asks for a place of its own.
    let place = first.last().unwrap().id;
    let mut again = Events::open(
        stranger
            .request("GET", &stream)
            .header("last-event-id", place.to_string()),
    )
    .await;
    let behind = format!("{stream}&last_event_id={place}");
    let mut third = Events::open(stranger.request("GET", &behind)).await;

    for (method, path) in [
        ("GET", "/api/users/me/".to_owned()),
        ("GET", "/api/conversations/".to_owned()),
        ("GET", format!("/api/conversations/{conversation}/")),
        ("POST", format!("/api/conversations/{conversation}/stop/")),
        (
            "POST",
            format!("/api/conversations/{conversation}/send_message/"),
        ),
        ("POST", "/api/auth/stream_ticket/".to_owned()),
    ] {
        let asked = stranger
            .send(method, &format!("{path}?ticket={ticket}"), None)
            .await;
        assert_eq!(asked.status, 401, "{path}: {}", asked.text);
        let asked = ann.with_token(&*ticket).send(method, &path, None).await;
        assert_eq!(asked.status, 401, "{path}: {}", asked.text);
    }
    let refreshed = stranger
        .post("/api/auth/refresh/", json!({ "refresh_token": ticket }))
        .await;
    assert_eq!(refreshed.status, 401);
    // In the header it stands for nothing, not even here.
    let as_header = ann.with_token(&*ticket).watching(&conversation);
    assert_eq!(send(as_header).await.status, 401);

    gate.open();
    let events: Vec<_> = first.into_iter().chain(watching.rest().await).collect();
    check_whole(&events);
    for reader in [&mut again, &mut third] {
        let rest = reader.rest().await;
        assert_eq!(
            rest.last().unwrap().essence(),
            events.last().unwrap().essence()
        );
        assert!(rest[0].id > place);
    }
    running.await.unwrap().expect(200);
    assert_eq!(send(stranger.request("GET", &stream)).await.status, 204);
}

async fn only_a_good_ticket_opens_a_stream(app: TestApp) {
    let (ann, conversation) = ann(&app).await;
    let bob = app.register("bob").await;
    let gate = Gate::default();
    app.model.replies([held("one two three", 2, &gate)]);
    let running = say(&ann, &conversation, "Hello");
    asked(&app, 1).await;
    let claims = |exp: i64, kind: &str, user: &Value| json!({ "user_id": user, "type": kind, "iat": now() - 100, "exp": exp });
    let (me, nobody) = (
        &ann.user["id"],
        &json!("00000000-0000-4000-8000-000000000000"),
    );
    let open = async |ticket: &str| {
        let path = format!("/api/conversations/{conversation}/stream/?ticket={ticket}");
        let request = app.stranger().request("GET", &path);
        // A stream that is opened goes on; only its beginning is of interest.
        let response = request.timeout(Duration::from_secs(20)).send().await;
        response.unwrap().status().as_u16()
    };
    for (status, what, ticket) in [
        (200, "ours", mint(&claims(now() + 30, "stream", me))),
        (401, "expired", mint(&claims(now() - 1, "stream", me))),
        (
            401,
            "of nobody",
            mint(&claims(now() + 30, "stream", nobody)),
        ),
        (
            401,
            "minted access",
            mint(&claims(now() + 30, "access", me)),
        ),
        (401, "access token", ann.token().to_owned()),
        (401, "refresh token", ann.refresh_token.clone()),
        (401, "empty", String::new()),
        (401, "nonsense", "nonsense".to_owned()),
        (404, "of somebody else", ticket(&bob).await),
    ] {
        assert_eq!(open(&ticket).await, status, "{what}");
    }
    let stranger = app.stranger().watching(&conversation);
    assert_eq!(send(stranger).await.status, 401);
    let path = "/api/auth/stream_ticket/";
    let none = app.stranger().post(path, json!({})).await;
    assert_eq!(none.status, 401);
    // One that is good until its time has come.
    let short = mint(&claims(now() + 2, "stream", me));
    assert_eq!(open(&short).await, 200);
    tokio::time::sleep(Duration::from_millis(3100)).await;
    assert_eq!(open(&short).await, 401);
    gate.open();
    running.await.unwrap().expect(200);
}
