//! Accounts and agents that today's rules would refuse come over in a usable form, and the report says what was changed.

use serde_json::json;

use super::old::{Cell, hashed, id, sql, time};
use super::{Move, on_all_databases};
use crate::support::tokens::{access, mint};

on_all_databases!(
    addresses_that_differ_by_case_belong_to_two,
    an_address_that_is_taken_here_is_not_taken_over,
    passwords_that_cannot_be_checked_are_named,
    addresses_that_are_none_are_named,
    agents_are_made_usable,
    agents_of_others_are_copied,
);

async fn addresses_that_are_none_are_named(mut moving: Move) {
    let old = &mut moving.old;
    old.user(1, &[("email", "nomail".into())]);
    old.user(2, &[("avatar_url", "javascript:alert(1)".into())]);
    old.user(3, &[("avatar_url", "https://example.com/a.png".into())]);
    let said = Move::imported(moving.import(&[]).await);
    let (_, reason) = said.of("users", moving.id(1));
    assert!(reason.contains("`email` is no valid address"), "{reason}");
    let (_, reason) = said.of("users", moving.id(2));
    assert!(reason.contains("`avatar_url`"), "{reason}");
    assert_eq!(said.rows.len(), 2, "{:?}", said.rows);
    let app = moving.serve().await;
    for (email, number, url) in [
        ("nomail".to_owned(), 1, json!(null)),
        ("user2@example.com".to_owned(), 2, json!(null)),
        (
            "user3@example.com".to_owned(),
            3,
            json!("https://example.com/a.png"),
        ),
    ] {
        let password = format!("password {number}");
        let user = app.stranger().login(&email, &password).await.expect(200);
        assert_eq!(user["user"]["avatar_url"], url, "{email}");
    }
    app.stop().await;
}

async fn addresses_that_differ_by_case_belong_to_two(mut moving: Move) {
    let old = &mut moving.old;
    // The address is that of the active account that was made first, wherever it is in the table.
    old.user(
        1,
        &[
            ("email", "Ann@example.com".into()),
            ("is_active", false.into()),
        ],
    );
    old.user(
        2,
        &[("email", "ANN@example.com".into()), ("created_at", time(9))],
    );
    old.user(
        3,
        &[("email", "ann@example.com".into()), ("created_at", time(5))],
    );
    old.user(4, &[("email", "".into())]);
    old.agent(10, 2, &[]);
    old.conversation(20, 2, 10, &[]);
    old.message(30, 20, &[]);
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("users"), [4, 4, 3, 0, 0, 0]);
    let address = |number: u64, name: &str, domain: &str| {
        format!("{name}+imported-{}@{domain}", id(number).simple())
    };
    for (number, email) in [
        (1, address(1, "Ann", "example.com")),
        (2, address(2, "ANN", "example.com")),
        (4, address(4, "user", "example.invalid")),
    ] {
        let (outcome, reason) = said.of("users", moving.id(number));
        assert_eq!(outcome, "brought in, changed");
        assert!(reason.contains(&email), "{reason}");
    }
    let app = moving.serve().await;
    let login = app.stranger();
    let user = login
        .login("ann@example.com", "password 3")
        .await
        .expect(200);
    assert_eq!(user["user"]["id"], json!(id(3)));
    let user = login
        .login(&address(2, "ANN", "example.com"), "password 2")
        .await
        .expect(200);
    let user = app
        .stranger()
        .with_token(user["access_token"].as_str().unwrap());
    assert_eq!(user.messages(&id(20).to_string()).await.len(), 1);
    app.stop().await;
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("users"), [4, 0, 0, 4, 0, 0]);
}

async fn an_address_that_is_taken_here_is_not_taken_over(mut moving: Move) {
    let app = moving.serve().await;
    let user = app.register("user1").await;
    moving.old.user(1, &[("email", "User1@Example.com".into())]);
    let said = Move::imported(moving.import(&[]).await);
    let (_, reason) = said.of("users", moving.id(1));
    assert!(reason.contains("User1+imported-"), "{reason}");
    let login = app
        .stranger()
        .login("user1@example.com", "correct horse")
        .await
        .expect(200);
    assert_eq!(login["user"]["id"], json!(user.id()));
    app.stop().await;
}

