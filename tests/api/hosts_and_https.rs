//! Which hosts the server answers for, and how it behaves behind a proxy that speaks HTTPS.

use serde_json::json;

use crate::support::client::send;
use crate::support::{Answer, Client, TestApp, on_each_database};

on_each_database! {
    only_allowed_hosts_are_answered,
    every_answer_has_the_headers_that_browsers_heed,
    plain_http_through_a_trusted_proxy_is_redirected,
    https_through_a_trusted_proxy_is_answered,
    nobody_elses_word_about_https_counts,
    redirects_can_be_demanded_and_switched_off,
    in_development_nothing_is_redirected,
}

const PROXIED: [(&str, &str); 2] = [
    ("DEBUG", "False"),
    ("TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1"),
];
const HSTS: &str = "strict-transport-security";

/// The server, and Ann, who made her account before it stood behind a proxy.
async fn behind_proxy(app: &TestApp) -> (TestApp, Client) {
    let ann = app.register("ann").await;
    let app = app.another(&PROXIED).await;
    let ann = app.stranger().with_token(ann.token());
    (app, ann)
}

/// Asks as a proxy does that took the request by this scheme.
async fn through_proxy(client: &Client, method: &str, path: &str, scheme: &str) -> Answer {
    let request = client
        .request(method, path)
        .header("x-forwarded-proto", scheme);
    send(request.header("host", "localhost:8443")).await
}

async fn only_allowed_hosts_are_answered(app: TestApp) {
    let app = app
        .another(&[("ALLOWED_HOSTS", "chat.example.com, .example.org")])
        .await;
    let ask = async |host: &str| {
        send(
            app.stranger()
                .request("GET", "/api/health/")
                .header("host", host),
        )
        .await
    };
    for host in [
        "chat.example.com",
        "CHAT.example.com:8000",
        "example.org",
        "a.b.example.org",
        "example.org.:80",
    ] {
        assert_eq!(ask(host).await.status, 200, "{host}");
    }
    for host in [
        "example.com",
        "evil.com",
        "chat.example.com.evil.com",
        "badexample.org",
        "127.0.0.1",
        "localhost",
    ] {
        let answer = ask(host).await;
        assert_eq!(answer.status, 400, "{host}");
        let detail = answer.json["detail"].as_str().unwrap();
        assert!(
            detail.contains(host) && detail.contains("ALLOWED_HOSTS"),
            "{detail}"
        );
    }
    let open = app.another(&[("ALLOWED_HOSTS", "*")]).await;
    let request = open
        .stranger()
        .request("GET", "/api/health/")
        .header("host", "anything.example.net");
    send(request).await.expect(200);
}

async fn every_answer_has_the_headers_that_browsers_heed(app: TestApp) {
    let app = app.another(&[("DEBUG", "False")]).await;
    let ann = app.register("ann").await;
    for (client, path) in [
        (&ann, "/api/users/me/"),
        (&app.stranger(), "/api/users/me/"),
        (&ann, "/api/nothing/"),
    ] {
        let answer = client.get(path).await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        // Said over plain HTTP, browsers ignore it, and the original did not say it.
        assert_eq!(answer.header(HSTS), None, "{path}");
    }
}

async fn plain_http_through_a_trusted_proxy_is_redirected(app: TestApp) {
    let (app, ann) = behind_proxy(&app).await;
    for (client, method, path) in [
        (&ann, "GET", "/api/agents/?page=1&x=%20"),
        (&app.stranger(), "POST", "/api/auth/login/"),
        (&ann, "GET", "/api/nothing"),
    ] {
        let answer = through_proxy(client, method, path, "http").await;
        assert_eq!(answer.status, 301, "{path}");
        assert_eq!(
            answer.header("location"),
            Some(&*format!("https://localhost:8443{path}"))
        );
    }
    // A load balancer asks by plain HTTP, and would take a redirect for illness.
    through_proxy(&app.stranger(), "GET", "/api/health/", "http")
        .await
        .is(200, &json!({ "status": "healthy" }));
    // A proxy that never says how it was asked would send its clients round in circles.
    assert_eq!(ann.get("/api/users/me/").await.status, 200);
}

async fn https_through_a_trusted_proxy_is_answered(app: TestApp) {
    let (direct, (_, ann)) = (&app, behind_proxy(&app).await);
    for number in 0..21 {
        let direct = direct.stranger().with_token(ann.token());
        direct.agent(json!({ "name": format!("{number}") })).await;
    }
    let answer = through_proxy(&ann, "GET", "/api/agents/", "https").await;
    let hsts = answer.header(HSTS).expect("HSTS").to_owned();
    assert!(
        hsts.contains("max-age=31536000") && hsts.contains("includeSubDomains"),
        "{hsts}"
    );
    assert_eq!(
        answer.expect(200)["next"],
        "https://localhost:8443/api/agents/?page=2"
    );
    let root = through_proxy(&ann, "GET", "/api/", "https")
        .await
        .expect(200);
    assert_eq!(root["agents"], "https://localhost:8443/api/agents/");
}

async fn nobody_elses_word_about_https_counts(app: TestApp) {
    let app = app
        .another(&[("DEBUG", "False"), ("TRUSTED_PROXIES", "10.0.0.0/8")])
        .await;
    let ann = app.register("ann").await;
    through_proxy(&ann, "GET", "/api/users/me/", "http")
        .await
        .expect(200);
    let answer = through_proxy(&ann, "GET", "/api/", "https").await;
    assert_eq!(answer.header(HSTS), None);
    assert_eq!(
        answer.expect(200)["agents"],
        "http://localhost:8443/api/agents/"
    );
}

async fn redirects_can_be_demanded_and_switched_off(app: TestApp) {
    let always = app
        .another(&[("DEBUG", "False"), ("SECURE_SSL_REDIRECT", "True")])
        .await;
    let answer = always.stranger().get("/api/users/me/").await;
    let location = always.base.replace("http://", "https://") + "/api/users/me/";
    assert_eq!(
        (answer.status, answer.header("location")),
        (301, Some(&*location))
    );
    let never = app
        .another(&[PROXIED[0], PROXIED[1], ("SECURE_SSL_REDIRECT", "False")])
        .await;
    through_proxy(&never.stranger(), "GET", "/api/users/me/", "http")
        .await
        .expect(401);
}

async fn in_development_nothing_is_redirected(app: TestApp) {
    let app = app.another(&[PROXIED[1]]).await;
    let ann = app.register("ann").await;
    through_proxy(&ann, "GET", "/api/users/me/", "http")
        .await
        .expect(200);
    let answer = through_proxy(&ann, "GET", "/api/users/me/", "https").await;
    assert_eq!((answer.status, answer.header(HSTS)), (200, None));
}
