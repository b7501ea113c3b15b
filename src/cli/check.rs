//! `meggy check`.

use super::{Failure, configuration, open};
use crate::config::{Config, DatabaseUrl};
use crate::db::SchemaState;
use crate::llm::{ProviderName, Providers};

/// How many of a provider's models are named.
const SHOWN_MODELS: usize = 5;

/// Prints a line for each thing looked at. `false` if the server would not start or no model could answer.
pub async fn run() -> Result<bool, Failure> {
    let config = match configuration() {
        Ok(config) => config,
        Err(error) => {
            println!("configuration  WRONG  {error}");
            return Ok(false);
        }
    };
    println!("configuration  ok     {}", mode(&config));
    let database = check_database(&config).await;
    println!("database       {}", report(&database));
    let mut answering = 0;
    let providers = Providers::new(&config.llm);
    for name in ProviderName::ALL {
        let models = match &providers {
            Ok(providers) => check_provider(providers, name).await,
            Err(error) => Err(error.to_string()),
        };
        answering += usize::from(models.is_ok());
        println!("{name:<14} {}", report(&models));
    }
    if answering == 0 {
        println!(
            "\nNo language model can answer. Set OPENAI_API_KEY, OPENAI_BASE_URL or OLLAMA_BASE_URL."
        );
    }
    Ok(database.is_ok() && answering > 0)
}

fn report(result: &Result<String, String>) -> String {
    match result {
        Ok(text) => format!("ok     {text}"),
        Err(text) => format!("WRONG  {text}"),
    }
}

fn mode(config: &Config) -> &'static str {
    if config.server.debug {
        "development (DEBUG is on)"
    } else {
        "production (DEBUG is off)"
    }
}

async fn check_database(config: &Config) -> Result<String, String> {
    if let DatabaseUrl::Sqlite(file) = &config.database.url
        && !file.exists()
    {
        return Ok(format!(
            "SQLite, {} does not exist yet and will be made at the first start",
            file.display()
        ));
    }
    let db = open(config).await.map_err(|error| error.to_string())?;
    let state = db.schema_state().await.map_err(|error| error.to_string());
    db.close().await;
    Ok(match state? {
        SchemaState::Current => format!("{}, the schema is up to date", db.kind()),
        SchemaState::Behind(count) => {
            format!(
                "{}, {count} migration(s) will be applied at the next start",
                db.kind()
            )
        }
    })
}

async fn check_provider(providers: &Providers, name: ProviderName) -> Result<String, String> {
    let models = providers
        .models(name)
        .await
        .map_err(|error| match error.detail() {
            Some(detail) => format!("{error} ({detail})"),
            None => error.to_string(),
        })?;
    let shown = models
        .iter()
        .take(SHOWN_MODELS)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    Ok(match models.len() {
        0 => "reachable, but it has no models".to_owned(),
        count if count > SHOWN_MODELS => format!("{count} models: {shown}, …"),
        count => format!("{count} model(s): {shown}"),
    })
}
