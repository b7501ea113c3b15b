//! The page of an account.

use serde_json::json;

use crate::support::app::PASSWORD;
use crate::support::browser::Rights;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    an_account_is_shown,
    an_account_is_edited,
    faulty_fields_are_told_in_the_form,
    an_account_is_closed_and_opened,
    an_account_is_made,
);

async fn an_account_is_shown(app: TestApp) {
    let staff = app.staff("ann", Rights::STAFF).await;
    let bob = app
        .stranger()
        .register("bob@example.com", "<b>bob</b>", PASSWORD)
        .await;
    let conversation = bob.conversation().await;
    bob.say(&conversation, "the secret word").await.expect(200);
    let page = staff.get(&format!("/admin/users/{}/", bob.id())).await;
    assert_eq!(page.status, 200);
    for part in ["<h1>", "bob", "user=", ">1</a>", ">2</a>"] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    assert!(!page.text.contains("<b>bob"), "{}", page.text);
    assert!(!page.text.contains("secret word"), "{}", page.text);
    // Rights are nothing that staff may change.
    assert!(!page.text.contains("is_superuser"), "{}", page.text);
    let hyphenless = bob.id().replace('-', "");
    assert_eq!(
        staff
            .get(&format!("/admin/users/{hyphenless}/"))
            .await
            .status,
        200
    );
}

async fn an_account_is_edited(app: TestApp) {
    let root = app.staff("root", Rights::SUPERUSER).await;
    let bob = app.register("bob").await;
    let path = format!("/admin/users/{}/", bob.id());
    let fields = [
        ("email", " Robert@EXAMPLE.com "),
        ("name", "Robert"),
        ("is_active", "on"),
        ("is_staff", "on"),
        ("can_read_messages", "on"),
    ];
    let answer = root.submit(&path, &fields).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some(&*path))
    );
    let page = root.get(&path).await.text;
    assert!(page.contains("The account is saved."), "{page}");
    assert!(page.contains("staff, may read messages"), "{page}");
    for change in [
        "“bob@example.com” → “Robert@example.com”",
        "is_staff: false → true",
    ] {
        assert!(page.contains(change), "{page}");
    }
    app.stranger()
        .login("robert@example.com", PASSWORD)
        .await
        .expect(200);
    // Nothing is written down of what changes nothing.
    let entries = app
        .texts("SELECT action AS text FROM audit_entries WHERE action = 'user.update'")
        .await;
    assert_eq!(root.submit(&path, &fields).await.status, 303);
    let again = app
        .texts("SELECT action AS text FROM audit_entries WHERE action = 'user.update'")
        .await;
    assert_eq!((entries.len(), again.len()), (1, 1));
}

async fn faulty_fields_are_told_in_the_form(app: TestApp) {
    let staff = app.staff("ann", Rights::STAFF).await;
    let bob = app.register("bob").await;
    let path = format!("/admin/users/{}/", bob.id());
    for (email, name, message) in [
        ("bob", "Bob", "Enter a valid email address."),
        (
            "ANN@example.com",
            "Bob",
            "User with this email already exists.",
        ),
        ("bob@example.com", " ", "This field may not be blank."),
        ("bob@example.com", &"x".repeat(256), "no more than 255"),
    ] {
        let answer = staff
            .submit(
                &path,
                &[("email", email), ("name", name), ("is_active", "on")],
            )
            .await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.text.contains(message), "{message}: {}", answer.text);
        assert!(
            answer.text.contains("aria-invalid=\"true\""),
            "{}",
            answer.text
        );
    }
    assert_eq!(staff.submit(&path, &[]).await.status, 400);
    bob.get("/api/users/me/").await.is(200, &bob.user);
}

async fn an_account_is_closed_and_opened(app: TestApp) {
    let staff = app.staff("ann", Rights::STAFF).await;
    let bob = app.register("bob").await;
    let path = format!("/admin/users/{}", bob.id());
    let answer = staff.submit(&format!("{path}/deactivate/"), &[]).await;
    assert_eq!(answer.status, 303);
    let refused = json!({ "detail": "User account is disabled" });
    bob.get("/api/users/me/").await.is(401, &refused);
    assert!(staff.get(&format!("{path}/")).await.text.contains("closed"));
    staff.submit(&format!("{path}/activate/"), &[]).await;
    // The tokens have ended for good: somebody else may have them.
    bob.get("/api/users/me/").await.expect(401);
    let login = app.stranger().login("bob@example.com", PASSWORD).await;
    login.expect(200);
    let actions = app.texts("SELECT action AS text FROM audit_entries WHERE object_label = 'bob@example.com' ORDER BY id").await;
    assert_eq!(actions, ["user.deactivate", "user.activate"]);
}

async fn an_account_is_made(app: TestApp) {
    let staff = app.staff("ann", Rights::STAFF).await;
    let page = staff.get("/admin/users/new/").await;
    assert_eq!(page.status, 200);
    let fields = [
        ("email", "New@EXAMPLE.com"),
        ("name", "New"),
        ("password", " pass word "),
    ];
    let answer = staff.submit("/admin/users/new/", &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let session = app
        .stranger()
        .login("new@example.com", " pass word ")
        .await
        .expect(200);
    let path = format!("/admin/users/{}/", session["user"]["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), Some(&*path));
    let answer = staff.submit("/admin/users/new/", &fields).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("already exists"), "{}", answer.text);
    assert!(
        answer.text.contains("value=\"New\"") && !answer.text.contains("pass word"),
        "{}",
        answer.text
    );
    let answer = staff
        .submit(
            "/admin/users/new/",
            &[
                ("email", "x@example.com"),
                ("name", "X"),
                ("password", "short"),
            ],
        )
        .await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.text.contains("at least 8 characters"),
        "{}",
        answer.text
    );
}
