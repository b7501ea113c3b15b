//! Every setting, read from environment variables once and checked as a whole.
//!
//! The variables of the original Django backend keep their names and meanings; `.env.example` explains each.

mod database;
mod env;
mod secret;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use tracing::Level;

pub use database::{DatabaseConfig, DatabaseUrl};
use env::Reader;
pub use env::{Environment, EnvironmentError, Problem};
pub use secret::JwtSecret;

use crate::llm::{self, ProviderName};

/// All settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// How HTTP is served.
    pub server: ServerConfig,
    /// Where data is kept.
    pub database: DatabaseConfig,
    /// Tokens and passwords.
    pub auth: AuthConfig,
    /// The language models.
    pub llm: llm::Settings,
    /// What a new agent is like.
    pub agents: AgentDefaults,
}

/// How HTTP is served.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// `DEBUG`: made for development. Off, the production rules apply.
    pub debug: bool,
    /// `HOST`: the address to listen on.
    pub host: IpAddr,
    /// `PORT`: the port to listen on; 0 lets the system choose.
    pub port: u16,
    /// `ALLOWED_HOSTS`: which `Host` a request may name.
    pub allowed_hosts: Vec<String>,
    /// `CORS_ALLOWED_ORIGINS`: which web pages may call the API from a browser.
    pub cors_allowed_origins: Vec<String>,
    /// `TRUSTED_PROXIES`: whose `X-Forwarded-Proto` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `SECURE_SSL_REDIRECT`: which plain HTTP requests are sent on to HTTPS.
    pub ssl_redirect: SslRedirect,
    /// `MAX_BODY_BYTES`: the longest request body that is read.
    pub max_body_bytes: usize,
    /// `SHUTDOWN_GRACE_SECONDS`: how long running answers may go on after a request to stop.
    pub shutdown_grace: Duration,
    /// `LOG_LEVEL`: what is worth a line in the log.
    pub log_level: Level,
}

/// Which plain HTTP requests are redirected to HTTPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslRedirect {
    /// None.
    Never,
    /// Those that a trusted proxy received by plain HTTP. What comes without a proxy is answered: there is nothing
    /// here that could speak HTTPS.
    BehindProxy,
    /// All that did not come by HTTPS, proxy or not.
    Always,
}

/// Tokens and passwords.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// `JWT_SECRET_KEY`, or `SECRET_KEY`: signs the tokens.
    pub jwt_secret: JwtSecret,
    /// `JWT_ACCESS_TOKEN_EXPIRE_MINUTES`.
    pub access_token_lifetime: Duration,
    /// `JWT_REFRESH_TOKEN_EXPIRE_DAYS`.
    pub refresh_token_lifetime: Duration,
    /// `ARGON2_MEMORY_KIB`, in KiB.
    pub argon2_memory: u32,
    /// `ARGON2_ITERATIONS`.
    pub argon2_iterations: u32,
    /// `ARGON2_PARALLELISM`.
    pub argon2_parallelism: u32,
    /// `PASSWORD_HASH_CONCURRENCY`: how many passwords are hashed at a time.
    pub hash_concurrency: usize,
}

/// What a new agent is like unless its maker says otherwise.
#[derive(Clone, Debug)]
pub struct AgentDefaults {
    /// `DEFAULT_LLM_PROVIDER`.
    pub provider: ProviderName,
    /// `DEFAULT_MODEL`.
    pub model: String,
}

/// Everything that is wrong with the settings.
#[derive(Debug)]
pub struct ConfigError(pub Vec<Problem>);

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the configuration has {} to mend",
            counted(self.0.len(), "mistake")
        )?;
        self.0
            .iter()
            .try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

fn counted(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

impl Config {
    /// Reads and checks all settings.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn from_env(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(source);
        let config = Self::read(&mut reader);
        if reader.problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError(reader.problems))
        }
    }

    /// The names of all variables that are read.
    pub fn variables() -> Vec<&'static str> {
        let mut reader = Reader::new(&|_| None);
        Self::read(&mut reader);
        reader.names
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let server = ServerConfig::read(reader);
        let database = DatabaseConfig::read(reader);
        let auth = AuthConfig::read(reader, server.debug, &database);
        Self {
            auth,
            llm: read_llm(reader),
            agents: AgentDefaults::read(reader),
            server,
            database,
        }
    }
}

