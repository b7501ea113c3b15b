//! Who may do what.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::app::PASSWORD;
use crate::support::browser::{Browser, Rights};
use crate::support::{Client, TestApp, on_each_database};

on_each_database!(
    staff_may_touch_ordinary_accounts_only,
    superusers_may_touch_all,
    nobody_locks_themself_out,
    the_last_superuser_stays,
    the_last_superuser_stays_through_the_api,
    superusers_cannot_take_each_others_rights_at_once,
    lost_rights_count_at_once,
);

/// What can be sent to the page of an account: path and fields.
const CHANGES: [(&str, &[(&str, &str)]); 6] = [
    (
        "",
        &[
            ("email", "new@example.com"),
            ("name", "New"),
            ("is_active", "on"),
        ],
    ),
    ("deactivate/", &[]),
    ("activate/", &[]),
    (
        "password/",
        &[("password", "a new password"), ("again", "a new password")],
    ),
    ("reset-link/", &[]),
    ("sessions/end/", &[]),
];

async fn submit(browser: &Browser, account: &Client, change: &str, fields: &[(&str, &str)]) -> u16 {
    let path = format!("/admin/users/{}/{change}", account.id());
    browser.submit(&path, fields).await.status
}

/// The rights of all accounts.
async fn rights(app: &TestApp) -> Vec<String> {
    app.texts(
        "SELECT email || ' ' || password || CASE WHEN is_active THEN ' active' ELSE '' END
                || CASE WHEN is_staff THEN ' staff' ELSE '' END
                || CASE WHEN is_superuser THEN ' superuser' ELSE '' END AS text
         FROM users ORDER BY email",
    )
    .await
}

async fn staff_may_touch_ordinary_accounts_only(app: TestApp) {
    let staff = app.staff("ann", Rights::READER).await;
    let privileged = [
        app.register_with("staff", Rights::STAFF).await,
        app.register_with("root", Rights::SUPERUSER).await,
        app.register_with(
            "odd",
            Rights {
                is_staff: false,
                ..Rights::SUPERUSER
            },
        )
        .await,
    ];
    let before = rights(&app).await;
    for account in &privileged {
        for (change, fields) in CHANGES {
            assert_eq!(
                submit(&staff, account, change, fields).await,
                403,
                "{change}"
            );
        }
        let page = staff.get(&format!("/admin/users/{}/", account.id())).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("Only superusers"), "{}", page.text);
    }
    let bob = app.register("bob").await;
    for right in ["is_staff", "is_superuser", "can_read_messages"] {
        let fields = [
            ("email", "bob@example.com"),
            ("name", "bob"),
            ("is_active", "on"),
            (right, "on"),
        ];
        assert_eq!(submit(&staff, &bob, "", &fields).await, 403, "{right}");
    }
    app.db_delete(&bob).await;
    assert_eq!(rights(&app).await, before);
}

async fn superusers_may_touch_all(app: TestApp) {
    let root = app.staff("root", Rights::SUPERUSER).await;
    for (name, rights) in [
        ("ann", Rights::STAFF),
        ("other", Rights::SUPERUSER),
        ("bob", Rights::default()),
    ] {
        let account = app.register_with(name, rights).await;
        for (change, fields) in CHANGES {
            let fields: Vec<_> = fields
                .iter()
                .map(|&(field, value)| (field, if field == "email" { name } else { value }))
                .map(|(field, value)| {
                    (
                        field,
                        if field == "email" {
                            format!("new-{value}@example.com")
                        } else {
                            value.to_owned()
                        },
                    )
                })
                .collect();
            let fields: Vec<_> = fields
                .iter()
                .map(|(field, value)| (*field, &**value))
                .collect();
            let status = submit(&root, &account, change, &fields).await;
            let expected = if change == "reset-link/" { 200 } else { 303 };
            assert_eq!(status, expected, "{name} {change}");
        }
    }
}

async fn nobody_locks_themself_out(app: TestApp) {
    let me = app.register_with("root", Rights::SUPERUSER).await;
    app.register_with("other", Rights::SUPERUSER).await;
    let root = app.browser();
    root.sign_in("root@example.com", PASSWORD).await;
    let all = [
        ("is_active", "on"),
        ("is_staff", "on"),
        ("is_superuser", "on"),
    ];
    let whole = [("email", "root@example.com"), ("name", "Root")];
    for missing in 0..all.len() {
        let kept = all
            .iter()
            .enumerate()
            .filter(|(number, _)| *number != missing);
        let fields: Vec<_> = whole
            .into_iter()
            .chain(kept.map(|(_, field)| *field))
            .collect();
        assert_eq!(submit(&root, &me, "", &fields).await, 403, "{missing}");
    }
    assert_eq!(submit(&root, &me, "deactivate/", &[]).await, 403);
    let fields: Vec<_> = whole.into_iter().chain(all).collect();
    assert_eq!(submit(&root, &me, "", &fields).await, 303);
    let page = root.get(&format!("/admin/users/{}/", me.id())).await;
    assert!(!page.text.contains("deactivate"), "{}", page.text);
}

