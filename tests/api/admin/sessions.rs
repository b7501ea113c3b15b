//! How sessions end.

use meggy::db::Executor;
use serde_json::json;

use crate::support::app::PASSWORD;
use crate::support::browser::Rights;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    signing_out_ends_the_session,
    sessions_expire,
    sessions_end_with_the_right_to_them,
    ones_sessions_can_be_ended,
    superusers_end_the_sessions_of_others,
);

async fn signing_out_ends_the_session(app: TestApp) {
    let browser = app.staff("ann", Rights::STAFF).await;
    let stolen = app.browser();
    let (name, value) = browser
        .cookies()
        .split_once('=')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    stolen.set_cookie(&name, &value);
    assert_eq!(stolen.get("/admin/").await.status, 200);
    let answer = browser.submit("/admin/sign-out/", &[]).await;
    assert_eq!(answer.header("location"), Some("/admin/sign-in/"));
    let page = browser.get("/admin/sign-in/").await;
    assert!(page.text.contains("You are signed out."), "{}", page.text);
    let page = browser.get("/admin/sign-in/").await;
    assert!(!page.text.contains("You are signed out."), "{}", page.text);
    assert_eq!(browser.cookies(), "");
    assert_eq!(stolen.get("/admin/").await.status, 303);
}

async fn sessions_expire(app: TestApp) {
    for expire in [
        "UPDATE admin_sessions SET expires_at = created_at",
        "UPDATE admin_sessions SET last_seen_at = $1",
    ] {
        app.db.query("DELETE FROM users").execute().await.unwrap();
        let browser = app.staff("ann", Rights::STAFF).await;
        assert_eq!(browser.get("/admin/account/").await.status, 200);
        let two_hours_ago = meggy::clock::now() - chrono::Duration::minutes(121);
        let query = app.db.query(expire);
        let query = if expire.contains("$1") {
            query.bind(two_hours_ago)
        } else {
            query
        };
        query.execute().await.unwrap();
        assert_eq!(browser.get("/admin/account/").await.status, 303, "{expire}");
        // The next one to sign in sweeps.
        browser.sign_in("ann@example.com", PASSWORD).await;
        assert_eq!(
            app.texts("SELECT digest AS text FROM admin_sessions")
                .await
                .len(),
            1
        );
    }
    // Who is there stays: the time of the last request is written down.
    let browser = app.staff("bob", Rights::STAFF).await;
    let ago = meggy::clock::now() - chrono::Duration::minutes(90);
    let idle = "UPDATE admin_sessions SET last_seen_at = $1";
    app.db.query(idle).bind(ago).execute().await.unwrap();
    assert_eq!(browser.get("/admin/account/").await.status, 200);
    let seen = "SELECT digest AS text FROM admin_sessions WHERE last_seen_at > $1";
    assert_eq!(app.texts_after(seen, ago).await.len(), 1);
}

async fn sessions_end_with_the_right_to_them(app: TestApp) {
    let ann = app.register_with("ann", Rights::STAFF).await;
    for number in 0..3 {
        let browser = app.browser();
        let password = if number == 2 {
            "another password"
        } else {
            PASSWORD
        };
        match number {
            0 => app.grant(&ann, Rights::STAFF).await,
            1 => app.grant(&ann, Rights::SUPERUSER).await,
            _ => {
                let body = json!({ "old_password": PASSWORD, "new_password": password });
                ann.post("/api/users/me/password/", body).await.expect(200);
            }
        }
        assert_eq!(
            browser.sign_in("ann@example.com", password).await.status,
            303
        );
        assert_eq!(browser.get("/admin/").await.status, 200);
        match number {
            0 => app.grant(&ann, Rights::default()).await,
            // A superuser who is not staff may not enter, either.
            1 => {
                app.grant(
                    &ann,
                    Rights {
                        is_staff: false,
                        ..Rights::SUPERUSER
                    },
                )
                .await
            }
            _ => app.close(&ann).await,
        }
        assert_eq!(browser.get("/admin/").await.status, 303, "{number}");
        app.grant(&ann, Rights::STAFF).await;
    }
    let bob = app.register_with("bob", Rights::STAFF).await;
    let browser = app.browser();
    browser.sign_in("bob@example.com", PASSWORD).await;
    let body = json!({ "old_password": PASSWORD, "new_password": "another password" });
    bob.post("/api/users/me/password/", body).await.expect(200);
    assert_eq!(browser.get("/admin/").await.status, 303);
}

async fn ones_sessions_can_be_ended(app: TestApp) {
    let here = app.staff("ann", Rights::STAFF).await;
    let there = app.browser();
    there.sign_in("ann@example.com", PASSWORD).await;
    let other = app.staff("bob", Rights::STAFF).await;
    let page = here.get("/admin/account/").await.text;
    assert_eq!(page.matches("name=\"session\"").count(), 1, "{page}");
    let (_, after) = page.split_once("name=\"session\" value=\"").unwrap();
    let digest = after.split('"').next().unwrap();
    let answer = other
        .submit("/admin/account/sessions/end/", &[("session", digest)])
        .await;
    assert_eq!(answer.status, 404);
    assert_eq!(there.get("/admin/account/").await.status, 200);
    let answer = here
        .submit("/admin/account/sessions/end/", &[("session", digest)])
        .await;
    assert_eq!(answer.status, 303);
    assert_eq!(there.get("/admin/account/").await.status, 303);
    there.sign_in("ann@example.com", PASSWORD).await;
    here.submit("/admin/account/sessions/end-all/", &[]).await;
    for browser in [here, there] {
        assert_eq!(browser.get("/admin/account/").await.status, 303);
    }
    assert_eq!(other.get("/admin/account/").await.status, 200);
}

async fn superusers_end_the_sessions_of_others(app: TestApp) {
    let ann = app.register_with("ann", Rights::STAFF).await;
    let staff = app.browser();
    staff.sign_in("ann@example.com", PASSWORD).await;
    let path = format!("/admin/users/{}/sessions/end/", ann.id());
    let bob = app.staff("bob", Rights::STAFF).await;
    assert_eq!(bob.submit(&path, &[]).await.status, 403);
    assert_eq!(staff.get("/admin/").await.status, 200);
    let root = app.staff("root", Rights::SUPERUSER).await;
    assert_eq!(root.submit(&path, &[]).await.status, 303);
    assert_eq!(staff.get("/admin/").await.status, 303);
}