async fn passwords_that_cannot_be_checked_are_named(mut moving: Move) {
    let old = &mut moving.old;
    // Of `correct horse`, as Django's Argon2PasswordHasher stores it.
    let hash = argon2("correct horse");
    let hashes = [
        (1, "!jYQ3Nq0lyPqvCCiUzL3f2pkWsYBCwo6W4xzqXLMs".to_owned()),
        (2, "bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuv".to_owned()),
        (3, String::new()),
        (4, "pbkdf2_sha256$99999999999$salt$AAAA".to_owned()),
        (5, format!("argon2{hash}")),
        (6, hashed("correct horse")),
    ];
    for (number, hash) in hashes {
        old.user(number, &[("password", Cell::Text(hash))]);
    }
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("users"), [6, 6, 4, 0, 0, 0]);
    for number in 1..=4 {
        let (_, reason) = said.of("users", moving.id(number));
        assert!(reason.contains("set-password"), "{reason}");
    }
    let app = moving.serve().await;
    for (number, status) in [(1, 401), (2, 401), (3, 401), (4, 401), (5, 200), (6, 200)] {
        let email = format!("user{number}@example.com");
        let login = app.stranger();
        login.login(&email, "correct horse").await.expect(status);
        login.login(&email, "correct house").await.expect(401);
    }
    app.stop().await;
}

/// A PHC string.
fn argon2(password: &str) -> String {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
    let params = Params::new(64, 1, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2
        .hash_password(password.as_bytes())
        .unwrap()
        .to_string()
}

async fn agents_are_made_usable(mut moving: Move) {
    let old = &mut moving.old;
    old.user(1, &[]);
    old.agent(10, 1, &[("is_default", true.into())]);
    old.agent(
        11,
        1,
        &[("is_default", true.into()), ("llm_provider", "bard".into())],
    );
    old.agent(
        12,
        1,
        &[("temperature", sql("-3.5")), ("max_tokens", sql("0"))],
    );
    old.agent(
        13,
        1,
        &[("temperature", sql("7")), ("max_tokens", sql("-5"))],
    );
    old.agent(14, 1, &[("name", "Agent 10".into())]);
    old.agent(15, 1, &[("name", Cell::Text("n".repeat(120)))]);
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("agents"), [6, 6, 5, 0, 0, 0]);
    for (number, words) in [
        (11, &["llm_provider", "is_default"][..]),
        (
            12,
            &[
                "`temperature` is out of range; it is 0",
                "`max_tokens` is out of range; it is 1",
            ],
        ),
        (
            13,
            &["`temperature` is out of range; it is 2", "`max_tokens`"],
        ),
        (14, &["Agent 10 (copy)"]),
        (15, &["cut off after 100"]),
    ] {
        let (_, reason) = said.of("agents", moving.id(number));
        for word in words {
            assert!(reason.contains(word), "{number}: {reason}");
        }
    }
    let app = moving.serve().await;
    let user = app.stranger().with_token(mint(&access(&id(1).to_string())));
    let default = user.get("/api/agents/default/").await.expect(200);
    assert_eq!(default["id"], json!(id(10)));
    let bard = user
        .get(&format!("/api/agents/{}/", id(11)))
        .await
        .expect(200);
    assert_eq!(bard["llm_provider"], "bard");
    user.patch(
        &format!("/api/agents/{}/", id(11)),
        json!({ "llm_provider": "openai" }),
    )
    .await
    .expect(200);
    app.stop().await;
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("agents"), [6, 0, 0, 5, 1, 0]);
}

async fn agents_of_others_are_copied(mut moving: Move) {
    let old = &mut moving.old;
    old.user(1, &[]);
    old.user(2, &[]);
    old.agent(10, 1, &[("name", "Both have one".into())]);
    old.agent(
        11,
        2,
        &[
            ("name", "Both have one".into()),
            ("model", "gpt-4-turbo".into()),
        ],
    );
    // Two with one of somebody else's, one with one that is gone.
    for (number, agent) in [(20, 11), (21, 11), (22, 19)] {
        old.conversation(number, 1, agent, &[]);
        old.message(number + 10, number, &[]);
    }
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("conversations"), [3, 3, 3, 0, 0, 0]);
    for (number, words) in [
        (20, "not its owner's"),
        (21, "not its owner's"),
        (22, "not there"),
    ] {
        let (_, reason) = said.of("conversations", moving.id(number));
        assert!(reason.contains(words), "{reason}");
    }
    let app = moving.serve().await;
    let user = app.stranger().with_token(mint(&access(&id(1).to_string())));
    let agents = user.get("/api/agents/").await.expect(200);
    assert_eq!(agents["count"], 3, "{agents}");
    let talk = async |number| {
        let path = format!("/api/conversations/{}/", id(number));
        user.get(&path).await.expect(200)["agent"].clone()
    };
    let copy = talk(20).await;
    assert_eq!(copy, talk(21).await);
    let path = format!("/api/agents/{}/", copy.as_str().unwrap());
    let copy = user.get(&path).await.expect(200);
    assert_eq!(copy["name"], "Both have one (copy)");
    assert_eq!(copy["model"], "gpt-4-turbo");
    user.say(&id(22).to_string(), "Hello?").await.expect(200);
    app.stop().await;
    let said = moving.import(&[]).await;
    assert_eq!(said.counts("conversations"), [3, 0, 0, 3, 0, 0]);
}
