//! How sockets end.

use std::time::{Duration, Instant};

use meggy::db::Executor;
use meggy::socket::Patience;
use serde_json::json;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use super::client::{Socket, events, text};
use crate::support::app::PASSWORD;
use crate::support::model_server::openai_answer;
use crate::support::tokens::{self, mint};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    a_socket_ends_when_its_token_does,
    a_token_without_end_keeps_its_socket,
    closed_accounts_lose_their_sockets,
    a_new_password_ends_the_sockets_of_before,
    the_server_pings_and_whoever_answers_stays,
    whoever_is_silent_is_taken_for_gone,
    a_client_can_close_its_socket,
    at_shutdown_sockets_are_closed_at_once_and_turns_go_on,
}

async fn a_socket_ends_when_its_token_does(app: TestApp) {
    let ann = app.register("ann").await;
    let mut claims = tokens::access(ann.id());
    let end = tokens::now() + 2;
    claims["exp"] = json!(end);
    let mut socket = Socket::of(&app, &ann.with_token(mint(&claims))).await;
    socket.lives().await;
    let told = (4403, "The token has expired.".to_owned());
    assert_eq!(socket.closed().await, told);
    let now = chrono::Utc::now().timestamp_millis();
    assert!(
        (end * 1000..end * 1000 + 500).contains(&now),
        "{}",
        now - end * 1000
    );
}

async fn a_token_without_end_keeps_its_socket(app: TestApp) {
    let ann = app.register("ann").await;
    let endless = json!({ "user_id": ann.id(), "type": "access", "iat": tokens::now() });
    let mut far = endless.clone();
    far["exp"] = json!(1e300);
    for claims in [endless, far] {
        let mut socket = Socket::of(&app, &ann.with_token(mint(&claims))).await;
        socket.is_quiet(Duration::from_millis(200)).await;
        socket.lives().await;
    }
}

async fn closed_accounts_lose_their_sockets(app: TestApp) {
    let app = app
        .with_patience(
            &[],
            Patience {
                account: Duration::from_millis(200),
                ..Patience::default()
            },
        )
        .await;
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let mut anns = Socket::of(&app, &ann).await;
    let mut bobs = Socket::of(&app, &bob).await;
    sleep(Duration::from_millis(500)).await;
    anns.lives().await;
    app.db
        .query("UPDATE users SET is_active = FALSE WHERE email = 'ann@example.com'")
        .execute()
        .await
        .unwrap();
    let told = (4401, "User account is disabled".to_owned());
    assert_eq!(anns.closed().await, told);
    bobs.lives().await;
    bob.delete(&format!("/api/users/{}/", bob.id()))
        .await
        .expect(204);
    assert_eq!(bobs.closed().await.0, 4401);
}

async fn a_new_password_ends_the_sockets_of_before(app: TestApp) {
    let patience = Patience {
        account: Duration::from_millis(200),
        ..Patience::default()
    };
    let app = app.with_patience(&[], patience).await;
    let ann = app.register("ann").await;
    let mut before = Socket::of(&app, &ann).await;
    before.lives().await;
    let body = json!({ "old_password": PASSWORD, "new_password": "battery staple" });
    let session = ann.post("/api/users/me/password/", body).await.expect(200);
    let told = (4401, "Invalid or expired token".to_owned());
    assert_eq!(before.closed().await, told);
    let ann = ann.with_token(session["access_token"].as_str().unwrap());
    let mut after = Socket::of(&app, &ann).await;
    after.is_quiet(Duration::from_millis(500)).await;
    after.lives().await;
}

fn quick() -> Patience {
    Patience {
        ping: Duration::from_millis(200),
        silence: Duration::from_millis(800),
        ..Patience::default()
    }
}

async fn the_server_pings_and_whoever_answers_stays(app: TestApp) {
    let app = app.with_patience(&[], quick()).await;
    let ann = app.register("ann").await;
    let mut socket = Socket::of(&app, &ann).await;
    let start = Instant::now();
    let mut pings = 0;
    while start.elapsed() < Duration::from_secs(2) {
        // Reading answers them.
        match socket.message().await {
            Some(Ok(Message::Ping(_))) => pings += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!((7..=11).contains(&pings), "{pings}");
    socket.lives().await;
    // The client's pings are answered, too.
    socket.send(Message::Ping(b"x"[..].to_owned().into())).await;
    while socket.message().await.unwrap().unwrap() != Message::Pong(b"x"[..].to_owned().into()) {}
}

async fn whoever_is_silent_is_taken_for_gone(app: TestApp) {
    let app = app.with_patience(&[], quick()).await;
    let ann = app.register("ann").await;
    let mut socket = Socket::of(&app, &ann).await;
    // Whoever does not read does not answer pings.
    sleep(Duration::from_millis(1500)).await;
    let told = (4408, "Nothing was heard for too long.".to_owned());
    assert_eq!(socket.closed().await, told);
}

async fn a_client_can_close_its_socket(app: TestApp) {
    let ann = app.register("ann").await;
    let mut socket = Socket::of(&app, &ann).await;
    socket.stream.close(None).await.unwrap();
    loop {
        match socket.message().await {
            Some(Ok(_)) => {}
            None => break,
            Some(Err(error)) => panic!("{error}"),
        }
    }
    // One that is just gone does not hold up anything.
    drop(Socket::of(&app, &ann).await);
    app.stop().await;
}

async fn at_shutdown_sockets_are_closed_at_once_and_turns_go_on(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let mut socket = Socket::of(&app, &ann).await;
    let mut idle = Socket::of(&app, &ann).await;
    let (unknown, _) = Socket::open(&app, "/ws/chat/", &[]).await;
    let words: String = (0..100).map(|number| format!("word-{number} ")).collect();
    app.model
        .replies([openai_answer(&words, None).pace(Duration::from_millis(20))]);
    socket
        .tell(json!({ "type": "send", "conversation_id": conversation, "content": "Hello" }))
        .await;
    let mut frames = Vec::new();
    while !text(&frames).ends_with("word-10 ") {
        frames.push(socket.next().await);
    }
    let asked = Instant::now();
    app.ask_to_stop();
    let told = (1012, "The server is going down. Reconnect.".to_owned());
    assert_eq!(idle.closed().await, told);
    loop {
        match socket.message().await.unwrap().unwrap() {
            Message::Text(text) => frames.push(serde_json::from_str(&text).unwrap()),
            Message::Close(Some(frame)) => {
                assert_eq!((frame.code.into(), frame.reason.to_string()), told);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(
        asked.elapsed() < Duration::from_millis(700),
        "{:?}",
        asked.elapsed()
    );
    let database = std::sync::Arc::clone(&app.database);
    app.stop().await;
    // The turn was not cut, and nobody waited for the socket that is not read.
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "{:?}",
        asked.elapsed()
    );
    drop(unknown);
    // With the next server the client goes on where it was.
    let app = TestApp::start(&database, &[]).await;
    let last = events(&frames).last().unwrap()["id"].clone();
    let path = format!(
        "/ws/chat/{conversation}/?token={}&last_event_id={last}",
        ann.token()
    );
    let (mut socket, _) = Socket::open(&app, &path, &[]).await;
    socket.is_established(&json!(conversation)).await;
    socket.next().await;
    let rest = socket.turn().await;
    assert_eq!(text(&frames) + &text(&rest), words);
    assert_eq!(rest.last().unwrap()["status"], "complete");
}