impl ServerConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        let debug = reader.flag("DEBUG").unwrap_or(true);
        Self {
            debug,
            host: read_host(reader),
            port: reader.number("PORT", 8000, 0..=u16::MAX),
            allowed_hosts: reader.list("ALLOWED_HOSTS").unwrap_or_else(|| {
                ["localhost", ".localhost", "127.0.0.1", "[::1]"]
                    .map(str::to_owned)
                    .to_vec()
            }),
            cors_allowed_origins: read_origins(reader),
            trusted_proxies: read_proxies(reader),
            ssl_redirect: match reader.flag("SECURE_SSL_REDIRECT") {
                Some(true) => SslRedirect::Always,
                None if !debug => SslRedirect::BehindProxy,
                _ => SslRedirect::Never,
            },
            max_body_bytes: reader.number(
                "MAX_BODY_BYTES",
                10 * 1024 * 1024,
                1024..=1024 * 1024 * 1024,
            ),
            shutdown_grace: Duration::from_secs(reader.number(
                "SHUTDOWN_GRACE_SECONDS",
                25,
                0..=3600,
            )),
            log_level: read_log_level(reader),
        }
    }
}

fn read_host(reader: &mut Reader<'_>) -> IpAddr {
    let default = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let Some(value) = reader.text("HOST") else {
        return default;
    };
    value.parse().unwrap_or_else(|_| {
        reader.reject(
            "HOST",
            format!(
                "`{value}` is no IP address, for example 127.0.0.1, or 0.0.0.0 for all networks"
            ),
        );
        default
    })
}

fn read_origins(reader: &mut Reader<'_>) -> Vec<String> {
    let origins = reader
        .list("CORS_ALLOWED_ORIGINS")
        .unwrap_or_else(|| vec!["http://localhost:3000".to_owned()]);
    for origin in &origins {
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        if host.is_empty() || host.contains(['/', '*']) {
            reader.reject(
                "CORS_ALLOWED_ORIGINS",
                format!("`{origin}` is no origin: scheme, host and port without a path, for example https://chat.example.com"),
            );
        }
    }
    origins
}

fn read_proxies(reader: &mut Reader<'_>) -> Vec<IpNet> {
    let mut proxies = Vec::new();
    for value in reader.list("TRUSTED_PROXIES").unwrap_or_default() {
        match value
            .parse()
            .or_else(|_| value.parse::<IpAddr>().map(IpNet::from))
        {
            Ok(network) => proxies.push(network),
            Err(_) => reader.reject(
                "TRUSTED_PROXIES",
                format!("`{value}` is no address or network, for example 10.0.0.0/8"),
            ),
        }
    }
    proxies
}

/// Accepts the names of Python's log levels, as the original did.
fn read_log_level(reader: &mut Reader<'_>) -> Level {
    let Some(value) = reader.text("LOG_LEVEL") else {
        return Level::INFO;
    };
    match value.to_ascii_uppercase().as_str() {
        "TRACE" => Level::TRACE,
        "DEBUG" => Level::DEBUG,
        "INFO" => Level::INFO,
        "WARNING" | "WARN" => Level::WARN,
        "ERROR" | "CRITICAL" => Level::ERROR,
        _ => {
            reader.reject(
                "LOG_LEVEL",
                format!("`{value}` is none of DEBUG, INFO, WARNING and ERROR"),
            );
            Level::INFO
        }
    }
}

