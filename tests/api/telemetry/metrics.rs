//! The numbers for Prometheus.

use serde_json::json;

use crate::socket::client::Socket;
use crate::support::client::send;
use crate::support::events::Events;
use crate::support::model_server::{Gate, openai_answer, openai_error};
use crate::support::{Answer, TestApp, eventually, on_each_database};

on_each_database! {
    there_are_none_unless_a_token_is_set,
    requests_are_counted_by_the_pattern_of_their_path,
    turns_are_counted_with_their_tokens_and_failures,
    what_is_open_is_counted_while_it_is,
    connections_and_heavy_work_can_be_watched,
}

const TOKEN: &str = "a-token-for-metrics";

/// A server beside this one whose numbers can be read.
async fn measured(app: &TestApp) -> TestApp {
    app.another(&[("METRICS_TOKEN", TOKEN)]).await
}

async fn read(app: &TestApp, path: &str, token: &str) -> Answer {
    app.stranger().with_token(token).get(path).await
}

/// All numbers.
async fn numbers(app: &TestApp) -> String {
    let answer = read(app, "/metrics", TOKEN).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}

/// The sum of all samples of this name with these labels; `None` if there is none.
fn value(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels: Vec<_> = labels
        .iter()
        .map(|(label, value)| format!("{label}=\"{value}\""))
        .collect();
    text.lines()
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(sample, _)| sample.split('{').next() == Some(name))
        .filter(|(sample, _)| labels.iter().all(|label| sample.contains(label)))
        .map(|(_, value)| value.parse::<f64>().expect("a number"))
        .reduce(|sum, value| sum + value)
}

async fn there_are_none_unless_a_token_is_set(app: TestApp) {
    assert_eq!(read(&app, "/metrics", TOKEN).await.status, 404);
    let app = measured(&app).await;
    for path in ["/metrics", "/metrics/"] {
        assert_eq!(app.stranger().get(path).await.status, 401);
        let refused = read(&app, path, "a-token-for-metricz").await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        let answer = read(&app, path, TOKEN).await;
        assert_eq!(answer.status, 200);
        let content_type = answer.header("content-type").unwrap();
        assert!(content_type.starts_with("application/openmetrics-text"));
        assert!(answer.text.ends_with("# EOF\n"));
        assert!(value(&answer.text, "process_start_time_seconds", &[]) > Some(1.7e9));
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        assert_eq!(value(&answer.text, "meggy_build_info", &version), Some(1.0));
    }
    // Who collects them asks for an address, and accepts no JSON.
    let request = app.stranger().with_token(TOKEN).request("GET", "/metrics");
    let request = request
        .header("host", "10.1.2.3")
        .header("accept", "text/plain");
    assert_eq!(send(request).await.status, 200);
}

async fn requests_are_counted_by_the_pattern_of_their_path(app: TestApp) {
    let app = measured(&app).await;
    let ann = app.register("ann").await;
    let agent = ann.agent(json!({ "name": "Bruno" })).await;
    for path in [
        format!("/api/agents/{agent}/"),
        format!("/api/agents/{agent}"),
        format!("/api/agents/{}/", ann.id()),
        "/secret-path".to_owned(),
        "/api/other-path/".to_owned(),
    ] {
        ann.get(&path).await;
    }
    ann.send("BREW", "/secret-path", None).await;
    let text = numbers(&app).await;
    let requests = |labels: &[(&str, &str)]| value(&text, "meggy_http_requests_total", labels);
    let detail = ("route", "/api/agents/{id}");
    assert_eq!(requests(&[detail, ("status", "200")]), Some(2.0));
    assert_eq!(requests(&[detail, ("status", "404")]), Some(1.0));
    let created = [
        ("method", "POST"),
        ("route", "/api/agents"),
        ("status", "201"),
    ];
    assert_eq!(requests(&created), Some(1.0));
    let unknown = ("route", "unknown");
    assert_eq!(requests(&[unknown]), Some(3.0));
    assert_eq!(requests(&[unknown, ("method", "other")]), Some(1.0));
    let duration = "meggy_http_request_duration_seconds_count";
    assert_eq!(value(&text, duration, &[detail]), Some(3.0));
    for word in ["secret", "BREW", &agent, ann.id(), "other-path"] {
        assert!(!text.contains(word), "{word} is among the labels");
    }
}

