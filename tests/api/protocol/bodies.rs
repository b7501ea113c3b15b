//! How bodies are read: JSON, forms, and what is neither.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::client::send;
use crate::support::{Answer, Client, TestApp, on_each_database};

on_each_database! {
    no_body_counts_as_an_empty_object,
    json_that_is_no_object_is_told_its_type,
    broken_json_is_told_as_that,
    of_two_equal_keys_the_last_one_wins,
    unknown_types_are_refused,
    type_names_do_not_mind_case_and_parameters,
    forms_are_read_like_json,
    what_a_form_leaves_out_is_absent,
    multipart_forms_are_read_like_json,
    a_broken_multipart_form_is_told_as_that,
    a_body_beyond_the_limit_is_refused,
    the_body_of_a_get_is_not_looked_at,
    a_connection_outlives_a_body_that_nobody_read,
}

const AGENTS: &str = "/api/agents/";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

async fn no_body_counts_as_an_empty_object(app: TestApp) {
    let ann = app.register("ann").await;
    for (number, content_type) in [JSON, FORM, "multipart/form-data", "text/plain", "nonsense"]
        .into_iter()
        .enumerate()
    {
        let agent = ann.post_as(AGENTS, content_type, "").await;
        let agent = crate::support::client::id(&agent.expect(201));
        ann.patch(
            &format!("/api/agents/{agent}/"),
            json!({ "name": format!("{number}") }),
        )
        .await
        .expect(200);
    }
    ann.send("POST", AGENTS, None).await.expect(201);
}

async fn json_that_is_no_object_is_told_its_type(app: TestApp) {
    let ann = app.register("ann").await;
    for (body, message) in [
        ("[1]", "Invalid data. Expected a dictionary, but got list."),
        ("[]", "Invalid data. Expected a dictionary, but got list."),
        (
            "\"text\"",
            "Invalid data. Expected a dictionary, but got str.",
        ),
        ("12", "Invalid data. Expected a dictionary, but got int."),
        (
            "123456789012345678901234567890",
            "Invalid data. Expected a dictionary, but got int.",
        ),
        ("1.5", "Invalid data. Expected a dictionary, but got float."),
        ("true", "Invalid data. Expected a dictionary, but got bool."),
        ("null", "No data provided"),
    ] {
        for path in [
            AGENTS,
            "/api/auth/login/",
            "/api/auth/register/",
            "/api/auth/refresh/",
        ] {
            let answer = ann.post_as(path, JSON, body).await;
            assert_eq!(
                (answer.status, &answer.json),
                (400, &json!({ "non_field_errors": [message] })),
                "{path} {body}"
            );
        }
    }
}

async fn broken_json_is_told_as_that(app: TestApp) {
    let ann = app.register("ann").await;
    let bodies: [&[u8]; 13] = [
        b"{",
        b"{\"name\": }",
        b"{'name': 'x'}",
        b"{\"name\": \"x\"} and more",
        b"{\"temperature\": NaN}",
        b"{\"temperature\": Infinity}",
        b"{\"name\": \"\\ud800\"}",
        b"{\"name\": \"\xff\"}",
        b"{\"name\": \"a\nb\"}",
        b"{\"name\": \"x\",}",
        b"   ",
        b"\n",
        b"\xef\xbb\xbf{}\x00",
    ];
    for body in bodies {
        let answer = ann.post_as(AGENTS, JSON, body).await;
        let detail = answer.json["detail"].as_str().unwrap_or_default();
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.text);
        assert!(
            detail.starts_with("JSON parse error - ") && detail.len() > 22,
            "{body:?}: {}",
            answer.text
        );
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(ann.post_as(AGENTS, JSON, deep).await.status, 400);
    assert_eq!(ann.get(AGENTS).await.expect(200)["count"], 0);
}

async fn of_two_equal_keys_the_last_one_wins(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann
        .post_as(
            AGENTS,
            JSON,
            "{\"name\": 1, \"name\": [], \"name\": \"last\"}",
        )
        .await
        .expect(201);
    assert_eq!(agent["name"], "last");
    let agent = ann
        .post_as(AGENTS, FORM, "name=one&name=two")
        .await
        .expect(201);
    assert_eq!(agent["name"], "two");
}

