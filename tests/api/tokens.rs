//! Which tokens open the door, and how they have to be shown.

use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Value, json};

use crate::support::client::send;
use crate::support::tokens::{access, mint, mint_with, now};
use crate::support::{Answer, Client, SECRET, TestApp, on_each_database};

on_each_database! {
    a_token_signed_elsewhere_with_the_same_secret_is_good,
    a_token_that_breaks_any_rule_is_bad,
    a_token_that_was_tampered_with_is_bad,
    a_token_expires_to_the_second,
    only_a_bearer_header_counts_as_credentials,
    the_token_stands_between_two_spaces,
    the_refresh_path_holds_its_tokens_to_the_same_rules,
}

const ME: &str = "/api/users/me/";

/// Claims of a good token with some of them changed; null takes one away.
fn changed(claims: &Value, changes: Value) -> Value {
    let mut claims = claims.clone();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

/// What asks for other rules than the standard's own.
fn bad_claims(good: &Value) -> Vec<Value> {
    [
        json!({ "exp": now() - 1 }),
        json!({ "exp": "soon" }),
        json!({ "exp": [now() + 60] }),
        json!({ "exp": true }),
        json!({ "iat": now() + 60 }),
        json!({ "iat": "now" }),
        json!({ "nbf": now() + 60 }),
        json!({ "type": null }),
        json!({ "type": "ACCESS" }),
        json!({ "type": "other" }),
        json!({ "type": ["access"] }),
        json!({ "user_id": null }),
        json!({ "user_id": "" }),
        json!({ "user_id": "42" }),
        json!({ "user_id": 42 }),
        json!({ "user_id": { "id": good["user_id"] } }),
        json!({ "user_id": "00000000-0000-4000-8000-000000000000" }),
    ]
    .into_iter()
    .map(|changes| changed(good, changes))
    .chain([{
        // Not absent: null, which is no number.
        let mut claims = good.clone();
        claims["exp"] = Value::Null;
        claims
    }])
    .collect()
}

fn bad_headers() -> [Value; 5] {
    [
        json!({ "alg": "none", "typ": "JWT" }),
        json!({ "alg": "HS384", "typ": "JWT" }),
        json!({ "alg": "HS512", "typ": "JWT" }),
        json!({ "alg": "RS256", "typ": "JWT" }),
        json!({ "typ": "JWT" }),
    ]
}

async fn show(client: &Client, header: impl TryInto<HeaderValue>) -> Answer {
    let header = header.try_into().unwrap_or_else(|_| panic!("no header"));
    let stranger = Client {
        token: None,
        ..client.clone()
    };
    send(stranger.request("GET", ME).header(AUTHORIZATION, header)).await
}

#[track_caller]
fn is_bad(answer: &Answer, why: impl std::fmt::Display) {
    assert_eq!(answer.status, 401, "{why}: {}", answer.text);
    assert_eq!(
        answer.json,
        json!({ "detail": "Invalid or expired token" }),
        "{why}"
    );
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{why}");
}

async fn a_token_signed_elsewhere_with_the_same_secret_is_good(app: TestApp) {
    let ann = app.register("ann").await;
    let good = access(ann.id());
    for changes in [
        json!({}),
        json!({ "email": "somebody@else.com" }),
        json!({ "email": null }),
        json!({ "iat": now() }),
        json!({ "iat": null }),
        json!({ "nbf": now() - 1 }),
        json!({ "user_id": ann.id().replace('-', "").to_uppercase() }),
        json!({ "aud": "anybody", "iss": "elsewhere", "more": { "claims": [1, 2] } }),
    ] {
        let claims = changed(&good, changes);
        let answer = ann.with_token(mint(&claims)).get(ME).await;
        assert_eq!(answer.status, 200, "{claims}: {}", answer.text);
    }
}

async fn a_token_that_breaks_any_rule_is_bad(app: TestApp) {
    let ann = app.register("ann").await;
    let good = access(ann.id());
    for claims in bad_claims(&good) {
        is_bad(&ann.with_token(mint(&claims)).get(ME).await, &claims);
    }
    for header in bad_headers() {
        is_bad(
            &ann.with_token(mint_with(&header, &good, SECRET))
                .get(ME)
                .await,
            &header,
        );
    }
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    is_bad(
        &ann.with_token(mint_with(&header, &good, "another secret"))
            .get(ME)
            .await,
        "another secret",
    );
    is_bad(
        &ann.with_token(mint_with(&header, &good, "")).get(ME).await,
        "no secret",
    );
    is_bad(
        &ann.with_token(mint_with(&header, &json!([1]), SECRET))
            .get(ME)
            .await,
        "claims that are a list",
    );
}

async fn a_token_that_was_tampered_with_is_bad(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let parts: Vec<&str> = ann.token().split('.').collect();
    let bobs: Vec<&str> = bob.token().split('.').collect();
    for token in [
        format!("{}.{}.{}", parts[0], bobs[1], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.", ann.token()),
        format!("{}A", ann.token()),
        format!("{}=", ann.token()),
        "..".to_owned(),
        "x".to_owned(),
    ] {
        is_bad(&ann.with_token(token.clone()).get(ME).await, token);
    }
}

async fn a_token_expires_to_the_second(app: TestApp) {
    let ann = app.register("ann").await;
    // As short as it can be: good now, and bad two seconds later without any leeway.
    let token = ann.with_token(mint(&changed(
        &access(ann.id()),
        json!({ "exp": now() + 2 }),
    )));
    token.get(ME).await.expect(200);
    let deadline = now() + 2;
    while now() < deadline {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    is_bad(&token.get(ME).await, "expired");
}

async fn only_a_bearer_header_counts_as_credentials(app: TestApp) {
    let ann = app.register("ann").await;
    let missing = json!({ "detail": "Authentication credentials were not provided." });
    let no_header = app.stranger().get(ME).await;
    no_header.is(401, &missing);
    assert_eq!(no_header.header("www-authenticate"), Some("Bearer"));
    let token = ann.token();
    for header in [
        format!("bearer {token}"),
        format!("BEARER {token}"),
        format!("Token {token}"),
        format!("Basic {token}"),
        format!("Bearer\t{token}"),
        token.to_owned(),
        "Bearer".to_owned(),
        String::new(),
    ] {
        show(&ann, header.as_str()).await.is(401, &missing);
    }
}

async fn the_token_stands_between_two_spaces(app: TestApp) {
    let ann = app.register("ann").await;
    let token = ann.token();
    show(&ann, format!("Bearer {token} and more"))
        .await
        .expect(200);
    is_bad(&show(&ann, format!("Bearer  {token}")).await, "two spaces");
    is_bad(
        &show(&ann, format!("Bearer x {token}")).await,
        "a word before",
    );
    is_bad(&show(&ann, &b"Bearer \xff\xfe"[..]).await, "no text");
}

async fn the_refresh_path_holds_its_tokens_to_the_same_rules(app: TestApp) {
    let ann = app.register("ann").await;
    let good = changed(
        &access(ann.id()),
        json!({ "type": "refresh", "email": null }),
    );
    let refresh = async |token: String| {
        app.stranger()
            .post("/api/auth/refresh/", json!({ "refresh_token": token }))
            .await
    };
    refresh(mint(&good)).await.expect(200);
    let nobody = "00000000-0000-4000-8000-000000000000";
    let bad = bad_claims(&good)
        .into_iter()
        .filter(|claims| claims["user_id"] != nobody)
        .chain([access(ann.id())]);
    for claims in bad {
        let answer = refresh(mint(&claims)).await;
        assert_eq!(
            answer.json,
            json!({ "error": "Invalid or expired refresh token" }),
            "{claims}"
        );
        assert_eq!(answer.status, 401, "{claims}");
    }
    for header in bad_headers() {
        assert_eq!(
            refresh(mint_with(&header, &good, SECRET)).await.status,
            401,
            "{header}"
        );
    }
}
