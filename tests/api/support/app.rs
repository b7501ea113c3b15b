//! The real server in this process, on a port and a database of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use meggy::app::App;
use meggy::config::Config;
use meggy::db::{self, Db};
use meggy::llm::Providers;
use meggy::socket::Patience;
use meggy::{server, telemetry};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::database::{Database, Kind};
use super::model_server::{
    Asked, ModelServer, Reply, Script, ollama_answer, ollama_models, openai_answer, openai_models,
};

/// Signs the tokens of all test servers.
pub const SECRET: &str = "a secret of the tests, long enough for production";

/// The key that the server sends to the model, and that nobody else may ever see.
pub const OPENAI_KEY: &str = "sk-key-of-the-tests-0123456789";

/// The password of everybody whom a test registers by name.
pub const PASSWORD: &str = "correct horse";

/// A running server. It ends with its test.
pub struct TestApp {
    pub base: String,
    /// The server's own database, for what cannot be brought about by HTTP.
    pub db: Db,
    /// What the server takes for OpenAI and for Ollama. Unless told otherwise it repeats what it was asked.
    pub model: Arc<Model>,
    pub database: Arc<Database>,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

/// A model server with a script that a test can change at any time.
pub struct Model {
    pub server: ModelServer,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

/// Runs one test on a database of one kind.
pub fn run<F: Future<Output = ()>>(kind: Kind, test: impl FnOnce(TestApp) -> F) {
    let Some(database) = Database::new(kind) else {
        return;
    };
    block_on(async { test(TestApp::start(&database, &[]).await).await });
}

/// Runs a test that starts its servers itself.
pub fn block_on(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(test);
}

impl TestApp {
    /// Starts a server with settings that make tests quick, and with those of `settings` before them.
    pub async fn start(database: &Arc<Database>, settings: &[(&str, &str)]) -> Self {
        Self::start_beside(database, Arc::new(Model::start().await), settings).await
    }

    /// Starts a second server beside this one, on the same database and the same model.
    pub async fn another(&self, settings: &[(&str, &str)]) -> Self {
        Self::start_beside(&self.database, Arc::clone(&self.model), settings).await
    }

    /// Starts a server that waits for its WebSocket clients as long as this.
    pub async fn with_patience(&self, settings: &[(&str, &str)], patience: Patience) -> Self {
        self.another_changed(settings, |app| app.patience = patience)
            .await
    }

    /// Starts a second server beside this one whose state is changed first.
    pub async fn another_changed(
        &self,
        settings: &[(&str, &str)],
        change: impl FnOnce(&mut App),
    ) -> Self {
        Self::start_changed(&self.database, Arc::clone(&self.model), settings, change).await
    }

    /// Starts a server on a database and a model that are there already.
    pub async fn start_beside(
        database: &Arc<Database>,
        model: Arc<Model>,
        settings: &[(&str, &str)],
    ) -> Self {
        Self::start_changed(database, model, settings, |_| {}).await
    }

    async fn start_changed(
        database: &Arc<Database>,
        model: Arc<Model>,
        settings: &[(&str, &str)],
        change: impl FnOnce(&mut App),
    ) -> Self {
        let mut environment = environment(database, &model.server);
        environment.extend(
            settings
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned())),
        );
        let config =
            Config::from_env(&|name| environment.get(name).cloned()).expect("good settings");
        let _telemetry = telemetry::start(&config).expect("a log");
        let llm = Providers::new(&config.llm).expect("providers");
        let db = db::connect(&config.database).await.expect("a database");
        db.migrate().await.expect("a schema");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let mut app = App::new(config, db.clone(), llm).expect("an app");
        change(&mut app);
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server::serve(listener, app, stop.clone().cancelled_owned()));
        Self {
            base,
            db,
            model,
            database: Arc::clone(database),
            stop,
            serving,
        }
    }

    /// Asks the server to stop, and waits until it has.
    pub async fn stop(self) {
        self.ask_to_stop();
        self.serving.await.expect("no panic").expect("no failure");
    }

    /// Asks the server to stop, as SIGTERM does.
    pub fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    /// Somebody without an account.
    pub fn stranger(&self) -> Client {
        Client::stranger(&self.base)
    }

    /// Makes an account for `name@example.com`.
    pub async fn register(&self, name: &str) -> Client {
        self.stranger()
            .register(&format!("{name}@example.com"), name, PASSWORD)
            .await
    }
}

impl Model {
    pub async fn start() -> Self {
        let replies = Arc::new(Mutex::new(VecDeque::<Reply>::new()));
        let next = Arc::clone(&replies);
        let script = Script::new(move |asked, _| {
            next.lock()
                .unwrap()
                .pop_front()
                .unwrap_or_else(|| echo(asked))
        });
        Self {
            server: ModelServer::start(script).await,
            replies,
        }
    }

    /// What to reply to the next requests.
    pub fn replies(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap().extend(replies);
    }

    /// Takes back what was to be replied.
    pub fn forget_replies(&self) {
        self.replies.lock().unwrap().clear();
    }

    /// The request that came last.
    pub fn last_asked(&self) -> Asked {
        self.server.asked().pop().expect("a request")
    }
}

/// Says what it was asked, with 11 tokens for the question and 7 for the answer.
fn echo(asked: &Asked) -> Reply {
    let question = asked.body["messages"].as_array().and_then(|all| all.last());
    let answer = format!(
        "You said: {}",
        question
            .and_then(|last| last["content"].as_str())
            .unwrap_or_default()
    );
    match asked.path.as_str() {
        "/v1/chat/completions" => openai_answer(&answer, Some((11, 7))),
        "/api/chat" => ollama_answer(&answer, Some((11, 7))),
        "/v1/models" => openai_models(&["gpt-4"]),
        "/api/tags" => ollama_models(&["llama3"]),
        _ => Reply::text(404, "text/plain", "404 page not found"),
    }
}

/// The variables of a quick server.
pub fn environment(database: &Database, model: &ModelServer) -> HashMap<String, String> {
    let variables = [
        ("DATABASE_URL", database.url.clone()),
        ("JWT_SECRET_KEY", SECRET.to_owned()),
        ("OPENAI_API_KEY", OPENAI_KEY.to_owned()),
        ("OPENAI_BASE_URL", model.openai_url()),
        ("OLLAMA_BASE_URL", model.ollama_url()),
        ("LLM_MAX_RETRIES", "0".to_owned()),
        ("ARGON2_MEMORY_KIB", "8".to_owned()),
        ("ARGON2_ITERATIONS", "1".to_owned()),
        ("DATABASE_MAX_CONNECTIONS", "8".to_owned()),
        ("LOG_LEVEL", "ERROR".to_owned()),
        (
            "MEDIA_ROOT",
            database.folder.path().join("media").display().to_string(),
        ),
    ];
    variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
