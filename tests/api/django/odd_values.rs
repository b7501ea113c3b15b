//! Rows that belong to nothing, odd messages, and values that only SQLite lets in.

use serde_json::json;
use uuid::Uuid;

use super::old::{Cell, id, sql, time};
use super::{Move, on_all_databases};
use crate::support::Kind;
use crate::support::tokens::{access, mint};

on_all_databases!(
    what_belongs_to_nothing_is_named,
    an_id_that_is_none_becomes_another,
    messages_are_made_usable
);

/// Only SQLite lets these in.
mod anything {
    use super::*;

    #[test]
    fn comes_from_sqlite_to_sqlite() {
        crate::django::from(Kind::Sqlite, Kind::Sqlite, values_of_any_kind_come_over);
    }

    #[test]
    fn comes_from_sqlite_to_postgres() {
        crate::django::from(Kind::Sqlite, Kind::Postgres, values_of_any_kind_come_over);
    }
}

async fn what_belongs_to_nothing_is_named(mut moving: Move) {
    let old = &mut moving.old;
    old.user(1, &[]);
    old.agent(10, 1, &[]);
    old.agent(11, 9, &[]);
    old.conversation(20, 1, 10, &[]);
    old.conversation(21, 9, 11, &[]);
    old.message(30, 20, &[]);
    old.message(31, 21, &[]);
    old.message(32, 29, &[]);
    let said = moving.import(&[]).await;
    assert_eq!(said.status, Some(3), "{}", said.complaint);
    assert_eq!(said.counts("agents"), [2, 1, 0, 0, 0, 1]);
    assert_eq!(said.counts("conversations"), [2, 1, 0, 0, 0, 1]);
    assert_eq!(said.counts("messages"), [3, 1, 0, 0, 0, 2]);
    for (table, number) in [
        ("agents", 11),
        ("conversations", 21),
        ("messages", 31),
        ("messages", 32),
    ] {
        let (outcome, reason) = said.of(table, moving.id(number));
        assert_eq!(outcome, "left out");
        assert!(reason.contains("is not there"), "{reason}");
        assert!(said.text.contains(&moving.id(number)), "{}", said.text);
    }
}

async fn an_id_that_is_none_becomes_another(mut moving: Move) {
    let nil = Cell::Text(match moving.old.database.kind {
        Kind::Sqlite => Uuid::nil().simple().to_string(),
        Kind::Postgres => Uuid::nil().to_string(),
    });
    let old = &mut moving.old;
    old.user(1, &[("id", nil.clone())]);
    old.agent(10, 1, &[("id", nil.clone()), ("user_id", nil.clone())]);
    let of_nil = [("user_id", nil.clone()), ("agent_id", nil.clone())];
    old.conversation(20, 1, 10, &of_nil);
    let [user, agent] = of_nil;
    old.conversation(21, 1, 10, &[user, agent, ("id", nil.clone())]);
    old.message(30, 20, &[]);
    old.message(31, 21, &[("id", nil.clone()), ("conversation_id", nil)]);
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("users"), [1, 1, 1, 0, 0, 0]);
    assert_eq!(said.counts("agents"), [1, 1, 1, 0, 0, 0]);
    assert_eq!(said.counts("conversations"), [2, 2, 1, 0, 0, 0]);
    assert_eq!(said.counts("messages"), [2, 2, 1, 0, 0, 0]);
    let again = Move::imported(moving.import(&[]).await);
    assert_eq!(again.counts("messages"), [2, 0, 0, 2, 0, 0]);
}

async fn messages_are_made_usable(mut moving: Move) {
    let old = &mut moving.old;
    old.user(1, &[]);
    old.agent(10, 1, &[]);
    old.conversation(20, 1, 10, &[("title", "  ".into())]);
    old.message(30, 20, &[("role", "human".into())]);
    old.message(
        31,
        20,
        &[("role", "tool".into()), ("tokens_used", sql("-4"))],
    );
    old.message(32, 20, &[("created_at", time(31))]);
    old.message(
        33,
        20,
        &[("created_at", Cell::Time("0001-01-01 00:00:00".into()))],
    );
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("messages"), [4, 4, 4, 0, 0, 0]);
    for (table, number, words) in [
        ("conversations", 20, "New Conversation"),
        ("messages", 30, "it is user"),
        ("messages", 31, "it is assistant"),
        ("messages", 31, "`tokens_used` is out of range; it is 0"),
        ("messages", 32, "later than that of the message before"),
        (
            "messages",
            33,
            "`created_at` is out of range; it is 1970-01-01",
        ),
    ] {
        let (_, reason) = said.of(table, moving.id(number));
        assert!(reason.contains(words), "{number}: {reason}");
    }
    let app = moving.serve().await;
    let user = app.stranger().with_token(mint(&access(&id(1).to_string())));
    let messages = user.messages(&id(20).to_string()).await;
    let ids: Vec<_> = messages
        .iter()
        .map(|message| message["id"].clone())
        .collect();
    assert_eq!(ids, [33, 30, 31, 32].map(|number| json!(id(number))));
    app.stop().await;
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("messages"), [4, 0, 0, 4, 0, 0]);
}

