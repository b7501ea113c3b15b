//! Register, login, refresh, logout.

mod refresh;

use meggy::users::repository::set_active;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::client::send;
use crate::support::tokens::{now, read};
use crate::support::{TestApp, on_each_database};

on_each_database! {
    registering_answers_the_account_and_two_tokens,
    a_token_says_whose_it_is_and_how_long_it_lives,
    the_lifetimes_of_tokens_can_be_set,
    a_taken_email_is_a_field_error,
    all_faulty_fields_are_told_at_once,
    a_password_is_taken_as_it_was_typed,
    every_character_of_a_password_counts,
    a_login_without_email_or_password_is_refused,
    a_wrong_password_and_an_unknown_email_look_the_same,
    a_login_does_not_mind_the_case_of_the_email,
    a_disabled_account_is_closed_at_once,
    a_logout_needs_a_token_and_ends_nothing,
    the_public_paths_do_not_look_at_the_authorization_header,
    the_paths_of_authentication_know_only_post,
}

const REGISTER: &str = "/api/auth/register/";
const REFRESH: &str = "/api/auth/refresh/";
const LOGOUT: &str = "/api/auth/logout/";

fn error(text: &str) -> Value {
    json!({ "error": text })
}

async fn registering_answers_the_account_and_two_tokens(app: TestApp) {
    let body = json!({ "email": " Ann.Lee@Example.COM ", "name": " Ann ", "password": "12345678", "is_active": false });
    let session = app.stranger().post(REGISTER, body).await.expect(201);
    let user = &session["user"];
    // The local part belongs to its owner's server, which may tell cases apart; the domain does not.
    assert_eq!(user["email"], "Ann.Lee@example.com");
    assert_eq!(user["name"], "Ann");
    assert_eq!(user["avatar_url"], Value::Null);
    assert_eq!(user["is_active"], true);
    assert_eq!(user["created_at"], user["updated_at"]);
    let mut keys: Vec<&str> = user
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "avatar_url",
            "created_at",
            "email",
            "id",
            "is_active",
            "name",
            "updated_at"
        ]
    );
    let client = app
        .stranger()
        .with_token(session["access_token"].as_str().unwrap());
    client.get("/api/users/me/").await.is(200, user);
}

async fn a_token_says_whose_it_is_and_how_long_it_lives(app: TestApp) {
    let ann = app.register("ann").await;
    for (token, kind, lifetime) in [
        (ann.token(), "access", 60 * 60),
        (ann.refresh_token.as_str(), "refresh", 7 * 24 * 60 * 60),
    ] {
        let (header, claims) = read(token);
        assert_eq!(header, json!({ "alg": "HS256", "typ": "JWT" }));
        let iat = claims["iat"].as_i64().expect("whole seconds");
        assert!((now() - 5..=now()).contains(&iat), "{iat}");
        let mut expected =
            json!({ "user_id": ann.id(), "iat": iat, "exp": iat + lifetime, "type": kind });
        if kind == "access" {
            expected["email"] = json!("ann@example.com");
        }
        assert_eq!(claims, expected);
    }
}

async fn the_lifetimes_of_tokens_can_be_set(app: TestApp) {
    let app = app
        .another(&[
            ("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", "2"),
            ("JWT_REFRESH_TOKEN_EXPIRE_DAYS", "3"),
        ])
        .await;
    let ann = app.register("ann").await;
    let lifetime = |token: &str| {
        let (_, claims) = read(token);
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
    };
    assert_eq!(lifetime(ann.token()), 2 * 60);
    assert_eq!(lifetime(&ann.refresh_token), 3 * 24 * 60 * 60);
}

async fn a_taken_email_is_a_field_error(app: TestApp) {
    app.register("ann").await;
    for email in ["ann@example.com", "ANN@EXAMPLE.COM"] {
        let body = json!({ "email": email, "name": "Other", "password": "12345678" });
        let taken = json!({ "email": ["User with this email already exists."] });
        app.stranger().post(REGISTER, body).await.is(400, &taken);
    }
}