async fn unknown_types_are_refused(app: TestApp) {
    let ann = app.register("ann").await;
    for sent in [
        "text/plain",
        "text/plain; charset=utf-8",
        "application/xml",
        "application/jsonx",
        "nonsense",
        "",
    ] {
        let answer = ann.post_as(AGENTS, sent, "{}").await;
        let detail = json!({ "detail": format!("Unsupported media type \"{sent}\" in request.") });
        assert_eq!((answer.status, &answer.json), (415, &detail), "{sent}");
    }
    let untyped = send(ann.request("POST", AGENTS).body("{}")).await;
    untyped.is(
        415,
        &json!({ "detail": "Unsupported media type \"\" in request." }),
    );
}

async fn type_names_do_not_mind_case_and_parameters(app: TestApp) {
    let ann = app.register("ann").await;
    for (number, sent) in [
        "Application/JSON",
        "application/json;charset=UTF-8",
        "application/json ; x=y",
    ]
    .into_iter()
    .enumerate()
    {
        ann.post_as(AGENTS, sent, format!("{{\"name\": \"{number}\"}}"))
            .await
            .expect(201);
    }
    ann.post_as(
        AGENTS,
        "APPLICATION/X-WWW-FORM-URLENCODED; charset=utf-8",
        "name=form",
    )
    .await
    .expect(201);
}

async fn forms_are_read_like_json(app: TestApp) {
    let ann = app.register("ann").await;
    let body = "name=+Zo%C3%AB+&temperature=1.5&max_tokens=12&is_active=off&description=a%26b";
    let agent = ann.post_as(AGENTS, FORM, body).await.expect(201);
    assert_eq!(
        (&agent["name"], &agent["temperature"], &agent["max_tokens"]),
        (&json!("Zoë"), &json!(1.5), &json!(12))
    );
    assert_eq!(
        (&agent["is_active"], &agent["description"]),
        (&json!(false), &json!("a&b"))
    );
    let errors = json!({ "name": ["This field may not be blank."], "max_tokens": ["A valid integer is required."] });
    ann.post_as(AGENTS, FORM, "name=&max_tokens=x")
        .await
        .is(400, &errors);
    let session = app
        .stranger()
        .post_as(
            "/api/auth/login/",
            FORM,
            "email=ann%40example.com&password=correct+horse",
        )
        .await;
    session.expect(200);
}

async fn what_a_form_leaves_out_is_absent(app: TestApp) {
    let ann = app.register("ann").await;
    let agent = ann.post_as(AGENTS, FORM, "name=x").await.expect(201);
    assert_eq!(
        (&agent["is_active"], &agent["is_default"]),
        (&json!(true), &json!(false))
    );
}

