//! What a process tells its operators: its log, and its metrics on a port of their own.

use serde_json::Value;

use super::World;
use crate::support::app::{PASSWORD, block_on};
use crate::support::client::send;
use crate::support::model_server::{Reply, openai_error};
use crate::support::program::{Running, meggy};
use crate::support::{Client, Kind, OPENAI_KEY, SECRET};

const EMAIL: &str = "ann.private@example.com";
const MESSAGE: &str = "my private message";

impl World {
    /// A server in production.
    fn serve_in_production(&self, variables: &[(&str, &str)]) -> Running {
        let mut command = meggy(self.database.folder.path(), &self.with(variables));
        command.arg("serve").env("PORT", "0").env("DEBUG", "False");
        Running::start(command, "listening on ")
    }
}

/// The field of the spans within which a line was logged.
fn of_spans<'a>(line: &'a Value, name: &str) -> Option<&'a str> {
    let spans = line["spans"].as_array()?;
    spans.iter().find_map(|span| span[name].as_str())
}

#[test]
fn the_log_tells_who_asked_for_what_and_nothing_that_was_said() {
    block_on(async {
        let world = World::new(Kind::Sqlite).await.unwrap();
        let server = world.serve_in_production(&[("LOG_LEVEL", "INFO")]);
        let stranger = server.stranger();
        let ann = stranger.register(EMAIL, "Ann Private", PASSWORD).await;
        stranger.login(EMAIL, "wrong password").await.expect(401);
        let conversation = ann.conversation().await;
        ann.say(&conversation, MESSAGE).await.expect(200);
        world
            .model
            .replies([openai_error(401, "No.", "invalid_api_key")]);
        let path = format!("/api/conversations/{conversation}/send_message/?q=private-query");
        let request = ann
            .request("POST", &path)
            .header("x-request-id", "the-failing-one")
            .header("content-type", "application/json")
            .body(format!(r#"{{"content": "{MESSAGE}"}}"#));
        assert_eq!(send(request).await.status, 502);
        // Model servers may repeat what they were asked.
        let repeating = Reply::text(500, "text/plain", MESSAGE);
        world.model.replies([repeating]);
        ann.say(&conversation, MESSAGE).await.expect(502);
        stranger.get("/health/live").await.expect(200);
        stranger.get("/private-path").await.expect(404);
        let text = server.up_to(r#""route":"unknown""#);

        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let failing: Vec<_> = lines
            .iter()
            .filter(|line| of_spans(line, "request_id") == Some("the-failing-one"))
            .collect();
        // The turn, which runs in the background, and the request.
        assert_eq!(failing.len(), 2, "{text}");
        for line in &failing {
            assert_eq!(of_spans(line, "user_id"), Some(ann.id()), "{line}");
            assert_eq!(line["level"], "WARN");
        }
        assert_eq!(failing[0]["message"], "no answer");
        let request = failing[1];
        assert_eq!(request["method"], "POST");
        assert_eq!(request["route"], "/api/conversations/{id}/send_message");
        assert_eq!(
            (&request["status"], &request["client"]),
            (&502.into(), &"127.0.0.1".into())
        );
        assert!(request["duration_ms"].as_f64() > Some(0.0), "{request}");
        let requests = |route: &str| {
            let is_it = |line: &&Value| line["message"] == "request" && line["route"] == route;
            lines.iter().filter(is_it).collect::<Vec<_>>()
        };
        let registered = requests("/api/auth/register");
        assert_eq!(of_spans(registered[0], "user_id"), Some(ann.id()));
        assert_eq!(of_spans(requests("/api/auth/login")[0], "user_id"), None);
        assert!(requests("/health/live").is_empty(), "{text}");
        for secret in [
            SECRET,
            OPENAI_KEY,
            PASSWORD,
            EMAIL,
            MESSAGE,
            "wrong password",
            "private",
            ann.token(),
            &ann.refresh_token,
        ] {
            assert!(!text.contains(secret), "{secret} is in the log:\n{text}");
        }
    });
}

#[test]
fn metrics_have_a_port_of_their_own() {
    block_on(async {
        let world = World::new(Kind::Sqlite).await.unwrap();
        let server = world.serve_in_production(&[("METRICS_PORT", "0"), ("LOG_LEVEL", "INFO")]);
        let metrics = |server: &Running| {
            let (_, rest) = server.greeting.split_once("metrics on ").expect("a line");
            rest.split("/metrics").next().unwrap().to_owned()
        };
        let collector = Client::stranger(&metrics(&server));
        server.stranger().get("/api/nothing/").await.expect(404);
        let answer = collector.get("/metrics").await;
        assert_eq!(answer.status, 200);
        assert!(
            answer.text.contains(r#"route="unknown",status="404"} 1"#),
            "{}",
            answer.text
        );
        collector.get("/api/health/").await.expect(404);
        // On the other port there is nothing without a token.
        server.stranger().get("/metrics").await.expect(404);
    });
}
