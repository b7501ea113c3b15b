//! New passwords, set by staff or with a link from staff.

use futures_util::future::join_all;
use meggy::db::Executor;

use crate::support::app::PASSWORD;
use crate::support::browser::{Browser, Rights};
use crate::support::{Client, TestApp, on_each_database};

on_each_database!(
    staff_change_their_own,
    staff_set_passwords,
    a_link_sets_a_password_once,
    a_link_is_used_once_by_whoever_is_first,
    links_wear_out,
    a_link_opens_no_account_with_rights,
);

const NEW: &str = "another horse";

/// Issues a link; returns its path and its token.
async fn issue(staff: &Browser, account: &Client) -> (String, String) {
    let path = format!("/admin/users/{}/reset-link/", account.id());
    let page = staff.submit(&path, &[]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let (_, after) = page
        .text
        .split_once("/admin/reset/?token=")
        .expect("a link");
    let token = after.split('"').next().unwrap().to_owned();
    (format!("/admin/reset/?token={token}"), token)
}

async fn reset(app: &TestApp, token: &str, password: &str) -> u16 {
    let fields = [
        ("token", token),
        ("password", password),
        ("again", password),
    ];
    app.browser().post("/admin/reset/", &fields).await.status
}

async fn staff_change_their_own(app: TestApp) {
    const PATH: &str = "/admin/account/password/";
    let ann = app.register_with("ann", Rights::STAFF).await;
    let here = app.browser();
    here.sign_in("ann@example.com", PASSWORD).await;
    let there = app.browser();
    there.sign_in("ann@example.com", PASSWORD).await;
    assert_eq!(here.get(PATH).await.status, 200);
    for (old, again, message) in [
        ("wrong horse", NEW, "This is not your password."),
        ("", NEW, "may not be blank"),
        (PASSWORD, "other", "not the same"),
    ] {
        let fields = [("old_password", old), ("password", NEW), ("again", again)];
        let answer = here.submit(PATH, &fields).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text.contains(message), "{}", answer.text);
    }
    ann.get("/api/users/me/").await.expect(200);
    let fields = [
        ("old_password", PASSWORD),
        ("password", NEW),
        ("again", NEW),
    ];
    let answer = here.submit(PATH, &fields).await;
    assert_eq!(answer.header("location"), Some("/admin/sign-in/"));
    for browser in [&here, &there] {
        assert_eq!(browser.get("/admin/").await.status, 303);
    }
    ann.get("/api/users/me/").await.expect(401);
    assert_eq!(here.sign_in("ann@example.com", NEW).await.status, 303);
    let written = app
        .texts("SELECT changes AS text FROM audit_entries WHERE action = 'user.change_password'")
        .await;
    assert_eq!(written, ["{}"]);
}

async fn staff_set_passwords(app: TestApp) {
    let staff = app.staff("ann", Rights::STAFF).await;
    let bob = app.register("bob").await;
    let path = format!("/admin/users/{}/password/", bob.id());
    assert_eq!(staff.get(&path).await.status, 200);
    for (password, again, message) in [
        ("short", "short", "at least 8 characters"),
        (NEW, "other", "not the same"),
        ("", "", "may not be blank"),
    ] {
        let answer = staff
            .submit(&path, &[("password", password), ("again", again)])
            .await;
        assert_eq!(answer.status, 400);
        assert!(answer.text.contains(message), "{}", answer.text);
        assert!(!answer.text.contains(NEW), "{}", answer.text);
    }
    bob.get("/api/users/me/").await.expect(200);
    let answer = staff
        .submit(&path, &[("password", NEW), ("again", NEW)])
        .await;
    assert_eq!(answer.status, 303);
    bob.get("/api/users/me/").await.expect(401);
    app.stranger()
        .login("bob@example.com", PASSWORD)
        .await
        .expect(401);
    app.stranger()
        .login("bob@example.com", NEW)
        .await
        .expect(200);
}

