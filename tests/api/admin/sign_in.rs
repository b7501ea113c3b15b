//! Signing in and out.

use crate::support::app::PASSWORD;
use crate::support::browser::Rights;
use crate::support::{TestApp, on_each_database};

on_each_database!(staff_sign_in_and_out, others_are_refused_alike);

async fn staff_sign_in_and_out(app: TestApp) {
    let browser = app.staff("ann", Rights::STAFF).await;
    let page = browser.get("/admin/").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("ann@example.com"));
    let page = browser.get("/admin/account/").await;
    assert_eq!(page.status, 200, "{}", page.text);
    let page = browser.get("/admin/audit/").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("session.begin"), "{}", page.text);
    let answer = browser.submit("/admin/sign-out/", &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let page = browser.get("/admin/").await;
    assert_eq!(page.status, 303);
    assert_eq!(
        page.header("location"),
        Some("/admin/sign-in/?next=%2Fadmin%2F")
    );
}

async fn others_are_refused_alike(app: TestApp) {
    app.register("bob").await;
    let browser = app.browser();
    let ordinary = browser.sign_in("bob@example.com", PASSWORD).await;
    let wrong = browser.sign_in("bob@example.com", "not the password").await;
    assert_eq!(ordinary.status, 403);
    assert_eq!((wrong.status, wrong.text), (403, ordinary.text));
    assert_eq!(browser.cookies(), "");
}
