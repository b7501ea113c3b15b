//! Signing in.

use serde_json::json;

use crate::support::app::PASSWORD;
use crate::support::browser::Rights;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    staff_sign_in,
    others_are_refused_alike,
    hostile_input_is_refused,
    one_gets_to_the_page_that_was_wanted,
    cookies_are_for_https_in_production,
    each_session_has_a_secret_of_its_own,
);

async fn staff_sign_in(app: TestApp) {
    app.register_with("ann", Rights::STAFF).await;
    let browser = app.browser();
    let page = browser.get("/admin/sign-in/").await;
    assert_eq!(page.status, 200);
    for label in ["for=\"email\"", "for=\"password\""] {
        assert!(page.text.contains(label), "{}", page.text);
    }
    let answer = browser.sign_in("Ann@Example.com", PASSWORD).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(answer.header("location"), Some("/admin/"));
    let cookie = answer.header("set-cookie").expect("a cookie");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/admin"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    // Plain HTTP, for development; and until the browser is closed.
    assert!(
        !cookie.contains("Secure") && !cookie.contains("Max-Age"),
        "{cookie}"
    );
    let page = browser.get("/admin/").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("ann@example.com"), "{}", page.text);
}

async fn others_are_refused_alike(app: TestApp) {
    app.register("bob").await;
    let closed = app.register_with("eve", Rights::SUPERUSER).await;
    app.close(&closed).await;
    let browser = app.browser();
    let wrong = browser.sign_in("bob@example.com", "not the password").await;
    assert_eq!(wrong.status, 403);
    assert!(wrong.text.contains("may not enter"), "{}", wrong.text);
    for (email, password) in [
        ("bob@example.com", PASSWORD),
        ("eve@example.com", PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("", ""),
        ("bob@example.com", &"x".repeat(5000)),
    ] {
        let refused = browser.sign_in(email, password).await;
        let text = refused
            .text
            .replace(&format!("value=\"{email}\""), "value=\"\"");
        let expected = wrong
            .text
            .replace("value=\"bob@example.com\"", "value=\"\"");
        if email.is_empty() {
            assert_eq!(refused.status, 403);
        } else {
            assert_eq!((refused.status, text), (403, expected), "{email}");
        }
    }
    assert_eq!(browser.cookies(), "");
}

async fn hostile_input_is_refused(app: TestApp) {
    app.register_with("ann", Rights::STAFF).await;
    let browser = app.browser();
    let answer = browser.sign_in("a\0b", "x").await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let answer = browser.sign_in("\"><script>alert(1)</script>", "x").await;
    assert_eq!(answer.status, 403);
    assert!(!answer.text.contains("<script>alert"), "{}", answer.text);
    let json = json!({ "email": "ann@example.com", "password": PASSWORD });
    let answer = app.stranger().post("/admin/sign-in/", json).await;
    assert_eq!(answer.status, 415);
    for cookie in ["", "x", &"A".repeat(43), &"é".repeat(43), &"A".repeat(5000)] {
        browser.set_cookie("meggy_admin", cookie);
        assert_eq!(browser.get("/admin/").await.status, 303, "{cookie}");
    }
}

async fn one_gets_to_the_page_that_was_wanted(app: TestApp) {
    app.register_with("ann", Rights::STAFF).await;
    let wanted = "/admin/audit/?actor=a%40b";
    let answer = app.browser().get(wanted).await;
    let location = "/admin/sign-in/?next=%2Fadmin%2Faudit%2F%3Factor%3Da%2540b";
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some(location))
    );
    let page = app.browser().get(location).await;
    assert!(
        page.text.contains(&format!("value=\"{wanted}\"")),
        "{}",
        page.text
    );
    for (next, expected) in [
        (wanted, wanted),
        ("https://evil.example/", "/admin/"),
        ("//evil.example/", "/admin/"),
        ("/admin//evil.example", "/admin/"),
        ("/admin/../api/", "/admin/"),
        ("/admin/\\evil", "/admin/"),
        ("/api/", "/admin/"),
        ("/admin/\r\nset-cookie: a=b", "/admin/"),
    ] {
        let fields = [
            ("email", "ann@example.com"),
            ("password", PASSWORD),
            ("next", next),
        ];
        let answer = app.browser().post("/admin/sign-in/", &fields).await;
        assert_eq!(answer.header("location"), Some(expected), "{next:?}");
    }
}

async fn cookies_are_for_https_in_production(app: TestApp) {
    app.register_with("ann", Rights::STAFF).await;
    let production = app.another(&[("DEBUG", "False")]).await;
    let proxied = app.another(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    for (app, proto) in [(&production, "http"), (&proxied, "https")] {
        let browser = app.browser();
        let request = app.stranger().request("POST", "/admin/sign-in/");
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-forwarded-proto", proto)
            .body(format!(
                "email=ann%40example.com&password={}",
                PASSWORD.replace(' ', "+")
            ));
        let answer = browser.send(request).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let cookie = answer.header("set-cookie").expect("a cookie");
        assert!(cookie.starts_with("__Secure-meggy_admin="), "{cookie}");
        assert!(cookie.contains("; Secure"), "{cookie}");
        // A cookie without the prefix could have been planted by way of plain HTTP.
        let planted = app.browser();
        let secret = browser.cookies().replace("__Secure-meggy_admin=", "");
        planted.set_cookie("meggy_admin", &secret);
        let request = app
            .stranger()
            .request("GET", "/admin/")
            .header("x-forwarded-proto", proto);
        assert_eq!(planted.send(request).await.status, 303);
    }
    let page = production
        .stranger()
        .request("GET", "/admin/sign-in/")
        .header("host", "localhost");
    let page = app.browser().send(page).await;
    assert!(!page.text.contains("plain HTTP"), "{}", page.text);
    let anywhere = app
        .another(&[("DEBUG", "False"), ("ALLOWED_HOSTS", "chat.example.com")])
        .await;
    let page = anywhere
        .stranger()
        .request("GET", "/admin/sign-in/")
        .header("host", "chat.example.com");
    let page = app.browser().send(page).await;
    assert!(page.text.contains("plain HTTP"), "{}", page.text);
}

async fn each_session_has_a_secret_of_its_own(app: TestApp) {
    let browser = app.staff("ann", Rights::STAFF).await;
    let first = browser.cookies();
    browser.sign_in("ann@example.com", PASSWORD).await;
    assert_ne!(browser.cookies(), first);
    // What is stored does not let anybody in.
    let digest = app.texts("SELECT digest AS text FROM admin_sessions").await;
    assert_eq!(digest.len(), 2);
    for digest in digest {
        assert!(!first.contains(&digest));
        let thief = app.browser();
        thief.set_cookie("meggy_admin", &digest);
        assert_eq!(thief.get("/admin/").await.status, 303);
    }
}
