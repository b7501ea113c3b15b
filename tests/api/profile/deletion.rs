//! Deleting an account leaves nothing of it, in any table or folder.

use std::collections::BTreeMap;
use std::fs;

use meggy::db::{Db, Executor, FromRow, Row};
use serde_json::json;
use uuid::Uuid;

use super::pictures::{AVATAR, png, upload};
use crate::support::app::PASSWORD;
use crate::support::client::send;
use crate::support::model_server::{End, openai_answer};
use crate::support::{Client, TestApp, eventually, on_each_database};

on_each_database! {
    deleting_an_account_leaves_no_row_and_no_file,
    the_contracts_way_of_deleting_leaves_no_file_either,
    deleting_an_account_wants_the_password,
}

const DELETE: &str = "/api/users/me/delete/";

struct Column {
    table: String,
    column: String,
}

impl FromRow for Column {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        Ok(Self {
            table: row.get("a")?,
            column: row.get("b")?,
        })
    }
}

struct Count(i64);

impl FromRow for Count {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("count").map(Self)
    }
}

/// The columns in which there can be an id, of every table.
async fn id_columns(db: &Db) -> Vec<Column> {
    let statement = match db {
        Db::Sqlite { .. } => {
            "SELECT t.name AS a, c.name AS b
             FROM pragma_table_list t JOIN pragma_table_info(t.name) c
             WHERE t.schema = 'main' AND t.type IN ('table', 'virtual') AND upper(c.type) IN ('BLOB', '')
                 AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND t.name <> 'replicas'"
        }
        Db::Postgres(_) => {
            "SELECT CAST(table_name AS TEXT) AS a, CAST(column_name AS TEXT) AS b
             FROM information_schema.columns
             WHERE table_schema = current_schema() AND data_type = 'uuid' AND table_name <> 'replicas'"
        }
    };
    db.query(statement).fetch_all().await.unwrap()
}

/// How many rows each table has, and how many of all rows name the user in a column.
async fn rows(db: &Db, user: Uuid) -> (BTreeMap<String, i64>, BTreeMap<String, i64>) {
    let (mut all, mut of_user) = (BTreeMap::new(), BTreeMap::new());
    for Column { table, column } in id_columns(db).await {
        let statement = format!("SELECT COUNT(*) AS count FROM {table}");
        let Count(count) = db.query(&*statement.leak()).fetch_one().await.unwrap();
        all.insert(table.clone(), count);
        let statement = format!("SELECT COUNT(*) AS count FROM {table} WHERE {column} = $1");
        let statement = &*statement.leak();
        let Count(count) = db.query(statement).bind(user).fetch_one().await.unwrap();
        if count > 0 {
            of_user.insert(format!("{table}.{column}"), count);
        }
    }
    (all, of_user)
}

/// The names of all uploaded files.
fn files(app: &TestApp) -> Vec<String> {
    let folder = app.database.folder.path().join("media").join("avatars");
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Leaves traces everywhere; returns a turn that is running.
async fn live(app: &TestApp, client: &Client) -> tokio::task::JoinHandle<u16> {
    upload(client, &png()).await.expect(200);
    let body = json!({ "time_zone": "UTC", "preferences": { "a": 1 } });
    client
        .put("/api/users/me/preferences/", body)
        .await
        .expect(200);
    let conversation = client.conversation().await;
    client.say(&conversation, "Hello").await.expect(200);
    let calls = app.model.server.calls();
    app.model.replies([openai_answer("one two three", None)
        .pieces(3)
        .end(End::Silence)]);
    let path = format!("/api/conversations/{conversation}/send_message/");
    let request = client
        .request("POST", &path)
        .header("idempotency-key", "a-key")
        .header("content-type", "application/json")
        .body(json!({ "content": "And now?" }).to_string());
    let running = tokio::spawn(async move { send(request).await.status });
    eventually("the model is asked", async || {
        (app.model.server.calls() > calls).then_some(())
    })
    .await;
    eventually("some of the answer is stored", async || {
        let answer = client.messages(&conversation).await.pop()?;
        (answer["content"] == "one two ").then_some(())
    })
    .await;
    running
}

async fn deleting_an_account_leaves_no_row_and_no_file(app: TestApp) {
    let bob = app.register("bob").await;
    upload(&bob, &png()).await.expect(200);
    let nobody = Uuid::nil();
    let (before, _) = rows(&app.db, nobody).await;
    let his = files(&app);
    assert_eq!(his.len(), 2);

    let ann = app.register("ann").await;
    let id = ann.id().parse().unwrap();
    let running = live(&app, &ann).await;
    let (_, of_ann) = rows(&app.db, id).await;
    for table in [
        "users.id",
        "agents.user_id",
        "conversations.user_id",
        "messages.user_id",
        "message_pieces.user_id",
        "idempotency_keys.user_id",
    ] {
        assert!(of_ann.contains_key(table), "{table}: {of_ann:?}");
    }
    assert_eq!(files(&app).len(), 4);

    let answer = ann.post(DELETE, json!({ "password": PASSWORD })).await;
    assert_eq!((answer.status, &*answer.text), (204, ""));
    app.model.server.client_left().await;
    assert_eq!(running.await.unwrap(), 404);
    let (after, of_ann) = rows(&app.db, id).await;
    assert_eq!(of_ann, BTreeMap::new());
    assert_eq!(after, before);
    let mut left = files(&app);
    left.sort();
    let mut expected = his;
    expected.sort();
    assert_eq!(left, expected);

    let stranger = app.stranger();
    stranger
        .login("ann@example.com", PASSWORD)
        .await
        .expect(401);
    ann.get("/api/users/me/").await.expect(401);
    assert_eq!(
        ann.post(
            "/api/auth/refresh/",
            json!({ "refresh_token": ann.refresh_token })
        )
        .await
        .status,
        404
    );
}

async fn the_contracts_way_of_deleting_leaves_no_file_either(app: TestApp) {
    let ann = app.register("ann").await;
    upload(&ann, &png()).await.expect(200);
    assert_eq!(files(&app).len(), 2);
    ann.delete(&format!("/api/users/{}/", ann.id()))
        .await
        .expect(204);
    assert_eq!(files(&app), Vec::<String>::new());
    upload(&ann, &png()).await.expect(401);
    ann.delete(AVATAR).await.expect(401);
    assert_eq!(files(&app), Vec::<String>::new());
}

async fn deleting_an_account_wants_the_password(app: TestApp) {
    let ann = app.register("ann").await;
    let message = json!({ "password": ["This is not your password."] });
    ann.post(DELETE, json!({ "password": "incorrect horse" }))
        .await
        .is(400, &message);
    let required = json!({ "password": ["This field is required."] });
    ann.post(DELETE, json!({})).await.is(400, &required);
    app.stranger()
        .post(DELETE, json!({ "password": PASSWORD }))
        .await
        .expect(401);
    ann.get("/api/users/me/").await.is(200, &ann.user);
}