async fn all_faulty_fields_are_told_at_once(app: TestApp) {
    app.register("ann").await;
    let required = json!(["This field is required."]);
    let all_missing = json!({ "email": required, "name": required, "password": required });
    app.stranger()
        .post(REGISTER, json!({}))
        .await
        .is(400, &all_missing);
    for (body, errors) in [
        (
            json!({ "email": "ann@example.com", "name": " ", "password": "short" }),
            json!({
                "email": ["User with this email already exists."],
                "name": ["This field may not be blank."],
                "password": ["Ensure this field has at least 8 characters."],
            }),
        ),
        (
            json!({ "email": null, "name": [], "password": "        " }),
            json!({
                "email": ["This field may not be null."],
                "name": ["Not a valid string."],
                "password": ["This field may not be blank."],
            }),
        ),
        (
            json!({ "email": "x".repeat(255), "name": "n".repeat(256), "password": "\u{0}234567" }),
            json!({
                "email": ["Ensure this field has no more than 254 characters.", "Enter a valid email address."],
                "name": ["Ensure this field has no more than 255 characters."],
                "password": ["Ensure this field has at least 8 characters.", "Null characters are not allowed."],
            }),
        ),
    ] {
        app.stranger().post(REGISTER, body).await.is(400, &errors);
    }
}

async fn a_password_is_taken_as_it_was_typed(app: TestApp) {
    let password = "  spaced out\t";
    app.stranger()
        .register("ann@example.com", "Ann", password)
        .await;
    app.stranger()
        .login("ann@example.com", password)
        .await
        .expect(200);
    app.stranger()
        .login("ann@example.com", password.trim())
        .await
        .is(401, &error("Invalid credentials"));
}

async fn every_character_of_a_password_counts(app: TestApp) {
    let long = "é".repeat(100);
    app.stranger()
        .register("ann@example.com", "Ann", &format!("{long}x"))
        .await;
    app.stranger()
        .login("ann@example.com", &format!("{long}x"))
        .await
        .expect(200);
    app.stranger()
        .login("ann@example.com", &format!("{long}y"))
        .await
        .expect(401);
    app.stranger()
        .login("ann@example.com", &long)
        .await
        .expect(401);
}

async fn a_login_without_email_or_password_is_refused(app: TestApp) {
    app.register("ann").await;
    let stranger = app.stranger();
    let missing = error("Email and password are required");
    for nothing in [
        json!(null),
        json!(""),
        json!(0),
        json!(false),
        json!([]),
        json!({}),
    ] {
        stranger
            .post(
                "/api/auth/login/",
                json!({ "email": nothing, "password": PASSWORD }),
            )
            .await
            .is(400, &missing);
        stranger
            .post(
                "/api/auth/login/",
                json!({ "email": "ann@example.com", "password": nothing }),
            )
            .await
            .is(400, &missing);
    }
    stranger
        .post("/api/auth/login/", json!({ "email": "ann@example.com" }))
        .await
        .is(400, &missing);
    stranger
        .post("/api/auth/login/", json!({ "password": PASSWORD }))
        .await
        .is(400, &missing);
    stranger
        .send("POST", "/api/auth/login/", None)
        .await
        .is(400, &missing);
}