async fn the_last_superuser_stays(app: TestApp) {
    let me = app.register_with("root", Rights::SUPERUSER).await;
    let root = app.browser();
    root.sign_in("root@example.com", PASSWORD).await;
    let other = app.register_with("other", Rights::SUPERUSER).await;
    assert_eq!(submit(&root, &other, "deactivate/", &[]).await, 303);
    assert_eq!(submit(&root, &me, "deactivate/", &[]).await, 403);
    let fields = [("email", "root@example.com"), ("name", "root")];
    assert_eq!(submit(&root, &me, "", &fields).await, 403);
    let left = "SELECT email AS text FROM users WHERE is_superuser AND is_staff AND is_active";
    assert_eq!(app.texts(left).await, ["root@example.com"]);
}

async fn the_last_superuser_stays_through_the_api(app: TestApp) {
    let root = app.register_with("root", Rights::SUPERUSER).await;
    let by_id = format!("/api/users/{}/", root.id());
    let closed = app.register_with("closed", Rights::SUPERUSER).await;
    app.close(&closed).await;
    let body = json!({ "password": PASSWORD });
    for answer in [
        root.delete(&by_id).await,
        root.post("/api/users/me/delete/", body).await,
    ] {
        let refusal = answer.expect(409);
        assert!(
            refusal["error"].as_str().unwrap().contains("superuser"),
            "{refusal}"
        );
    }
    root.get("/api/users/me/").await.expect(200);
    // Of two who go at once one stays.
    let other = app.register_with("other", Rights::SUPERUSER).await;
    let other_by_id = format!("/api/users/{}/", other.id());
    let (one, two) = tokio::join!(root.delete(&by_id), other.delete(&other_by_id));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
    // Others are free to go.
    let staff = app.register_with("staff", Rights::STAFF).await;
    let path = format!("/api/users/{}/", staff.id());
    staff.delete(&path).await.expect(204);
}

async fn superusers_cannot_take_each_others_rights_at_once(app: TestApp) {
    for _ in 0..5 {
        app.sweep_users().await;
        let names = ["one", "two", "three"];
        let mut accounts = Vec::new();
        let mut browsers = Vec::new();
        for name in names {
            let account = app.register_with(name, Rights::SUPERUSER).await;
            let browser = app.browser();
            browser
                .sign_in(
                    &format!("{name}@example.com"),
                    crate::support::app::PASSWORD,
                )
                .await;
            browsers.push((Arc::new(browser.token().await), browser));
            accounts.push(account);
        }
        // Everybody takes the rights of everybody else.
        let attempts = browsers
            .iter()
            .enumerate()
            .flat_map(|(own, (token, browser))| {
                let others = accounts.iter().zip(names).enumerate();
                others.filter(move |(number, _)| *number != own).map(
                    move |(_, (account, name))| async move {
                        let path = format!("/admin/users/{}/", account.id());
                        let email = format!("{name}@example.com");
                        let fields = [
                            ("email", &*email),
                            ("name", name),
                            ("is_active", "on"),
                            ("csrf", token),
                        ];
                        browser.post(&path, &fields).await.status
                    },
                )
            });
        let statuses = join_all(attempts).await;
        for status in &statuses {
            // 503: Postgres gave up one that stood in another's way.
            assert!([303, 403, 503].contains(status), "{statuses:?}");
        }
        let left = app
            .texts("SELECT email AS text FROM users WHERE is_superuser AND is_staff AND is_active")
            .await;
        assert!(!left.is_empty(), "{statuses:?}");
    }
}

async fn lost_rights_count_at_once(app: TestApp) {
    let ann = app.register_with("ann", Rights::SUPERUSER).await;
    let browser = app.browser();
    browser.sign_in("ann@example.com", PASSWORD).await;
    let root = app.staff("root", Rights::SUPERUSER).await;
    let bob = app.register_with("bob", Rights::STAFF).await;
    let fields = [
        ("email", "ann@example.com"),
        ("name", "ann"),
        ("is_active", "on"),
        ("is_staff", "on"),
    ];
    assert_eq!(submit(&root, &ann, "", &fields).await, 303);
    // The session has ended with the rights.
    assert_eq!(browser.get("/admin/").await.status, 303);
    browser.sign_in("ann@example.com", PASSWORD).await;
    assert_eq!(submit(&browser, &bob, "deactivate/", &[]).await, 403);
}