fn part(name: &str, value: &str) -> String {
    format!("--b0und\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

async fn multipart(client: &Client, body: String) -> Answer {
    client
        .post_as(AGENTS, "multipart/form-data; boundary=b0und", body)
        .await
}

async fn multipart_forms_are_read_like_json(app: TestApp) {
    let ann = app.register("ann").await;
    let body = part("name", "first")
        + &part("name", " Zoë ")
        + &part("max_tokens", "12")
        + "--b0und--\r\n";
    let agent = multipart(&ann, body).await.expect(201);
    assert_eq!(
        (&agent["name"], &agent["max_tokens"]),
        (&json!("Zoë"), &json!(12))
    );
    let file = "--b0und\r\nContent-Disposition: form-data; name=\"name\"; filename=\"a.txt\"\r\n\r\nx\r\n--b0und--\r\n";
    multipart(&ann, file.to_owned())
        .await
        .is(400, &json!({ "name": ["Not a valid string."] }));
}

async fn a_broken_multipart_form_is_told_as_that(app: TestApp) {
    let ann = app.register("ann").await;
    let told = |answer: &Answer| {
        let detail = answer.json["detail"].as_str().unwrap_or_default();
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(
            detail.starts_with("Multipart form parse error - "),
            "{}",
            answer.text
        );
    };
    told(
        &ann.post_as(AGENTS, "multipart/form-data", part("name", "x"))
            .await,
    );
    told(
        &ann.post_as(AGENTS, "multipart/form-data; boundary=", part("name", "x"))
            .await,
    );
    assert_eq!(ann.get(AGENTS).await.expect(200)["count"], 0);
}

async fn a_body_beyond_the_limit_is_refused(app: TestApp) {
    let app = app.another(&[("MAX_BODY_BYTES", "2000")]).await;
    let ann = app.register("ann").await;
    let body = |length: usize| json!({ "description": "x".repeat(length) });
    ann.post(AGENTS, body(1900)).await.expect(201);
    let answer = ann.post(AGENTS, body(2000)).await;
    answer.is(
        413,
        &json!({ "detail": "The body is longer than 2000 bytes." }),
    );
    // Also when its length is not told beforehand.
    let pieces =
        futures_util::stream::iter((0..30).map(|_| Ok::<_, std::io::Error>(vec![b' '; 100])));
    let request = ann
        .request("POST", AGENTS)
        .header("content-type", JSON)
        .body(reqwest::Body::wrap_stream(pieces));
    assert_eq!(send(request).await.status, 413);
}

async fn the_body_of_a_get_is_not_looked_at(app: TestApp) {
    let ann = app.register("ann").await;
    let request = ann
        .request("GET", "/api/users/me/")
        .header("content-type", "text/plain")
        .body("{ broken");
    send(request).await.is(200, &ann.user);
    let lists: Value = ann.send("GET", AGENTS, Some(&json!([1]))).await.expect(200);
    assert_eq!(lists["count"], 0);
}

/// One answer from a connection; empty if the server closed it.
async fn read_answer(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| body.len() >= length.parse().unwrap()) {
                return text;
            }
        }
        let mut piece = [0; 4096];
        match timeout(Duration::from_secs(10), connection.read(&mut piece))
            .await
            .expect("an answer")
        {
            Ok(length) if length > 0 => answer.extend_from_slice(&piece[..length]),
            _ => return text,
        }
    }
}

/// Clients keep connections, and many send a body after the head. If the server answers before it has read the body,
/// the connection must stay usable, or the answer must say that it does not.
async fn a_connection_outlives_a_body_that_nobody_read(app: TestApp) {
    let ann = app.register("ann").await;
    let address = app.base.strip_prefix("http://").unwrap();
    let token = format!("authorization: Bearer {}\r\n", ann.token());
    let body = json!({ "name": "x".repeat(1000) }).to_string();
    for (path, headers, status) in [
        ("/api/agents/", "", "401"),
        ("/api/nothing/", "", "404"),
        ("/api/agents/", "accept: text/html\r\n", "406"),
        ("/api/users/", &*token, "405"),
        ("/api/auth/logout/", &*token, "200"),
        (
            "/api/conversations/00000000-0000-4000-8000-000000000000/send_message/",
            &*token,
            "404",
        ),
    ] {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: {address}\r\n{headers}content-type: {JSON}\r\n");
        connection
            .write_all(format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes())
            .await
            .unwrap();
        // As long as a packet may take.
        sleep(Duration::from_millis(50)).await;
        let sent = connection.write_all(body.as_bytes()).await;
        let answer = read_answer(&mut connection).await;
        assert!(
            sent.is_ok() && answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{path}: {answer}"
        );
        if answer.contains("connection: close") {
            continue;
        }
        let again = format!("GET /api/health/ HTTP/1.1\r\nhost: {address}\r\n\r\n");
        let sent = connection.write_all(again.as_bytes()).await;
        let answer = read_answer(&mut connection).await;
        assert!(
            sent.is_ok() && answer.starts_with("HTTP/1.1 200 "),
            "after {status} of {path}: `{answer}`"
        );
    }
}