async fn values_of_any_kind_come_over(mut moving: Move) {
    let old = &mut moving.old;
    old.user(
        1,
        &[
            ("id", "no uuid".into()),
            ("created_at", "yesterday".into()),
            ("is_staff", sql("'maybe'")),
        ],
    );
    old.user(
        2,
        &[
            ("id", Cell::Text(id(2).to_string())),
            ("name", sql("CAST(x'41ff00' AS TEXT)")),
        ],
    );
    old.user(
        3,
        &[
            ("avatar_url", sql("x'68690068'")),
            ("updated_at", "2024-01-01T00:00:09Z".into()),
        ],
    );
    old.agent(
        10,
        3,
        &[("temperature", sql("'hot'")), ("max_tokens", sql("1e300"))],
    );
    old.agent(
        11,
        3,
        &[("temperature", sql("9e999")), ("max_tokens", sql("'many'"))],
    );
    old.agent(
        12,
        1,
        &[("user_id", "no uuid".into()), ("max_tokens", sql("12.5"))],
    );
    old.conversation(20, 3, 10, &[("updated_at", sql("170000"))]);
    old.conversation(21, 1, 12, &[("user_id", "no uuid".into())]);
    old.message(30, 20, &[("content", sql("'a' || char(0) || 'b'"))]);
    old.message(
        31,
        20,
        &[
            ("content", sql("CAST(x'f09f' AS TEXT)")),
            ("tokens_used", sql("'12.0'")),
        ],
    );
    old.message(
        32,
        20,
        &[
            ("id", "no uuid".into()),
            ("tokens_used", sql("9223372036854775807")),
        ],
    );
    old.message(
        33,
        20,
        &[
            ("id", Cell::Text(id(30).to_string())),
            ("created_at", "".into()),
        ],
    );
    old.message(34, 20, &[("id", sql("NULL"))]);
    old.message(35, 20, &[("id", sql("NULL"))]);
    old.message(36, 20, &[("content", sql("x''"))]);
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("users"), [3, 3, 3, 0, 0, 0]);
    assert_eq!(said.counts("agents"), [3, 3, 3, 0, 0, 0]);
    assert_eq!(said.counts("conversations"), [2, 2, 1, 0, 0, 0]);
    assert_eq!(said.counts("messages")[..3], [7, 7, 6]);
    for (table, name, words) in [
        ("users", "no uuid".to_owned(), "`id` is no UUID"),
        ("users", "no uuid".to_owned(), "`created_at` is no time"),
        (
            "users",
            "no uuid".to_owned(),
            "`is_staff` is no truth value; it is false",
        ),
        ("users", id(2).to_string(), "no UTF-8"),
        ("users", moving.id(3), "U+0000"),
        (
            "agents",
            moving.id(10),
            "`temperature` is no number; it is 0.7",
        ),
        ("agents", moving.id(10), "it is 2147483647"),
        (
            "agents",
            moving.id(11),
            "`temperature` is out of range; it is 2",
        ),
        ("agents", moving.id(11), "`max_tokens` is no number"),
        ("agents", moving.id(12), "it is 13"),
        ("conversations", moving.id(20), "`updated_at` is no time"),
        ("messages", moving.id(30), "U+0000"),
        ("messages", moving.id(31), "no UTF-8"),
        ("messages", "no uuid".to_owned(), "it is 2147483647"),
        ("messages", "(row 5)".to_owned(), "`id` is no UUID"),
        ("messages", "(row 6)".to_owned(), "`id` is no UUID"),
    ] {
        let (_, reason) = said.of(table, &name);
        assert!(reason.contains(words), "{table} {name}: {reason}");
    }
    // The message with the other spelling of the id of another one came first, because it has no time.
    let (_, reason) = said.of("messages", moving.id(30));
    assert!(reason.contains("belongs to something else"), "{reason}");
    let app = moving.serve().await;
    let user = app.stranger().with_token(mint(&access(&id(3).to_string())));
    let texts: Vec<_> = user
        .messages(&id(20).to_string())
        .await
        .into_iter()
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        texts,
        [
            "Words of 33",
            "a\u{fffd}b",
            "\u{fffd}",
            "Words of 32",
            "Words of 34",
            "Words of 35",
            ""
        ]
    );
    app.stop().await;
    let before = moving.dump().await;
    let said = Move::imported(moving.import(&[]).await);
    assert_eq!(said.counts("messages"), [7, 0, 0, 7, 0, 0]);
    assert_eq!(moving.dump().await, before);
}
