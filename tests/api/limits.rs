//! How often what may be done, and how refusals are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::app::PASSWORD;
use crate::support::client::send;
use crate::support::{Answer, Client, Kind, TestApp, eventually, on_each_database};

on_each_database! {
    wrong_passwords_of_an_address_are_counted_and_right_ones_are_not,
    wrong_passwords_of_an_account_are_counted_wherever_they_come_from,
    who_logged_in_from_an_address_is_not_kept_out_by_others,
    the_password_of_somebody_logged_in_cannot_be_guessed_at_will,
    registrations_of_an_address_are_counted,
    requests_of_a_user_are_counted_if_that_is_wanted,
    zero_is_no_limit,
    headers_of_clients_change_no_address,
}

const LOGIN: &str = "/api/auth/login/";

/// A server that believes its clients where they come from.
async fn start(app: &TestApp, settings: &[(&str, &str)]) -> TestApp {
    let proxies = [("TRUSTED_PROXIES", "127.0.0.0/8")];
    app.another(&[&proxies, settings].concat()).await
}

/// Somebody's try to log in, from an address.
async fn login(app: &TestApp, from: &str, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password }).to_string();
    let request = app
        .stranger()
        .request("POST", LOGIN)
        .header("content-type", "application/json");
    send(request.header("x-forwarded-for", from).body(body)).await
}

async fn fail(app: &TestApp, from: &str, email: &str) {
    let answer = login(app, from, email, "a wrong one").await;
    answer.is(401, &json!({ "error": "Invalid credentials" }));
}

/// A refusal with all that belongs to it.
#[track_caller]
fn throttled(answer: &Answer, policy: &str) {
    assert_eq!(answer.status, 429, "{}", answer.text);
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds >= 1, "{seconds}");
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let text = format!("Request was throttled. Expected available in {seconds} {unit}.");
    assert_eq!(answer.json, json!({ "detail": text }));
    assert_eq!(answer.header("ratelimit-policy"), Some(policy));
    let name = policy.split(';').next().unwrap();
    let state = format!("{name};r=0;t={seconds}");
    assert_eq!(answer.header("ratelimit"), Some(&*state));
}

async fn wrong_passwords_of_an_address_are_counted_and_right_ones_are_not(app: TestApp) {
    let app = start(&app, &[("LOGIN_FAILURES_PER_ADDRESS_PER_HOUR", "3")]).await;
    app.register("ann").await;
    let home = "192.0.2.1";
    for _ in 0..5 {
        login(&app, home, "ann@example.com", PASSWORD)
            .await
            .expect(200);
    }
    for number in 0..3 {
        fail(&app, home, &format!("nobody{number}@example.com")).await;
    }
    let refused = login(&app, home, "bob@example.com", PASSWORD).await;
    throttled(&refused, "\"login-address\";q=3;w=3600");
    fail(&app, "192.0.2.2", "bob@example.com").await;

    // Whoever has one IPv6 address has very many.
    for host in 0..3 {
        fail(&app, &format!("2001:db8::{host}"), "bob@example.com").await;
    }
    let refused = login(&app, "2001:db8::ffff:1", "bob@example.com", PASSWORD).await;
    throttled(&refused, "\"login-address\";q=3;w=3600");
    fail(&app, "2001:db8:0:1::1", "bob@example.com").await;
}

async fn wrong_passwords_of_an_account_are_counted_wherever_they_come_from(app: TestApp) {
    let app = start(&app, &[("LOGIN_FAILURES_PER_ACCOUNT_PER_HOUR", "3")]).await;
    app.register("ann").await;
    for email in ["ann@example.com", "nobody@example.com"] {
        for host in 1..=3 {
            fail(&app, &format!("192.0.2.{host}"), email).await;
        }
        // In any letter case it is the same account.
        let refused = login(&app, "192.0.2.4", &email.to_uppercase(), PASSWORD).await;
        throttled(&refused, "\"login-account\";q=3;w=3600");
    }
    fail(&app, "192.0.2.4", "somebody@example.com").await;
}

