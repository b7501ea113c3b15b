//! Stored passwords: ours, Django's, and those that are none.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meggy::db::{Executor, FromRow, Row};
use serde_json::json;
use sha2::Sha256;

use crate::support::app::{PASSWORD, block_on};
use crate::support::{Database, Kind, TestApp, on_each_database};

on_each_database! {
    a_password_is_stored_as_argon2id_with_the_configured_costs,
    a_hash_of_djangos_opens_the_account_and_is_replaced,
    a_hash_with_other_costs_is_replaced_at_the_next_login,
    a_login_leaves_a_current_hash_alone,
    an_account_whose_password_is_no_hash_stays_shut,
    a_password_beyond_4096_characters_is_refused,
}

struct Stored(String);

impl FromRow for Stored {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("password").map(Self)
    }
}

/// The hash of the only account.
async fn stored(app: &TestApp) -> String {
    let Stored(hash) = app
        .db
        .query("SELECT password FROM users")
        .fetch_one()
        .await
        .expect("an account");
    hash
}

async fn store(app: &TestApp, hash: &str) {
    assert_eq!(
        app.db
            .query("UPDATE users SET password = $1")
            .bind(hash)
            .execute()
            .await
            .unwrap(),
        1
    );
}

/// A hash as Django writes it.
fn django(password: &str, rounds: u32) -> String {
    let salt = "aB3dE5gH7jK9mN1pQ3sT5v";
    let hash =
        pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt.as_bytes(), rounds);
    format!("pbkdf2_sha256${rounds}${salt}${}", STANDARD.encode(hash))
}

async fn a_password_is_stored_as_argon2id_with_the_configured_costs(app: TestApp) {
    let app = app
        .another(&[
            ("ARGON2_MEMORY_KIB", "64"),
            ("ARGON2_ITERATIONS", "3"),
            ("ARGON2_PARALLELISM", "2"),
        ])
        .await;
    app.register("ann").await;
    let hash = stored(&app).await;
    assert!(hash.starts_with("$argon2id$v=19$m=64,t=3,p=2$"), "{hash}");
    assert!(!hash.contains(PASSWORD));
}

async fn a_hash_of_djangos_opens_the_account_and_is_replaced(app: TestApp) {
    app.register("ann").await;
    store(&app, &django("passwörd of old", 1000)).await;
    app.stranger()
        .login("ann@example.com", "password of old")
        .await
        .expect(401);
    assert!(
        stored(&app).await.starts_with("pbkdf2_sha256$"),
        "a wrong password replaces nothing"
    );
    app.stranger()
        .login("ann@example.com", "passwörd of old")
        .await
        .expect(200);
    let hash = stored(&app).await;
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    app.stranger()
        .login("ann@example.com", "passwörd of old")
        .await
        .expect(200);
    app.stranger()
        .login("ann@example.com", "password of old")
        .await
        .expect(401);
}

async fn a_hash_with_other_costs_is_replaced_at_the_next_login(app: TestApp) {
    app.register("ann").await;
    let before = stored(&app).await;
    let dearer = app.another(&[("ARGON2_MEMORY_KIB", "32")]).await;
    dearer
        .stranger()
        .login("ann@example.com", "incorrect horse")
        .await
        .expect(401);
    assert_eq!(stored(&app).await, before);
    dearer
        .stranger()
        .login("ann@example.com", PASSWORD)
        .await
        .expect(200);
    let after = stored(&app).await;
    assert!(after.contains("$m=32,"), "{after}");
    app.stranger()
        .login("ann@example.com", PASSWORD)
        .await
        .expect(200);
}

async fn a_login_leaves_a_current_hash_alone(app: TestApp) {
    app.register("ann").await;
    let before = stored(&app).await;
    app.stranger()
        .login("ann@example.com", PASSWORD)
        .await
        .expect(200);
    assert_eq!(stored(&app).await, before);
}

async fn an_account_whose_password_is_no_hash_stays_shut(app: TestApp) {
    app.register("ann").await;
    let good = django(PASSWORD, 1000);
    for hash in [
        "!",
        "!Tw1x0aSomeRandomText",
        "",
        "correct horse",
        "md5$salt$hash",
        "pbkdf2_sha256$",
        "pbkdf2_sha256$0$salt$AAAA",
        "pbkdf2_sha256$1000$salt$",
        &good.replace("$1000$", "$4000000000$"),
        &good.replace("$1000$", "$-1$"),
    ] {
        store(&app, hash).await;
        for password in [PASSWORD, "!", hash] {
            let answer = app.stranger().login("ann@example.com", password).await;
            assert!(
                matches!(answer.status, 400 | 401),
                "{hash} opened by {password}: {}",
                answer.text
            );
        }
    }
}

async fn a_password_beyond_4096_characters_is_refused(app: TestApp) {
    let longest = "ü".repeat(4096);
    app.stranger()
        .register("ann@example.com", "Ann", &longest)
        .await;
    app.stranger()
        .login("ann@example.com", &longest)
        .await
        .expect(200);
    let too_long = format!("{longest}x");
    let answer = app.stranger().login("ann@example.com", &too_long).await;
    let text = answer.expect(400)["error"].as_str().unwrap().to_owned();
    assert!(text.contains("4096"), "{text}");
    let body = json!({ "email": "bob@example.com", "name": "Bob", "password": too_long });
    let errors = json!({ "password": ["Ensure this field has no more than 4096 characters."] });
    app.stranger()
        .post("/api/auth/register/", body)
        .await
        .is(400, &errors);
}

/// `make_password("lètmein", "seasalt")` of Django 1.4 and later, with 10,000 rounds, as its own tests have it.
#[test]
fn a_hash_known_from_django_opens_the_account() {
    const KNOWN: &str = "pbkdf2_sha256$10000$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY=";
    let Some(database) = Database::new(Kind::Sqlite) else {
        return;
    };
    block_on(async {
        let app = TestApp::start(&database, &[]).await;
        app.register("ann").await;
        store(&app, KNOWN).await;
        app.stranger()
            .login("ann@example.com", "letmein")
            .await
            .expect(401);
        app.stranger()
            .login("ann@example.com", "lètmein")
            .await
            .expect(200);
    });
}

/// The time of a login that fails must not tell whether there is an account. On one database, because the time goes
/// into hashing.
#[test]
fn an_unknown_email_takes_as_long_as_a_wrong_password() {
    let Some(database) = Database::new(Kind::Sqlite) else {
        return;
    };
    block_on(async {
        let app = TestApp::start(
            &database,
            &[("ARGON2_MEMORY_KIB", "16384"), ("ARGON2_ITERATIONS", "2")],
        )
        .await;
        app.register("ann").await;
        let time = async |email: &str| {
            let start = Instant::now();
            app.stranger()
                .login(email, "incorrect horse")
                .await
                .expect(401);
            start.elapsed()
        };
        let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
        for _ in 0..9 {
            wrong.push(time("ann@example.com").await);
            unknown.push(time("nobody@example.com").await);
        }
        let median = |times: &mut Vec<Duration>| {
            times.sort();
            times[times.len() / 2]
        };
        let (wrong, unknown) = (median(&mut wrong), median(&mut unknown));
        assert!(
            unknown * 3 > wrong && wrong * 3 > unknown,
            "unknown {unknown:?}, wrong {wrong:?}"
        );
    });
}
