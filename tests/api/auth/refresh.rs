//! Refresh tokens.

use serde_json::json;

use super::{REFRESH, error};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    a_refresh_token_gives_access_tokens_again_and_again,
    a_bad_refresh_token_is_refused,
    the_refresh_token_of_a_deleted_account_finds_nobody,
}

async fn a_refresh_token_gives_access_tokens_again_and_again(app: TestApp) {
    let ann = app.register("ann").await;
    for _ in 0..2 {
        let body = app
            .stranger()
            .post(REFRESH, json!({ "refresh_token": ann.refresh_token }))
            .await
            .expect(200);
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        let token = body["access_token"].as_str().unwrap();
        app.stranger()
            .with_token(token)
            .get("/api/users/me/")
            .await
            .is(200, &ann.user);
    }
}

async fn a_bad_refresh_token_is_refused(app: TestApp) {
    let ann = app.register("ann").await;
    for token in [
        json!(ann.token()),
        json!("nonsense"),
        json!([ann.refresh_token]),
        json!(12),
        json!(true),
        json!({ "a": 1 }),
    ] {
        let answer = app
            .stranger()
            .post(REFRESH, json!({ "refresh_token": token }))
            .await;
        answer.is(401, &error("Invalid or expired refresh token"));
        assert_eq!(answer.header("www-authenticate"), None);
    }
    for nothing in [
        json!({}),
        json!({ "refresh_token": "" }),
        json!({ "refresh_token": null }),
        json!({ "refresh_token": [] }),
    ] {
        app.stranger()
            .post(REFRESH, nothing)
            .await
            .is(400, &error("Refresh token is required"));
    }
    // The other way round, a refresh token opens nothing.
    ann.with_token(&*ann.refresh_token)
        .get("/api/users/me/")
        .await
        .expect(401);
}

async fn the_refresh_token_of_a_deleted_account_finds_nobody(app: TestApp) {
    let ann = app.register("ann").await;
    ann.delete(&format!("/api/users/{}/", ann.id()))
        .await
        .expect(204);
    app.stranger()
        .post(REFRESH, json!({ "refresh_token": ann.refresh_token }))
        .await
        .is(404, &error("User not found"));
}
