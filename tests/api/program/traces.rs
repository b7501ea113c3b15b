//! What a process sends to a collector of traces.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use rustix::process::Signal;
use tokio::net::TcpListener;

use super::World;
use crate::support::Kind;
use crate::support::app::{PASSWORD, block_on};
use crate::support::client::send;
use crate::support::program::Running;

/// What was received.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<u8>>>);

impl Collector {
    /// Listens, and says where.
    async fn start(&self) -> String {
        let receive = async |State(collector): State<Self>, body: Bytes| {
            collector.0.lock().unwrap().extend_from_slice(&body);
        };
        let router = Router::new()
            .route("/v1/traces", post(receive))
            .with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    /// Whether these bytes came. Texts and ids are in Protocol Buffers as they are.
    fn has(&self, bytes: &[u8]) -> bool {
        let received = self.0.lock().unwrap();
        received.windows(bytes.len()).any(|window| window == bytes)
    }
}

#[test]
fn requests_turns_and_calls_of_models_are_spans_of_the_trace_that_the_client_names() {
    block_on(async {
        let world = World::new(Kind::Sqlite).await.unwrap();
        let collector = Collector::default();
        let endpoint = collector.start().await;
        let variables = world.with(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
            ("OTEL_SERVICE_NAME", "chat-of-the-tests"),
        ]);
        let mut server = Running::serve(world.database.folder.path(), &variables);
        let ann = server.stranger();
        let ann = ann.register("ann@example.com", "Ann", PASSWORD).await;
        let conversation = ann.conversation().await;
        let path = format!("/api/conversations/{conversation}/send_message/?q=private-query");
        let request = ann
            .request("POST", &path)
            .header(
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )
            .header("content-type", "application/json")
            .body(r#"{"content": "a private message"}"#);
        assert_eq!(send(request).await.status, 200);
        server.signal(Signal::TERM);
        assert!(server.wait().success());

        for text in [
            "chat-of-the-tests",
            "request",
            "turn",
            "model",
            "/api/conversations/{id}/send_message",
            ann.id(),
        ] {
            assert!(collector.has(text.as_bytes()), "{text} was not sent");
        }
        let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
        let parent = 0xb7ad_6b71_6920_3331_u64.to_be_bytes();
        assert!(collector.has(&trace) && collector.has(&parent));
        for secret in ["private", "ann@example.com", PASSWORD, ann.token()] {
            assert!(!collector.has(secret.as_bytes()), "{secret} was sent");
        }
    });
}