async fn who_logged_in_from_an_address_is_not_kept_out_by_others(app: TestApp) {
    let limits = [
        ("LOGIN_FAILURES_PER_ADDRESS_PER_HOUR", "2"),
        ("LOGIN_FAILURES_PER_ACCOUNT_PER_HOUR", "3"),
    ];
    let app = start(&app, &limits).await;
    app.register("ann").await;
    let home = "192.0.2.1";
    login(&app, home, "ann@example.com", PASSWORD)
        .await
        .expect(200);
    for host in 2..=4 {
        fail(&app, &format!("192.0.2.{host}"), "ann@example.com").await;
    }
    for _ in 0..2 {
        fail(&app, home, "nobody@example.com").await;
    }
    for (from, email) in [
        ("192.0.2.5", "ann@example.com"),
        (home, "nobody@example.com"),
    ] {
        assert_eq!(login(&app, from, email, PASSWORD).await.status, 429);
    }
    login(&app, home, "ann@example.com", PASSWORD)
        .await
        .expect(200);
    // All the same it is no place to guess from.
    for _ in 0..3 {
        fail(&app, home, "ann@example.com").await;
    }
    let refused = login(&app, home, "ann@example.com", PASSWORD).await;
    throttled(&refused, "\"login-account\";q=3;w=3600");
}

async fn the_password_of_somebody_logged_in_cannot_be_guessed_at_will(app: TestApp) {
    let app = start(&app, &[("LOGIN_FAILURES_PER_ACCOUNT_PER_HOUR", "2")]).await;
    let ann = app.register("ann").await;
    let delete = |password: &str| json!({ "password": password });
    for _ in 0..2 {
        ann.post("/api/users/me/delete/", delete("a wrong one"))
            .await
            .expect(400);
    }
    let refused = ann.post("/api/users/me/delete/", delete(PASSWORD)).await;
    throttled(&refused, "\"login-account\";q=2;w=3600");
    let bob = app.register("bob").await;
    bob.post("/api/users/me/delete/", delete(PASSWORD))
        .await
        .expect(204);
}

async fn registrations_of_an_address_are_counted(app: TestApp) {
    let app = start(&app, &[("REGISTRATIONS_PER_ADDRESS_PER_HOUR", "3")]).await;
    let register = async |from: &str, email: &str| {
        let body = json!({ "email": email, "name": "x", "password": PASSWORD }).to_string();
        let request = app
            .stranger()
            .request("POST", "/api/auth/register/")
            .header("content-type", "application/json");
        send(request.header("x-forwarded-for", from).body(body)).await
    };
    let home = "192.0.2.1";
    register(home, "ann@example.com").await.expect(201);
    // To be told that an address is taken counts; to be told that it is none does not.
    register(home, "ann@example.com").await.expect(400);
    for _ in 0..5 {
        register(home, "nonsense").await.expect(400);
    }
    register(home, "bob@example.com").await.expect(201);
    let refused = register(home, "cid@example.com").await;
    throttled(&refused, "\"registration\";q=3;w=3600");
    register("192.0.2.2", "cid@example.com").await.expect(201);
}

async fn requests_of_a_user_are_counted_if_that_is_wanted(app: TestApp) {
    let free = app.register("ann").await;
    let answer = free.get("/api/users/me/").await;
    assert_eq!(answer.header("ratelimit"), None);

    let app = app.another(&[("REQUESTS_PER_USER_PER_MINUTE", "3")]).await;
    let ann = Client {
        base: app.base.clone(),
        ..free
    };
    let policy = "\"user\";q=3;w=60";
    for (left, path, status) in [
        (2, "/api/users/me/", 200),
        (1, "/api/agents/nonsense/", 404),
        (0, "/api/conversations/", 200),
    ] {
        let answer = ann.get(path).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(answer.header("ratelimit-policy"), Some(policy));
        let state = format!("\"user\";r={left}");
        assert_eq!(answer.header("ratelimit"), Some(&*state));
    }
    throttled(&ann.get("/api/users/me/").await, policy);
    let bob = app.register("bob").await;
    bob.get("/api/users/me/").await.expect(200);
    // What needs no token is not the user's.
    ann.get("/api/health/").await.expect(200);
}

