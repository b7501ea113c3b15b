//! What holds for every page.

use crate::support::browser::Rights;
use crate::support::{Answer, TestApp, on_each_database};

on_each_database!(
    every_page_has_its_headers,
    refusals_are_pages,
    forms_need_the_token_of_the_session,
    other_sites_cannot_send_forms,
    other_sites_cannot_read_pages,
    style_and_script_are_kept_for_ever,
    the_administration_can_be_switched_off,
);

#[track_caller]
fn is_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(
        answer.text.starts_with("<!DOCTYPE html>"),
        "{}",
        answer.text
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
}

async fn every_page_has_its_headers(app: TestApp) {
    let browser = app.staff("root", Rights::SUPERUSER).await;
    for path in [
        "/admin/",
        "/admin/account/",
        "/admin/audit/",
        "/admin/users/new/",
    ] {
        let page = browser.get(path).await;
        is_page(&page, 200);
        // The policy would keep a browser from both.
        for inline in ["<style", " style=", " onclick=", "<script>"] {
            assert!(!page.text.contains(inline), "{path}: {inline}");
        }
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    }
    is_page(&app.browser().get("/admin/sign-in/").await, 200);
}

async fn refusals_are_pages(app: TestApp) {
    let browser = app.staff("ann", Rights::STAFF).await;
    let nobody = uuid::Uuid::now_v7();
    for path in [
        "/admin/nothing/",
        "/admin/nothing",
        "/admin//",
        "/admin/users//",
        "/admin/users/1/",
        "/admin/users/%00/",
        "/admin/users/%ff/",
        "/admin/static/none.css",
        "/admin/static/..%2fmod.rs",
        &format!("/admin/users/{nobody}/"),
        &format!("/admin/users/{nobody}/password/"),
        "/admin/reset/",
        "/admin/reset/?token=x%00",
    ] {
        is_page(&browser.get(path).await, 404);
    }
    is_page(&app.browser().get("/admin/nothing/").await, 404);
    for path in [
        "/admin/audit/?before=x",
        "/admin/audit/?actor=%00",
        "/admin/audit/?object=1",
        &format!("/admin/audit/?action={}", "x".repeat(300)),
    ] {
        is_page(&browser.get(path).await, 400);
    }
    for path in ["/admin/sign-out/", "/admin/account/sessions/end/"] {
        is_page(&browser.get(path).await, 405);
    }
    let answer = browser
        .submit("/admin/users/new/", &[("name", "a\0b")])
        .await;
    is_page(&answer, 400);
    for (path, to) in [
        ("/admin", "/admin/"),
        ("/admin/audit", "/admin/audit/"),
        ("/admin/audit?actor=x", "/admin/audit/?actor=x"),
        ("/admin/sign-in", "/admin/sign-in/"),
    ] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (308, Some(to)));
    }
}

async fn forms_need_the_token_of_the_session(app: TestApp) {
    let browser = app.staff("ann", Rights::STAFF).await;
    let other = app.staff("bob", Rights::STAFF).await;
    let another = other.token().await;
    let own = browser.token().await;
    assert!(own.len() > 40 && own != another);
    assert!(!browser.cookies().contains(&own));
    let fields = [
        ("email", "new@example.com"),
        ("name", "New"),
        ("password", "correct horse"),
    ];
    for token in [None, Some(""), Some("x"), Some(&*another)] {
        let mut fields = fields.to_vec();
        fields.extend(token.map(|token| ("csrf", token)));
        is_page(&browser.post("/admin/users/new/", &fields).await, 403);
    }
    let account = app
        .stranger()
        .login("new@example.com", "correct horse")
        .await;
    assert_eq!(account.status, 401);
    assert_eq!(
        browser.submit("/admin/users/new/", &fields).await.status,
        303
    );
    // Without a session there is nothing to compare with.
    let answer = app
        .browser()
        .post("/admin/users/new/", &[("csrf", "")])
        .await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/admin/sign-in/"))
    );
}

async fn other_sites_cannot_send_forms(app: TestApp) {
    let browser = app.staff("ann", Rights::STAFF).await;
    let token = browser.token().await;
    for (header, value, status) in [
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("sec-fetch-site", "same-origin", 303),
    ] {
        for path in ["/admin/sign-in/", "/admin/reset/", "/admin/sign-out/"] {
            if status == 303 && path != "/admin/sign-out/" {
                continue;
            }
            let request = app.stranger().request("POST", path).header(header, value);
            let request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(format!("csrf={token}"));
            assert_eq!(
                browser.send(request).await.status,
                status,
                "{path} {header}: {value}"
            );
        }
    }
}

async fn other_sites_cannot_read_pages(app: TestApp) {
    let browser = app.staff("ann", Rights::STAFF).await;
    let origin = "http://localhost:3000";
    let request = app
        .stranger()
        .request("GET", "/admin/")
        .header("origin", origin);
    let page = browser.send(request).await;
    assert_eq!(
        (page.status, page.header("access-control-allow-origin")),
        (200, None)
    );
    let request = app
        .stranger()
        .request("GET", "/api/health/")
        .header("origin", origin);
    let page = browser.send(request).await;
    assert_eq!(page.header("access-control-allow-origin"), Some(origin));
}

async fn style_and_script_are_kept_for_ever(app: TestApp) {
    let page = app.browser().get("/admin/sign-in/").await.text;
    for (before, kind) in [
        ("href=\"/admin/static/", "text/css"),
        ("src=\"/admin/static/", "text/javascript"),
    ] {
        let (_, after) = page.split_once(before).expect(before);
        let name = after.split('"').next().unwrap();
        let asset = app.browser().get(&format!("/admin/static/{name}")).await;
        assert_eq!(asset.status, 200);
        assert!(asset.header("content-type").unwrap().starts_with(kind));
        let kept = "public, max-age=31536000, immutable";
        assert_eq!(asset.header("cache-control"), Some(kept));
        for elsewhere in ["http:", "https:", "//"] {
            assert!(!asset.text.contains(&format!("url({elsewhere}")), "{name}");
        }
    }
}

async fn the_administration_can_be_switched_off(app: TestApp) {
    let without = app.another(&[("ADMIN_ENABLED", "False")]).await;
    for path in ["/admin", "/admin/", "/admin/sign-in/"] {
        assert_eq!(without.browser().get(path).await.status, 404, "{path}");
    }
}