async fn a_link_sets_a_password_once(app: TestApp) {
    let staff = app.staff("ann", Rights::STAFF).await;
    let bob = app.register("bob").await;
    let (path, token) = issue(&staff, &bob).await;
    let digests = app
        .texts("SELECT digest AS text FROM password_reset_links")
        .await;
    assert_eq!(digests.len(), 1);
    assert!(!digests.contains(&token));
    let stranger = app.browser();
    for _ in 0..2 {
        let page = stranger.get(&path).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("bob@example.com"), "{}", page.text);
    }
    assert_eq!(reset(&app, &token, "short").await, 400);
    assert_eq!(reset(&app, &token, NEW).await, 200);
    bob.get("/api/users/me/").await.expect(401);
    app.stranger()
        .login("bob@example.com", NEW)
        .await
        .expect(200);
    assert_eq!(reset(&app, &token, "a third password").await, 404);
    assert_eq!(stranger.get(&path).await.status, 404);
    let actions = app
        .texts("SELECT actor_email || ' ' || action AS text FROM audit_entries ORDER BY id")
        .await;
    let expected = [
        "ann@example.com session.begin",
        "ann@example.com user.issue_reset_link",
        "bob@example.com user.reset_password",
    ];
    assert_eq!(actions, expected);
}

async fn a_link_is_used_once_by_whoever_is_first(app: TestApp) {
    let staff = app.staff("ann", Rights::STAFF).await;
    let bob = app.register("bob").await;
    let (_, token) = issue(&staff, &bob).await;
    let passwords: Vec<_> = (0..6)
        .map(|number| format!("password number {number}"))
        .collect();
    let statuses = join_all(
        passwords
            .iter()
            .map(|password| reset(&app, &token, password)),
    )
    .await;
    let winners: Vec<_> = passwords
        .iter()
        .zip(&statuses)
        .filter(|(_, status)| **status == 200)
        .collect();
    assert_eq!(winners.len(), 1, "{statuses:?}");
    app.stranger()
        .login("bob@example.com", winners[0].0)
        .await
        .expect(200);
}

async fn links_wear_out(app: TestApp) {
    let staff = app.staff("ann", Rights::STAFF).await;
    let bob = app.register("bob").await;
    let (_, first) = issue(&staff, &bob).await;
    let (second, _) = issue(&staff, &bob).await;
    assert_eq!(reset(&app, &first, NEW).await, 404);
    assert_eq!(app.browser().get(&second).await.status, 200);
    let expire = "UPDATE password_reset_links SET expires_at = created_at";
    app.db.query(expire).execute().await.unwrap();
    assert_eq!(app.browser().get(&second).await.status, 404);
    // Who remembers the old password after all has no use for the link.
    let (third, _) = issue(&staff, &bob).await;
    let body = serde_json::json!({ "old_password": PASSWORD, "new_password": NEW });
    bob.post("/api/users/me/password/", body).await.expect(200);
    assert_eq!(app.browser().get(&third).await.status, 404);
    let (fourth, token) = issue(&staff, &bob).await;
    app.close(&bob).await;
    assert_eq!(app.browser().get(&fourth).await.status, 404);
    assert_eq!(reset(&app, &token, NEW).await, 404);
    let path = format!("/admin/users/{}/reset-link/", bob.id());
    assert_eq!(staff.submit(&path, &[]).await.status, 400);
    for wrong in ["", "x", &"A".repeat(43), &"é".repeat(43)] {
        assert_eq!(reset(&app, wrong, NEW).await, 404, "{wrong}");
    }
}

async fn a_link_opens_no_account_with_rights(app: TestApp) {
    let staff = app.staff("ann", Rights::STAFF).await;
    let root = app.staff("root", Rights::SUPERUSER).await;
    let bob = app.register("bob").await;
    let (path, _) = issue(&staff, &bob).await;
    let fields = [
        ("email", "bob@example.com"),
        ("name", "bob"),
        ("is_active", "on"),
        ("is_staff", "on"),
    ];
    root.submit(&format!("/admin/users/{}/", bob.id()), &fields)
        .await;
    assert_eq!(app.browser().get(&path).await.status, 404);
}
