//! Clients that dawdle, send too much at once, or are many.

use std::time::{Duration, Instant};

use meggy::app::App;
use meggy::http::connection::Timeouts;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::{TestApp, eventually, on_each_database};

on_each_database! {
    heads_that_are_too_long_are_refused,
    a_head_that_was_begun_has_to_be_there_in_time,
    an_idle_connection_is_kept_longer,
    a_body_has_to_come_at_a_pace,
    an_upload_has_to_come_at_a_pace,
    a_body_that_comes_steadily_may_take_its_time,
    what_was_half_sent_does_not_delay_a_stop,
    a_request_that_was_on_its_way_is_answered_while_stopping,
    a_kept_connection_is_closed_by_an_answer_while_stopping,
    no_more_connections_than_allowed,
}

/// Longer than anything here may take.
const FOR_EVER: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

const PATIENT: Timeouts = Timeouts {
    idle: FOR_EVER,
    head: FOR_EVER,
    body: FOR_EVER,
    ending: SHORT,
};

/// Ends so slowly that there is time to look at it.
const UNHURRIED: Timeouts = Timeouts {
    ending: Duration::from_secs(3),
    ..PATIENT
};

async fn start(app: &TestApp, timeouts: Timeouts) -> TestApp {
    let change = |app: &mut App| app.timeouts = timeouts;
    app.another_changed(&[], change).await
}

async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.base.strip_prefix("http://").unwrap())
        .await
        .unwrap()
}

/// All that comes until the server closes the connection.
async fn rest(connection: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    // A reset ends it, too.
    let _ = timeout(FOR_EVER / 3, connection.read_to_end(&mut rest))
        .await
        .expect("an end");
    String::from_utf8(rest).unwrap()
}

/// The answer to a request, after which the connection is closed or kept.
async fn answer(connection: &mut TcpStream) -> (u16, Value) {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .expect("a length");
            if body.len() >= length.parse().unwrap() {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return (status, serde_json::from_str(body).unwrap_or_default());
            }
        }
        let mut piece = [0; 4096];
        let length = timeout(FOR_EVER / 3, connection.read(&mut piece))
            .await
            .expect("an answer")
            .unwrap();
        assert!(length > 0, "the connection was closed after: {text}");
        text += std::str::from_utf8(&piece[..length]).unwrap();
    }
}

async fn say(connection: &mut TcpStream, text: &str) {
    connection.write_all(text.as_bytes()).await.unwrap();
}

async fn heads_that_are_too_long_are_refused(app: TestApp) {
    let get = async |path: &str, fields: &str| {
        let mut connection = connect(&app).await;
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n");
        // It may refuse before it has read all of it.
        let _ = connection.write_all(head.as_bytes()).await;
        answer(&mut connection).await
    };
    let path = |length: usize| format!("/api/health/?{}", "x".repeat(length));
    let field = |length: usize| format!("x-field: {}\r\n", "x".repeat(length));
    assert_eq!(get(&path(16_000), &field(30_000)).await.0, 200);
    let told = json!({ "detail": "The address is longer than 16384 bytes." });
    assert_eq!(get(&path(17_000), "").await, (414, told));
    let told = json!({ "detail": "The header fields are longer than 32768 bytes." });
    assert_eq!(get("/api/health/", &field(33_000)).await, (431, told));
    // Here it ends without words.
    assert_eq!(get("/api/health/", &field(70_000)).await.0, 431);
    assert_eq!(get(&path(70_000), "").await.0, 431);
    assert_eq!(get("/api/health/", &field(1).repeat(99)).await.0, 200);
    assert_eq!(get("/api/health/", &field(1).repeat(100)).await.0, 431);
}

async fn a_head_that_was_begun_has_to_be_there_in_time(app: TestApp) {
    let app = start(
        &app,
        Timeouts {
            head: SHORT,
            ..PATIENT
        },
    )
    .await;
    // Whether it is the first request of the connection or a later one, and however steadily it comes.
    for earlier in [0, 2] {
        let mut connection = connect(&app).await;
        for _ in 0..earlier {
            say(
                &mut connection,
                "GET /api/health/ HTTP/1.1\r\nhost: localhost\r\n\r\n",
            )
            .await;
            assert_eq!(answer(&mut connection).await.0, 200);
        }
        let (mut reading, mut writing) = connection.into_split();
        let dripping = tokio::spawn(async move {
            while writing.write_all(b"G").await.is_ok() {
                sleep(SHORT / 10).await;
            }
        });
        let mut rest = Vec::new();
        let ended = timeout(FOR_EVER / 3, reading.read_to_end(&mut rest)).await;
        assert!(ended.is_ok() && rest.is_empty(), "{rest:?}");
        dripping.await.unwrap();
    }
}