async fn turns_are_counted_with_their_tokens_and_failures(app: TestApp) {
    let app = measured(&app).await;
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    ann.say(&conversation, "Hello").await.expect(200);
    app.model
        .replies([openai_error(401, "No.", "invalid_api_key")]);
    ann.say(&conversation, "And now?").await.expect(502);
    let text = numbers(&app).await;
    let turns = |outcome| {
        let labels = [("provider", "openai"), ("outcome", outcome)];
        value(&text, "meggy_turn_duration_seconds_count", &labels)
    };
    assert_eq!((turns("complete"), turns("failed")), (Some(1.0), Some(1.0)));
    let tokens = |kind| value(&text, "meggy_tokens_total", &[("kind", kind)]);
    assert_eq!(
        (tokens("prompt"), tokens("completion")),
        (Some(11.0), Some(7.0))
    );
    let first = value(
        &text,
        "meggy_first_token_seconds_count",
        &[("provider", "openai")],
    );
    assert_eq!(first, Some(1.0));
    let error = [("provider", "openai"), ("kind", "bad_key")];
    assert_eq!(
        value(&text, "meggy_provider_errors_total", &error),
        Some(1.0)
    );
    assert_eq!(value(&text, "meggy_running_turns", &[]), Some(0.0));
    assert!(!text.contains("gpt-4"), "a model is among the labels");
}

async fn what_is_open_is_counted_while_it_is(app: TestApp) {
    let app = measured(&app).await;
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let gate = Gate::default();
    app.model.replies([openai_answer("one two three", None)
        .pieces(3)
        .hold(1, &gate)]);
    let path = format!("/api/conversations/{conversation}/send_message/");
    let request = ann
        .request("POST", &path)
        .header("accept", "text/event-stream")
        .header("content-type", "application/json");
    let body = json!({ "content": "Hello" }).to_string();
    let mut events = Events::open(request.body(body)).await;
    let socket = Socket::of(&app, &ann).await;
    let open = |text: &str| {
        let streams = |kind| value(text, "meggy_streams", &[("kind", kind)]);
        (
            streams("sse"),
            streams("websocket"),
            value(text, "meggy_running_turns", &[]),
        )
    };
    let all = (Some(1.0), Some(1.0), Some(1.0));
    assert_eq!(open(&numbers(&app).await), all);
    gate.open();
    events.rest().await;
    drop((events, socket));
    eventually("nothing is open", async || {
        let none = (Some(0.0), Some(0.0), Some(0.0));
        (open(&numbers(&app).await) == none).then_some(())
    })
    .await;
}

async fn connections_and_heavy_work_can_be_watched(app: TestApp) {
    let app = measured(&app).await;
    app.register("ann").await;
    let tx = app.db.begin().await.unwrap();
    let text = numbers(&app).await;
    let pool = (
        "pool",
        if app.db.kind() == "SQLite" {
            "writer"
        } else {
            "postgres"
        },
    );
    let used = |text: &str| {
        let labels = [pool, ("state", "used")];
        value(text, "meggy_db_connections", &labels)
    };
    // On Postgres the server may use another one at this moment.
    assert!(used(&text) >= Some(1.0));
    drop(tx);
    eventually("it is given back", async || {
        (used(&numbers(&app).await) == Some(0.0)).then_some(())
    })
    .await;
    let idle = [pool, ("state", "idle")];
    assert!(value(&text, "meggy_db_connections", &idle).is_some());
    assert!(value(&text, "meggy_db_connections_max", &[pool]) >= Some(1.0));
    for name in ["meggy_db_waits_total", "meggy_db_timeouts_total"] {
        assert!(value(&text, name, &[pool]).is_some(), "{name}");
    }
    for state in ["waiting", "running"] {
        let labels = [("kind", "password"), ("state", state)];
        assert_eq!(value(&text, "meggy_heavy_work", &labels), Some(0.0));
    }
}