impl AuthConfig {
    fn read(reader: &mut Reader<'_>, debug: bool, database: &DatabaseConfig) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
        // RFC 9106 wants at least 8 KiB for each lane.
        let parallelism = reader.number("ARGON2_PARALLELISM", 1, 1..=64);
        Self {
            jwt_secret: JwtSecret::read(reader, debug, database),
            access_token_lifetime: Duration::from_secs(
                60 * reader.number::<u64>("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", 60, 1..=525_600),
            ),
            refresh_token_lifetime: days(reader.number(
                "JWT_REFRESH_TOKEN_EXPIRE_DAYS",
                7,
                1..=3650,
            )),
            argon2_memory: reader.number(
                "ARGON2_MEMORY_KIB",
                19 * 1024,
                8 * parallelism..=4 * 1024 * 1024,
            ),
            argon2_iterations: reader.number("ARGON2_ITERATIONS", 2, 1..=100),
            argon2_parallelism: parallelism,
            hash_concurrency: reader.number(
                "PASSWORD_HASH_CONCURRENCY",
                (cores / 2).max(1),
                1..=1024,
            ),
        }
    }
}

impl AgentDefaults {
    fn read(reader: &mut Reader<'_>) -> Self {
        let provider = match reader.text("DEFAULT_LLM_PROVIDER") {
            None => ProviderName::OpenAi,
            Some(value) => value.to_ascii_lowercase().parse().unwrap_or_else(|_| {
                reader.reject(
                    "DEFAULT_LLM_PROVIDER",
                    format!("`{value}` is neither openai nor ollama"),
                );
                ProviderName::OpenAi
            }),
        };
        let model = reader
            .text("DEFAULT_MODEL")
            .unwrap_or_else(|| "gpt-4".to_owned());
        if model.chars().count() > 100 {
            reader.reject(
                "DEFAULT_MODEL",
                "is longer than the 100 characters that a model's name may have, for example gpt-4",
            );
        }
        Self { provider, model }
    }
}

fn read_llm(reader: &mut Reader<'_>) -> llm::Settings {
    let defaults = llm::Settings::default();
    let seconds = |reader: &mut Reader<'_>, name, default: Duration| {
        Duration::from_secs(reader.number(name, default.as_secs(), 1..=86_400))
    };
    llm::Settings {
        openai: llm::OpenAiSettings {
            api_key: read_api_key(reader),
            base_url: read_base_url(reader, "OPENAI_BASE_URL", "http://localhost:8080/v1"),
        },
        ollama: llm::OllamaSettings {
            base_url: read_base_url(reader, "OLLAMA_BASE_URL", "http://localhost:11434")
                .unwrap_or(defaults.ollama.base_url),
            context_length: reader.number(
                "OLLAMA_CONTEXT_LENGTH",
                defaults.ollama.context_length,
                256..=16 * 1024 * 1024,
            ),
        },
        connect_timeout: seconds(
            reader,
            "LLM_CONNECT_TIMEOUT_SECONDS",
            defaults.connect_timeout,
        ),
        first_token_timeout: seconds(
            reader,
            "LLM_FIRST_TOKEN_TIMEOUT_SECONDS",
            defaults.first_token_timeout,
        ),
        idle_timeout: seconds(reader, "LLM_IDLE_TIMEOUT_SECONDS", defaults.idle_timeout),
        max_retries: reader.number("LLM_MAX_RETRIES", defaults.max_retries, 0..=10),
        max_retry_after: seconds(
            reader,
            "LLM_MAX_RETRY_AFTER_SECONDS",
            defaults.max_retry_after,
        ),
        max_answer_bytes: reader.number(
            "LLM_MAX_ANSWER_BYTES",
            defaults.max_answer_bytes,
            1024..=1024 * 1024 * 1024,
        ),
    }
}

/// A key goes into a header, so it has no line breaks and nothing beyond ASCII.
fn read_api_key(reader: &mut Reader<'_>) -> Option<SecretString> {
    let key = reader.text("OPENAI_API_KEY")?;
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        reader.reject("OPENAI_API_KEY", "contains white space or other characters that no key has; paste the key alone, for example sk-abc123");
    }
    Some(key.into())
}

fn read_base_url(reader: &mut Reader<'_>, name: &'static str, example: &str) -> Option<String> {
    let value = reader.text(name)?;
    match reqwest::Url::parse(&value) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.query().is_none() =>
        {
            Some(value.trim_end_matches('/').to_owned())
        }
        _ => {
            // The value may hold a password, so it is not repeated.
            reader.reject(
                name,
                format!("is no http or https address without parameters, for example {example}"),
            );
            None
        }
    }
}