async fn a_wrong_password_and_an_unknown_email_look_the_same(app: TestApp) {
    app.register("ann").await;
    let wrong = app
        .stranger()
        .login("ann@example.com", "incorrect horse")
        .await;
    let unknown = app.stranger().login("nobody@example.com", PASSWORD).await;
    for answer in [&wrong, &unknown] {
        answer.is(401, &error("Invalid credentials"));
        assert_eq!(answer.header("www-authenticate"), None);
    }
    // Numbers count as their text, other types and an untrimmed address as nobody's.
    for (email, password) in [
        (json!("ann@example.com"), json!(["correct horse"])),
        (json!({ "a": 1 }), json!(PASSWORD)),
        (json!(" ann@example.com"), json!(PASSWORD)),
        (json!("ann@example.com\u{0}"), json!(PASSWORD)),
        (json!(true), json!(PASSWORD)),
    ] {
        let body = json!({ "email": email, "password": password });
        app.stranger()
            .post("/api/auth/login/", body)
            .await
            .is(401, &error("Invalid credentials"));
    }
    app.stranger()
        .register("digits@example.com", "Digits", "12345678")
        .await;
    app.stranger()
        .post(
            "/api/auth/login/",
            json!({ "email": "digits@example.com", "password": 12_345_678 }),
        )
        .await
        .expect(200);
}

async fn a_login_does_not_mind_the_case_of_the_email(app: TestApp) {
    let ann = app.register("ann").await;
    let session = app
        .stranger()
        .login("Ann@EXAMPLE.com", PASSWORD)
        .await
        .expect(200);
    assert_eq!(session["user"], ann.user);
    assert!(session["access_token"].is_string() && session["refresh_token"].is_string());
}

async fn a_disabled_account_is_closed_at_once(app: TestApp) {
    let ann = app.register("ann").await;
    assert!(set_active(&app.db, "ann@example.com", false).await.unwrap());
    let answer = ann.get("/api/users/me/").await;
    answer.is(401, &json!({ "detail": "User account is disabled" }));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));

    let disabled = error("User account is disabled");
    let login = app.stranger().login("ann@example.com", PASSWORD).await;
    login.is(401, &disabled);
    assert_eq!(login.header("www-authenticate"), None);
    // Who does not know the password learns nothing about the account.
    app.stranger()
        .login("ann@example.com", "incorrect horse")
        .await
        .is(401, &error("Invalid credentials"));
    app.stranger()
        .post(REFRESH, json!({ "refresh_token": ann.refresh_token }))
        .await
        .is(401, &disabled);

    // Tokens from before stay refused: somebody else may have them.
    assert!(set_active(&app.db, "ANN@example.com", true).await.unwrap());
    ann.get("/api/users/me/").await.expect(401);
    app.stranger()
        .login("ann@example.com", PASSWORD)
        .await
        .expect(200);
}

async fn a_logout_needs_a_token_and_ends_nothing(app: TestApp) {
    let ann = app.register("ann").await;
    app.stranger().send("POST", LOGOUT, None).await.expect(401);
    let gone = json!({ "message": "Successfully logged out" });
    ann.send("POST", LOGOUT, None).await.is(200, &gone);
    ann.post_as(LOGOUT, "text/plain", "{ this is not looked at")
        .await
        .is(200, &gone);
    ann.get("/api/users/me/").await.expect(200);
}

async fn the_public_paths_do_not_look_at_the_authorization_header(app: TestApp) {
    let ann = app.register("ann").await;
    let expired = app.stranger().with_token("expired.or.worse");
    expired.login("ann@example.com", PASSWORD).await.expect(200);
    expired
        .post(REFRESH, json!({ "refresh_token": ann.refresh_token }))
        .await
        .expect(200);
    expired.register("bob@example.com", "Bob", PASSWORD).await;
}

async fn the_paths_of_authentication_know_only_post(app: TestApp) {
    let ann = app.register("ann").await;
    for path in [REGISTER, "/api/auth/login/", REFRESH, LOGOUT] {
        for method in ["GET", "PUT", "PATCH", "DELETE", "BREW"] {
            let answer = ann.send(method, path, None).await;
            answer.is(
                405,
                &json!({ "detail": format!("Method \"{method}\" not allowed.") }),
            );
            assert_eq!(answer.list("allow"), ["OPTIONS", "POST"], "{method} {path}");
        }
        let head = send(ann.request("HEAD", path)).await;
        assert_eq!((head.status, head.text.as_str()), (405, ""));
    }
}
