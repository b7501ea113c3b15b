//! Another e-mail address, for those who know the password.

use serde_json::json;

use crate::support::app::PASSWORD;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    an_address_is_changed_with_the_password,
    a_wrong_password_changes_no_address,
    an_address_must_be_good_and_free,
}

const EMAIL: &str = "/api/users/me/email/";

async fn an_address_is_changed_with_the_password(app: TestApp) {
    let ann = app.register("ann").await;
    let body = json!({ "email": "Anna@Example.ORG", "password": PASSWORD });
    let changed = ann.post(EMAIL, body).await.expect(200);
    // As at registration.
    assert_eq!(changed["email"], "Anna@example.org");
    ann.get("/api/users/me/").await.is(200, &changed);
    let stranger = app.stranger();
    stranger
        .login("anna@example.org", PASSWORD)
        .await
        .expect(200);
    stranger
        .login("ann@example.com", PASSWORD)
        .await
        .expect(401);
}

async fn a_wrong_password_changes_no_address(app: TestApp) {
    let ann = app.register("ann").await;
    let message = json!({ "password": ["This is not your password."] });
    let body = json!({ "email": "anna@example.org", "password": "incorrect horse" });
    ann.post(EMAIL, body).await.is(400, &message);
    ann.get("/api/users/me/").await.is(200, &ann.user);
    let body = json!({ "email": "anna@example.org", "password": PASSWORD });
    app.stranger().post(EMAIL, body).await.expect(401);
}

async fn an_address_must_be_good_and_free(app: TestApp) {
    let ann = app.register("ann").await;
    app.register("bob").await;
    let taken = json!({ "email": ["User with this email already exists."] });
    let body = json!({ "email": "BOB@example.com", "password": PASSWORD });
    ann.post(EMAIL, body).await.is(400, &taken);
    let bad = json!({ "email": ["Enter a valid email address."], "password": ["This field is required."] });
    let body = json!({ "email": "nonsense" });
    ann.post(EMAIL, body).await.is(400, &bad);
    ann.get("/api/users/me/").await.is(200, &ann.user);
}