async fn an_idle_connection_is_kept_longer(app: TestApp) {
    let app = start(
        &app,
        Timeouts {
            idle: SHORT * 4,
            head: SHORT,
            ..PATIENT
        },
    )
    .await;
    let mut connection = connect(&app).await;
    let get = "GET /api/health/ HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for _ in 0..3 {
        // Longer than a head may take.
        sleep(SHORT * 2).await;
        say(&mut connection, get).await;
        assert_eq!(answer(&mut connection).await.0, 200);
    }
    assert_eq!(rest(&mut connection).await, "");
}

const LOGIN: &str =
    "POST /api/auth/login/ HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

async fn a_body_has_to_come_at_a_pace(app: TestApp) {
    let app = start(
        &app,
        Timeouts {
            body: SHORT,
            ..PATIENT
        },
    )
    .await;
    let too_slow = (408, json!({ "detail": "The body came too slowly." }));
    let mut silent = connect(&app).await;
    say(
        &mut silent,
        &format!("{LOGIN}content-length: 1000\r\n\r\n{{\"email\":"),
    )
    .await;
    assert_eq!(answer(&mut silent).await, too_slow);
    assert_eq!(rest(&mut silent).await, "");

    // Never silent, and yet too slow.
    let (mut reading, mut writing) = {
        let mut dripping = connect(&app).await;
        say(
            &mut dripping,
            &format!("{LOGIN}content-length: 100000\r\n\r\n"),
        )
        .await;
        dripping.into_split()
    };
    let dripping = tokio::spawn(async move {
        while writing.write_all(b" ").await.is_ok() {
            sleep(SHORT / 10).await;
        }
    });
    let mut told = [0; 12];
    timeout(FOR_EVER / 3, reading.read_exact(&mut told))
        .await
        .expect("an answer")
        .unwrap();
    assert_eq!(&told, b"HTTP/1.1 408");
    drop(reading);
    dripping.await.unwrap();
}

async fn an_upload_has_to_come_at_a_pace(app: TestApp) {
    let app = start(
        &app,
        Timeouts {
            body: SHORT,
            ..PATIENT
        },
    )
    .await;
    let ann = app.register("ann").await;
    let part = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nxxxx";
    for (path, content_type, beginning) in [
        ("/api/import/", "application/json", "{\"conversations\": ["),
        ("/api/import/", "multipart/form-data; boundary=b", part),
        (
            "/api/users/me/avatar/",
            "multipart/form-data; boundary=b",
            part,
        ),
    ] {
        let mut connection = connect(&app).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\nauthorization: Bearer {}\r\n",
            ann.token()
        );
        say(
            &mut connection,
            &format!("{head}content-length: 5000\r\n\r\n{beginning}"),
        )
        .await;
        let told = json!({ "detail": "The body came too slowly." });
        assert_eq!(answer(&mut connection).await, (408, told), "{path}");
    }
}

async fn a_body_that_comes_steadily_may_take_its_time(app: TestApp) {
    let app = start(
        &app,
        Timeouts {
            body: SHORT,
            ..PATIENT
        },
    )
    .await;
    app.register("ann").await;
    let mut connection = connect(&app).await;
    let body = json!({ "email": "ann@example.com", "password": "correct horse" }).to_string();
    let pieces = 15;
    let length = pieces * 1000 + body.len();
    say(
        &mut connection,
        &format!("{LOGIN}content-length: {length}\r\n\r\n"),
    )
    .await;
    let begun = Instant::now();
    for _ in 0..pieces {
        sleep(SHORT / 4).await;
        say(&mut connection, &" ".repeat(1000)).await;
    }
    say(&mut connection, &body).await;
    assert_eq!(answer(&mut connection).await.0, 200);
    assert!(begun.elapsed() > SHORT * 3);
}