async fn zero_is_no_limit(app: TestApp) {
    let off = [
        ("LOGIN_FAILURES_PER_ADDRESS_PER_HOUR", "0"),
        ("LOGIN_FAILURES_PER_ACCOUNT_PER_HOUR", "0"),
    ];
    let app = start(&app, &off).await;
    // More than the default of an account.
    for _ in 0..120 {
        fail(&app, "192.0.2.1", "ann@example.com").await;
    }
}

/// Without a trusted proxy between them, clients do not say where they come from.
async fn headers_of_clients_change_no_address(app: TestApp) {
    let app = app
        .another(&[("LOGIN_FAILURES_PER_ADDRESS_PER_HOUR", "2")])
        .await;
    for host in 1..=2 {
        fail(&app, &format!("192.0.2.{host}"), "ann@example.com").await;
    }
    assert_eq!(
        login(&app, "192.0.2.3", "ann@example.com", PASSWORD)
            .await
            .status,
        429
    );
}

/// What many do at once is counted one by one.
#[test]
fn a_burst_gets_no_further_than_one_after_the_other() {
    let database = crate::support::Database::new(Kind::Sqlite).unwrap();
    crate::support::app::block_on(async {
        let limits = [("LOGIN_FAILURES_PER_ACCOUNT_PER_HOUR", "5")];
        let app = Arc::new(TestApp::start(&database, &limits).await);
        let tries: Vec<_> = (0..50)
            .map(|_| {
                let app = app.clone();
                tokio::spawn(async move {
                    login(&app, "", "ann@example.com", "a wrong one")
                        .await
                        .status
                })
            })
            .collect();
        let mut looked_at = 0;
        for tried in tries {
            match tried.await.unwrap() {
                401 => looked_at += 1,
                status => assert_eq!(status, 429),
            }
        }
        assert_eq!(looked_at, 5);
    });
}

/// Far more logins than there is time for. On one database, because the time goes into hashing.
#[test]
fn a_flood_of_logins_is_refused_and_shuts_nobody_out() {
    let database = crate::support::Database::new(Kind::Sqlite).unwrap();
    crate::support::app::block_on(async {
        let slow = [
            ("TRUSTED_PROXIES", "127.0.0.0/8"),
            ("LOGIN_FAILURES_PER_ADDRESS_PER_HOUR", "0"),
            ("PASSWORD_HASH_CONCURRENCY", "1"),
            ("ARGON2_MEMORY_KIB", "19456"),
        ];
        let app = Arc::new(TestApp::start(&database, &slow).await);
        app.register("ann").await;
        let refused = Arc::new(AtomicUsize::new(0));
        let flood: Vec<_> = (0..400)
            .map(|number| {
                let (app, refused) = (app.clone(), refused.clone());
                let email = format!("nobody{number}@example.com");
                tokio::spawn(async move {
                    let answer = login(&app, "192.0.2.1", &email, "a wrong one").await;
                    if answer.status == 503 {
                        assert_eq!(answer.header("retry-after"), Some("1"));
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        eventually("the line is full", async || {
            (refused.load(Ordering::Relaxed) > 0).then_some(())
        })
        .await;
        // From an address that is new to the server.
        login(&app, "192.0.2.2", "ann@example.com", PASSWORD)
            .await
            .expect(200);
        let waiting = flood.iter().filter(|login| !login.is_finished()).count();
        assert!(waiting > 100, "only {waiting} were before her");
        for login in flood {
            login.abort();
        }
    });
}
