//! The log of what was done.

use meggy::clock;
use meggy::db::Executor;

use crate::support::app::PASSWORD;
use crate::support::browser::Rights;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    who_when_what_and_from_where,
    the_log_is_filtered,
    the_log_is_read_page_by_page,
    the_log_outlives_those_in_it,
    secrets_are_not_in_the_log,
);

async fn who_when_what_and_from_where(app: TestApp) {
    let proxied = app.another(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    app.register_with("ann", Rights::STAFF).await;
    let request = proxied.stranger().request("POST", "/admin/sign-in/");
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-forwarded-for", "203.0.113.9")
        .body("email=ann%40example.com&password=correct+horse");
    let browser = proxied.browser();
    browser.send(request).await;
    let page = browser.get("/admin/audit/").await.text;
    for part in ["ann@example.com", "session.begin", "203.0.113.9", "UTC"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

async fn the_log_is_filtered(app: TestApp) {
    let ann = app.staff("ann", Rights::STAFF).await;
    app.staff("eve", Rights::STAFF).await;
    let bob = app.register("bob").await;
    ann.submit(&format!("/admin/users/{}/deactivate/", bob.id()), &[])
        .await;
    for (query, expected) in [
        (String::new(), 3),
        ("actor=ann%40example.com".to_owned(), 2),
        ("actor=bob%40example.com".to_owned(), 0),
        ("action=session.begin".to_owned(), 2),
        ("action=session.begin&actor=eve%40example.com".to_owned(), 1),
        ("type=user".to_owned(), 3),
        ("type=agent".to_owned(), 0),
        (format!("object={}", bob.id()), 1),
        (format!("object={}&type=agent", bob.id()), 0),
        ("actor=&action=&type=&object=&before=".to_owned(), 3),
        ("nonsense=1".to_owned(), 3),
    ] {
        let page = ann.get(&format!("/admin/audit/?{query}")).await;
        assert_eq!(page.status, 200, "{query}: {}", page.text);
        assert_eq!(page.text.matches("UTC</td>").count(), expected, "{query}");
    }
}

async fn the_log_is_read_page_by_page(app: TestApp) {
    let ann = app.staff("ann", Rights::STAFF).await;
    for number in 0..120 {
        app.db
            .query(
                "INSERT INTO audit_entries (id, actor_id, actor_email, action, object_type, object_id, object_label,
                                            changes, address, created_at)
                 VALUES ($1, NULL, 'x@example.com', 'test', 'thing', NULL, $2, '{}', '', $3)",
            )
            .bind(clock::new_id())
            .bind(format!("number {number}."))
            .bind(clock::now())
            .execute()
            .await
            .unwrap();
    }
    let mut path = "/admin/audit/?action=test".to_owned();
    let mut seen = Vec::new();
    for size in [50, 50, 20] {
        let page = ann.get(&path).await.text;
        let before = seen.len();
        seen.extend(
            page.split("number ")
                .skip(1)
                .map(|rest| rest.split('.').next().unwrap().to_owned()),
        );
        assert_eq!(seen.len() - before, size);
        let next = page.split_once("rel=\"next\" href=\"");
        assert_eq!(next.is_some(), size == 50);
        if let Some((_, after)) = next {
            path = after.split('"').next().unwrap().replace("&#38;", "&");
        }
    }
    let expected: Vec<_> = (0..120).rev().map(|number| number.to_string()).collect();
    assert_eq!(seen, expected);
}

async fn the_log_outlives_those_in_it(app: TestApp) {
    let ann = app.staff("ann", Rights::STAFF).await;
    let eve = app.register_with("eve", Rights::STAFF).await;
    let browser = app.browser();
    browser.sign_in("eve@example.com", PASSWORD).await;
    app.db_delete(&eve).await;
    assert_eq!(browser.get("/admin/").await.status, 303);
    let page = ann.get("/admin/audit/").await.text;
    assert!(page.contains("eve@example.com"), "{page}");
}

async fn secrets_are_not_in_the_log(app: TestApp) {
    let root = app.staff("root", Rights::SUPERUSER).await;
    let bob = app.register("bob").await;
    let path = format!("/admin/users/{}", bob.id());
    let page = root.submit(&format!("{path}/reset-link/"), &[]).await.text;
    let token = page
        .split_once("?token=")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let fields = [
        ("password", "a very new secret"),
        ("again", "a very new secret"),
    ];
    root.submit(&format!("{path}/password/"), &fields).await;
    let rows = app
        .texts("SELECT actor_email || action || object_label || changes || address AS text FROM audit_entries")
        .await
        .join("\n");
    assert!(
        rows.contains("user.set_password") && rows.contains("user.issue_reset_link"),
        "{rows}"
    );
    let session = root.cookies();
    for secret in [
        "a very new secret",
        &token,
        session.split_once('=').unwrap().1,
    ] {
        assert!(!rows.contains(secret), "{rows}");
    }
}
