//! The formats of e-mail addresses and URLs as a client meets them. The rules one by one are tested beside the code.

use serde_json::json;

use crate::support::{TestApp, on_each_database};

on_each_database! { emails_are_checked_by_their_form, a_field_tells_all_that_is_wrong_in_order, white_space_is_what_python_takes_for_it }

const REGISTER: &str = "/api/auth/register/";

async fn emails_are_checked_by_their_form(app: TestApp) {
    let body = |email| json!({ "email": email, "name": "x", "password": "12345678" });
    let invalid = json!({ "email": ["Enter a valid email address."] });
    for bad in [
        json!("x"),
        json!("x@y"),
        json!("a b@example.com"),
        json!("x@exa_mple.com"),
        json!("x@@example.com"),
        json!(42),
        json!(true),
        json!(["x@example.com"]),
        json!({ "a": 1 }),
        json!("x@example.com."),
    ] {
        let answer = app.stranger().post(REGISTER, body(bad.clone())).await;
        assert_eq!((answer.status, &answer.json), (400, &invalid), "{bad}");
    }
    for (good, kept) in [
        ("x@localhost", "x@localhost"),
        ("X+y@[127.0.0.1]", "X+y@[127.0.0.1]"),
        ("\"a.b\"@example.com", "\"a.b\"@example.com"),
        (" z@Exämple.COM ", "z@exämple.com"),
    ] {
        let session = app
            .stranger()
            .post(REGISTER, body(json!(good)))
            .await
            .expect(201);
        assert_eq!(session["user"]["email"], kept);
    }
}

async fn a_field_tells_all_that_is_wrong_in_order(app: TestApp) {
    let ann = app.register("ann").await;
    let long = "ü".repeat(254) + "\u{0}";
    let messages = json!([
        "Ensure this field has no more than 254 characters.",
        "Null characters are not allowed.",
        "Enter a valid email address.",
    ]);
    ann.patch("/api/users/me/", json!({ "email": long }))
        .await
        .is(400, &json!({ "email": messages }));
}

async fn white_space_is_what_python_takes_for_it(app: TestApp) {
    let ann = app.register("ann").await;
    let me = "/api/users/me/";
    let changed = ann
        .patch(
            me,
            json!({ "name": "\u{1c}\u{1f}\u{a0}\u{3000}\t A \u{2028}\u{85}" }),
        )
        .await
        .expect(200);
    assert_eq!(changed["name"], "A");
    // A zero-width space is none.
    assert_eq!(
        ann.patch(me, json!({ "name": "\u{200b}" }))
            .await
            .expect(200)["name"],
        "\u{200b}"
    );
    let blank = json!({ "name": ["This field may not be blank."] });
    ann.patch(me, json!({ "name": "\u{1d}\u{1e}\u{2003}" }))
        .await
        .is(400, &blank);
}
