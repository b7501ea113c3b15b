//! Accounts, as their owners see and change them.

use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    a_list_of_users_holds_only_the_caller,
    an_account_is_changed_under_its_id_and_under_me,
    put_wants_the_required_fields_and_leaves_the_others,
    what_is_read_only_is_ignored,
    an_avatar_may_be_an_address_null_or_empty,
    an_email_of_somebody_else_is_taken_in_any_case,
    ones_own_email_can_change_its_case,
    an_empty_change_renews_the_time_of_change,
    a_failed_change_changes_nothing,
    a_deleted_account_takes_everything_along,
    everybody_else_is_not_found,
    users_are_not_made_here,
}

const ME: &str = "/api/users/me/";
const TAKEN: &str = "User with this email already exists.";

async fn a_list_of_users_holds_only_the_caller(app: TestApp) {
    let ann = app.register("ann").await;
    app.register("bob").await;
    let list = json!({ "count": 1, "next": null, "previous": null, "results": [ann.user] });
    ann.get("/api/users/").await.is(200, &list);
    ann.get("/api/users/?page=last").await.is(200, &list);
    ann.get("/api/users/?page=2")
        .await
        .is(404, &json!({ "detail": "Invalid page." }));
}

async fn an_account_is_changed_under_its_id_and_under_me(app: TestApp) {
    let ann = app.register("ann").await;
    let by_id = format!("/api/users/{}/", ann.id());
    let spelled = format!("/api/users/{}/", ann.id().replace('-', "").to_uppercase());
    for (number, path) in [ME, &by_id, &spelled].into_iter().enumerate() {
        let name = format!("Ann {number}");
        let changed = ann
            .patch(path, json!({ "name": format!("  {name} ") }))
            .await
            .expect(200);
        assert_eq!(changed["name"], name);
        assert_eq!(changed["email"], "ann@example.com");
        assert_eq!(changed["created_at"], ann.user["created_at"]);
        assert!(
            changed["updated_at"].as_str() > ann.user["updated_at"].as_str(),
            "{changed}"
        );
        ann.get(ME).await.is(200, &changed);
        ann.get(&by_id).await.is(200, &changed);
    }
}

async fn put_wants_the_required_fields_and_leaves_the_others(app: TestApp) {
    let ann = app.register("ann").await;
    ann.patch(ME, json!({ "avatar_url": "https://example.com/a.png" }))
        .await
        .expect(200);
    let required = json!(["This field is required."]);
    ann.put(ME, json!({}))
        .await
        .is(400, &json!({ "email": required, "name": required }));
    ann.put(ME, json!({ "name": "A" }))
        .await
        .is(400, &json!({ "email": required }));
    let changed = ann
        .put(ME, json!({ "name": "A", "email": "A.B@Example.ORG" }))
        .await
        .expect(200);
    // As sent: only registering puts the domain in lower case.
    assert_eq!(changed["email"], "A.B@Example.ORG");
    assert_eq!(changed["avatar_url"], "https://example.com/a.png");
    app.stranger()
        .login("a.b@example.org", PASSWORD)
        .await
        .expect(200);
    app.stranger()
        .login("ann@example.com", PASSWORD)
        .await
        .expect(401);
}

async fn what_is_read_only_is_ignored(app: TestApp) {
    let ann = app.register("ann").await;
    let body = json!({
        "id": "00000000-0000-4000-8000-000000000000", "is_active": false, "created_at": "2001-01-01T00:00:00Z",
        "updated_at": "2001-01-01T00:00:00Z", "is_superuser": true, "is_staff": true, "password": "another one",
        "email_key": "x", "unknown": [1],
    });
    let changed = ann.patch(ME, body).await.expect(200);
    for field in ["id", "email", "name", "is_active", "created_at"] {
        assert_eq!(changed[field], ann.user[field], "{field}");
    }
    app.stranger()
        .login("ann@example.com", PASSWORD)
        .await
        .expect(200);
}

