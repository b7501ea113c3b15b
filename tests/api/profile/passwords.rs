//! A new password, and what becomes of those who are logged in.

use serde_json::json;

use crate::support::app::PASSWORD;
use crate::support::program::{meggy, run};
use crate::support::tokens::{mint, now, read};
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_new_password_takes_the_place_of_the_old_one,
    a_new_password_ends_all_other_sessions,
    tokens_of_the_originals_are_good_until_the_password_is_changed,
    the_old_password_must_be_right,
    a_new_password_is_held_to_the_rules_of_registration,
    of_two_changes_at_once_one_succeeds,
    an_operators_new_password_ends_all_sessions,
}

const PASSWORD_PATH: &str = "/api/users/me/password/";
const ME: &str = "/api/users/me/";
const NEW: &str = "battery staple";

async fn refresh(client: &Client, token: &str) -> u16 {
    let body = json!({ "refresh_token": token });
    client.post("/api/auth/refresh/", body).await.status
}

async fn a_new_password_takes_the_place_of_the_old_one(app: TestApp) {
    let ann = app.register("ann").await;
    let body = json!({ "old_password": PASSWORD, "new_password": NEW });
    let session = ann.post(PASSWORD_PATH, body).await.expect(200);
    assert_eq!(session["user"]["id"], ann.user["id"]);
    let stranger = app.stranger();
    stranger
        .login("ann@example.com", PASSWORD)
        .await
        .expect(401);
    stranger.login("ann@example.com", NEW).await.expect(200);
}

async fn a_new_password_ends_all_other_sessions(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let other = app
        .stranger()
        .login("ann@example.com", PASSWORD)
        .await
        .expect(200);
    let ticket = ann.post("/api/auth/stream_ticket/", json!({})).await;
    let ticket = ticket.expect(200)["ticket"].as_str().unwrap().to_owned();
    let conversation = ann.conversation().await;

    let body = json!({ "old_password": PASSWORD, "new_password": NEW });
    let session = ann.post(PASSWORD_PATH, body).await.expect(200);
    // Within the same second, which is all that a token tells of its time.
    let bad = json!({ "detail": "Invalid or expired token" });
    for old in [ann.token(), other["access_token"].as_str().unwrap()] {
        ann.with_token(old).get(ME).await.is(401, &bad);
    }
    for old in [
        &*ann.refresh_token,
        other["refresh_token"].as_str().unwrap(),
    ] {
        assert_eq!(refresh(&app.stranger(), old).await, 401);
    }
    let stream = format!("/api/conversations/{conversation}/stream/?ticket={ticket}");
    app.stranger().get(&stream).await.is(401, &bad);

    let new = ann.with_token(session["access_token"].as_str().unwrap());
    new.get(ME).await.expect(200);
    let answer = json!({ "refresh_token": session["refresh_token"] });
    let answer = new.post("/api/auth/refresh/", answer).await.expect(200);
    let refreshed = ann.with_token(answer["access_token"].as_str().unwrap());
    refreshed.get(ME).await.expect(200);
    bob.get(ME).await.expect(200);
    assert_eq!(refresh(&bob, &bob.refresh_token).await, 200);
}

async fn tokens_of_the_originals_are_good_until_the_password_is_changed(app: TestApp) {
    let ann = app.register("ann").await;
    let (_, claims) = read(ann.token());
    assert_eq!(claims.get("generation"), None);
    let original =
        json!({ "user_id": ann.id(), "type": "access", "exp": now() + 600, "iat": now() - 600 });
    ann.with_token(mint(&original)).get(ME).await.expect(200);

    let body = json!({ "old_password": PASSWORD, "new_password": NEW });
    let session = ann.post(PASSWORD_PATH, body).await.expect(200);
    ann.with_token(mint(&original)).get(ME).await.expect(401);
    let (_, mut claims) = read(session["access_token"].as_str().unwrap());
    assert_eq!(claims["generation"], 1);
    for (generation, status) in [
        (json!(1), 200),
        (json!(0), 401),
        (json!(2), 401),
        (json!("1"), 401),
        (json!(null), 401),
        (json!(4_294_967_297_i64), 401),
    ] {
        claims["generation"] = generation;
        let answer = ann.with_token(mint(&claims)).get(ME).await;
        assert_eq!(answer.status, status, "{claims}");
    }
}

async fn the_old_password_must_be_right(app: TestApp) {
    let ann = app.register("ann").await;
    let wrong = json!({ "old_password": "incorrect horse", "new_password": NEW });
    let message = json!({ "old_password": ["This is not your password."] });
    ann.post(PASSWORD_PATH, wrong).await.is(400, &message);
    let required = json!(["This field is required."]);
    let both = json!({ "old_password": required, "new_password": required });
    ann.post(PASSWORD_PATH, json!({})).await.is(400, &both);
    app.stranger()
        .post(PASSWORD_PATH, json!({}))
        .await
        .expect(401);
    // Nothing has ended.
    ann.get(ME).await.expect(200);
    let stranger = app.stranger();
    stranger
        .login("ann@example.com", PASSWORD)
        .await
        .expect(200);
}

async fn a_new_password_is_held_to_the_rules_of_registration(app: TestApp) {
    let ann = app.register("ann").await;
    for (new, message) in [
        (
            json!("short"),
            "Ensure this field has at least 8 characters.",
        ),
        (json!(""), "This field may not be blank."),
        (
            json!("x".repeat(4097)),
            "Ensure this field has no more than 4096 characters.",
        ),
        (json!("null\0character"), "Null characters are not allowed."),
        (json!(null), "This field may not be null."),
        (json!(["a list of words"]), "Not a valid string."),
    ] {
        let body = json!({ "old_password": PASSWORD, "new_password": new });
        let errors = json!({ "new_password": [message] });
        ann.post(PASSWORD_PATH, body).await.is(400, &errors);
    }
    let body = json!({ "old_password": "x".repeat(4097), "new_password": NEW });
    ann.post(PASSWORD_PATH, body).await.expect(400);
}

async fn of_two_changes_at_once_one_succeeds(app: TestApp) {
    let ann = app.register("ann").await;
    let change = |new: &str| {
        let (ann, body) = (
            ann.clone(),
            json!({ "old_password": PASSWORD, "new_password": new }),
        );
        tokio::spawn(async move { ann.post(PASSWORD_PATH, body).await.status })
    };
    let changes = ["first of both", "second of both"].map(change);
    let mut statuses = Vec::new();
    for change in changes {
        statuses.push(change.await.unwrap());
    }
    statuses.sort_unstable();
    // Whoever is later has a token no more, or a password.
    assert!(
        statuses == [200, 400] || statuses == [200, 401],
        "{statuses:?}"
    );
}

async fn an_operators_new_password_ends_all_sessions(app: TestApp) {
    let ann = app.register("ann").await;
    let environment = crate::support::app::environment(&app.database, &app.model.server);
    let mut command = meggy(app.database.folder.path(), &environment);
    command.args(["user", "set-password", "ann@example.com"]);
    let output = tokio::task::spawn_blocking(move || run(command, "battery staple\n"));
    assert!(output.await.unwrap().status.success());
    ann.get(ME).await.expect(401);
    assert_eq!(refresh(&ann, &ann.refresh_token).await, 401);
    let login = app.stranger().login("ann@example.com", NEW).await;
    let session = login.expect(200);
    let token = session["access_token"].as_str().unwrap();
    ann.with_token(token).get(ME).await.expect(200);
}