async fn what_was_half_sent_does_not_delay_a_stop(app: TestApp) {
    let app = start(&app, PATIENT).await;
    let ann = app.register("ann").await;
    let mut idle = connect(&app).await;
    let mut head = connect(&app).await;
    say(&mut head, "GET /api/health/ HT").await;
    let mut later_head = connect(&app).await;
    say(
        &mut later_head,
        "GET /api/health/ HTTP/1.1\r\nhost: localhost\r\n\r\n",
    )
    .await;
    assert_eq!(answer(&mut later_head).await.0, 200);
    say(&mut later_head, "GET /api/health/ HT").await;
    let mut body = connect(&app).await;
    say(
        &mut body,
        &format!("{LOGIN}content-length: 1000\r\n\r\n{{\"email\":"),
    )
    .await;
    let mut upload = connect(&app).await;
    say(
        &mut upload,
        &format!(
            "POST /api/import/ HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-length: 1000000\r\n\r\n{{",
            ann.token()
        ),
    )
    .await;
    // All of it has been read by the time that another request is answered.
    ann.get("/api/users/me/").await.expect(200);
    let begun = Instant::now();
    // The grace is 25 s.
    app.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{begun:?}");
    for connection in [&mut idle, &mut head, &mut later_head] {
        assert_eq!(rest(connection).await, "");
    }
    for connection in [&mut body, &mut upload] {
        let told = rest(connection).await;
        assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
        assert!(told.contains("retry-after: 1\r\n"), "{told}");
    }
}

async fn a_request_that_was_on_its_way_is_answered_while_stopping(app: TestApp) {
    let app = start(&app, UNHURRIED).await;
    app.register("ann").await;
    let mut connection = connect(&app).await;
    let body = json!({ "email": "ann@example.com", "password": "correct horse" }).to_string();
    say(
        &mut connection,
        &format!("{LOGIN}content-length: {}\r\n\r\n", body.len()),
    )
    .await;
    let mut head = connect(&app).await;
    say(&mut head, "GET /api/health/ HTTP/1.1\r\n").await;
    app.stranger().get("/api/health/").await.expect(200);
    stop_accepting(&app).await;
    say(&mut connection, &body).await;
    assert_eq!(answer(&mut connection).await.0, 200);
    say(&mut head, "host: localhost\r\n\r\n").await;
    assert_eq!(answer(&mut head).await.0, 200);
    app.stop().await;
}

async fn a_kept_connection_is_closed_by_an_answer_while_stopping(app: TestApp) {
    let app = start(&app, UNHURRIED).await;
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let get = "GET /api/health/ HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let (mut kept, mut idle) = (connect(&app).await, connect(&app).await);
    for connection in [&mut kept, &mut idle] {
        say(connection, get).await;
        assert_eq!(answer(connection).await.0, 200);
    }
    stop_accepting(&app).await;
    // As a proxy does that has not heard yet. It would not dare to send it anew elsewhere.
    let body = json!({ "content": "Hello" }).to_string();
    let head = format!(
        "POST /api/conversations/{conversation}/send_message/ HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        ann.token(),
        body.len()
    );
    say(&mut kept, &(head + &body)).await;
    let told = rest(&mut kept).await;
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    assert!(told.contains("connection: close\r\n"), "{told}");
    assert_eq!(rest(&mut idle).await, "");
    app.stop().await;
}

async fn stop_accepting(app: &TestApp) {
    app.ask_to_stop();
    eventually("nothing new is accepted", async || {
        let address = app.base.strip_prefix("http://").unwrap();
        TcpStream::connect(address).await.is_err().then_some(())
    })
    .await;
}

async fn no_more_connections_than_allowed(app: TestApp) {
    let app = app.another(&[("MAX_CONNECTIONS", "2")]).await;
    let get = "GET /api/health/ HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let (mut first, mut second) = (connect(&app).await, connect(&app).await);
    for connection in [&mut first, &mut second] {
        say(connection, get).await;
        assert_eq!(answer(connection).await.0, 200);
    }
    let mut third = connect(&app).await;
    say(&mut third, get).await;
    let early = timeout(SHORT, answer(&mut third)).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    assert_eq!(answer(&mut third).await.0, 200);
    say(&mut second, get).await;
    assert_eq!(answer(&mut second).await.0, 200);
}