async fn an_avatar_may_be_an_address_null_or_empty(app: TestApp) {
    let ann = app.register("ann").await;
    for (sent, kept) in [
        (
            json!(" https://münchen.example.com:8080/a?b#c "),
            json!("https://münchen.example.com:8080/a?b#c"),
        ),
        (Value::Null, Value::Null),
        (
            json!("http://localhost/a.png"),
            json!("http://localhost/a.png"),
        ),
        (json!("  "), json!("")),
    ] {
        assert_eq!(
            ann.patch(ME, json!({ "avatar_url": sent }))
                .await
                .expect(200)["avatar_url"],
            kept
        );
        assert_eq!(ann.get(ME).await.expect(200)["avatar_url"], kept);
    }
    let invalid = "Enter a valid URL.";
    let too_long = "Ensure this field has no more than 200 characters.";
    for (sent, messages) in [
        (json!("example.com/a.png"), json!([invalid])),
        (json!(5), json!([invalid])),
        (json!(true), json!([invalid])),
        (json!(["https://example.com"]), json!([invalid])),
        (
            json!(format!("https://example.com/{}", "a".repeat(200))),
            json!([too_long]),
        ),
        (
            json!(format!("//{}", "a".repeat(200))),
            json!([too_long, invalid]),
        ),
    ] {
        ann.patch(ME, json!({ "avatar_url": sent }))
            .await
            .is(400, &json!({ "avatar_url": messages }));
    }
}

async fn an_email_of_somebody_else_is_taken_in_any_case(app: TestApp) {
    let ann = app.register("ann").await;
    app.register("bob").await;
    for email in ["bob@example.com", "BOB@example.COM"] {
        ann.patch(ME, json!({ "email": email }))
            .await
            .is(400, &json!({ "email": [TAKEN] }));
    }
    let both = json!({ "email": [TAKEN], "name": ["This field may not be blank."] });
    ann.patch(ME, json!({ "email": "bob@example.com", "name": "" }))
        .await
        .is(400, &both);
}

async fn ones_own_email_can_change_its_case(app: TestApp) {
    let ann = app.register("ann").await;
    let changed = ann
        .patch(ME, json!({ "email": "ANN@example.com" }))
        .await
        .expect(200);
    assert_eq!(changed["email"], "ANN@example.com");
}

async fn an_empty_change_renews_the_time_of_change(app: TestApp) {
    let ann = app.register("ann").await;
    let mut before = ann.user.clone();
    for _ in 0..3 {
        let after = ann.patch(ME, json!({})).await.expect(200);
        assert!(after["updated_at"].as_str() > before["updated_at"].as_str());
        before = after;
    }
    ann.send("PATCH", ME, None).await.expect(200);
}

async fn a_failed_change_changes_nothing(app: TestApp) {
    let ann = app.register("ann").await;
    ann.patch(ME, json!({ "name": "Other", "email": "nonsense" }))
        .await
        .expect(400);
    ann.patch(ME, json!({ "name": "Other", "avatar_url": "nonsense" }))
        .await
        .expect(400);
    ann.get(ME).await.is(200, &ann.user);
}

async fn a_deleted_account_takes_everything_along(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    for client in [&ann, &bob] {
        let conversation = client.conversation().await;
        client.say(&conversation, "Hello").await.expect(200);
    }
    let answer = ann.delete(&format!("/api/users/{}/", ann.id())).await;
    assert_eq!(
        (
            answer.status,
            answer.text.as_str(),
            answer.header("content-type")
        ),
        (204, "", None)
    );
    ann.get(ME)
        .await
        .is(401, &json!({ "detail": "Invalid or expired token" }));
    app.stranger()
        .login("ann@example.com", PASSWORD)
        .await
        .expect(401);

    // The address is free again, and whoever takes it finds nothing of the old account.
    let new = app.register("ann").await;
    for list in ["agents", "conversations", "messages"] {
        assert_eq!(
            new.get(&format!("/api/{list}/")).await.expect(200)["count"],
            0,
            "{list}"
        );
    }
    assert_eq!(bob.get("/api/messages/").await.expect(200)["count"], 2);
}

async fn everybody_else_is_not_found(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    for id in [
        bob.id(),
        "00000000-0000-4000-8000-000000000000",
        "42",
        "ME",
        "%00",
    ] {
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            let answer = ann.send(method, &format!("/api/users/{id}/"), None).await;
            answer.is(404, &json!({ "detail": "Not found." }));
        }
    }
    bob.get(ME).await.is(200, &bob.user);
}

async fn users_are_not_made_here(app: TestApp) {
    let ann = app.register("ann").await;
    let answer = ann
        .post(
            "/api/users/",
            json!({ "email": "x@example.com", "name": "X", "password": PASSWORD }),
        )
        .await;
    answer.is(405, &json!({ "detail": "Method \"POST\" not allowed." }));
    assert_eq!(answer.list("allow"), ["GET", "HEAD", "OPTIONS"]);
    assert_eq!(
        ann.delete(ME).await.list("allow"),
        ["GET", "HEAD", "OPTIONS", "PATCH", "PUT"]
    );
    app.stranger()
        .login("x@example.com", PASSWORD)
        .await
        .expect(401);
}
