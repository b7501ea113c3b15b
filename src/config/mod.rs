//! Every setting, read from environment variables once and checked as a whole.
//!
//! The variables of the original Django backend keep their names and meanings; `.env.example` explains each.

mod auth;
mod database;
mod env;
mod limits;
mod llm;
mod media;
mod secret;
mod server;
mod telemetry;

use std::fmt;

pub use auth::AuthConfig;
pub use database::{DatabaseConfig, DatabaseUrl};
use env::Reader;
pub use env::{Environment, EnvironmentError, Problem};
pub use limits::LimitsConfig;
pub use llm::AgentDefaults;
pub use media::{Bucket, MediaConfig};
pub use secret::{JwtSecret, generate as generate_secret};
pub use server::{ServerConfig, SslRedirect};
pub use telemetry::{TelemetryConfig, TracesConfig};

use crate::llm::Settings;

/// All settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// How HTTP is served.
    pub server: ServerConfig,
    /// Where data is kept.
    pub database: DatabaseConfig,
    /// Where uploaded files are kept.
    pub media: MediaConfig,
    /// Tokens and passwords.
    pub auth: AuthConfig,
    /// How often what may be done.
    pub limits: LimitsConfig,
    /// What operators see.
    pub telemetry: TelemetryConfig,
    /// The language models.
    pub llm: Settings,
    /// What a new agent is like.
    pub agents: AgentDefaults,
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
            media: MediaConfig::read(reader, &database),
            auth,
            limits: LimitsConfig::read(reader),
            telemetry: TelemetryConfig::read(reader),
            llm: llm::read(reader),
            agents: AgentDefaults::read(reader),
            server,
            database,
        }
    }
}
