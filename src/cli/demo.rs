//! `meggy demo`: everything at hand to try a first conversation.

use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;
use tempfile::TempDir;

use super::{Failure, open_migrated, serve};
use crate::agents::{self, NewAgent};
use crate::app::App;
use crate::config::{self, Config};
use crate::llm::{Demo, Providers};
use crate::server::{self, StopSignal};
use crate::telemetry;
use crate::users::{self, NewUser};

const EMAIL: &str = "demo@example.com";
const PASSWORD: &str = "demo-password";

/// Options of `meggy demo`.
#[derive(clap::Args)]
pub struct Options {
    /// Port to listen on; 0 takes any that is free
    #[arg(long, default_value_t = 8000)]
    port: u16,
}

pub async fn run(options: Options) -> Result<(), Failure> {
    let signal = StopSignal::listen()?;
    let folder = tempfile::Builder::new().prefix("meggy-demo-").tempdir()?;
    let config = configuration(&folder, options.port)?;
    let _telemetry = telemetry::start(&config)?;
    let db = open_migrated(&config).await?;
    let listener = serve::listen((config.server.host, config.server.port), "--port").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let app = App::new(config, db, Providers::with(Arc::new(Demo)))?;
    furnish(&app).await?;
    print!("{}", welcome(&base, folder.path()));
    let stop = signal.stop(app.tasks.clone());
    server::serve(listener, app, stop).await?;
    println!("\nThe demo has ended and its data is deleted.");
    Ok(())
}

/// Settings of its own, whatever the environment says, so that a demo never touches real data or a real key.
fn configuration(folder: &TempDir, port: u16) -> Result<Config, Failure> {
    let database = format!("sqlite:{}", folder.path().join("demo.sqlite3").display());
    let secret = config::generate_secret();
    Ok(Config::from_env(&|name| match name {
        "DATABASE_URL" => Some(database.clone()),
        "JWT_SECRET_KEY" => Some(secret.clone()),
        "PORT" => Some(port.to_string()),
        "DEFAULT_MODEL" => Some("demo".to_owned()),
        "LOG_LEVEL" => Some("WARNING".to_owned()),
        _ => None,
    })?)
}

/// An account with an agent to talk to.
async fn furnish(app: &App) -> Result<(), Failure> {
    let failed = |error| format!("the demo account could not be made: {error:?}");
    let password = app
        .passwords
        .hash(SecretString::from(PASSWORD))
        .await
        .map_err(failed)?;
    let user = NewUser::member(EMAIL.to_owned(), "Demo".to_owned(), password);
    let user = users::repository::create(&app.db, user)
        .await
        .map_err(failed)?;
    let agent = NewAgent {
        is_default: true,
        ..NewAgent::with_defaults(&app.config.agents)
    };
    let mut tx = app.db.begin().await?;
    agents::repository::create(&mut tx, user.id, agent)
        .await
        .map_err(failed)?;
    tx.commit().await?;
    Ok(())
}

/// What is running, and commands to paste.
fn welcome(base: &str, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"
Meggy is running in demo mode at {base}

  answers   come from a built-in stand-in called `demo`. It is no language model.
  data      is in {folder} and will be deleted at the end.
  account   {EMAIL}   password   {PASSWORD}

Send a first message with curl (paste the whole block):

  api={base}/api; json='Content-Type: application/json'
  field() {{ grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }}
  token=$(curl -s "$api/auth/login/" -H "$json" -d '{{"email":"{EMAIL}","password":"{PASSWORD}"}}' | field access_token)
  agent=$(curl -s "$api/agents/default/" -H "Authorization: Bearer $token" | field id)
  chat=$(curl -s "$api/conversations/" -H "Authorization: Bearer $token" -H "$json" -d "{{\"agent\":\"$agent\"}}" | field id)
  curl -s "$api/conversations/$chat/send_message/" -H "Authorization: Bearer $token" -H "$json" -d '{{"content":"Hello!"}}'; echo

or with PowerShell:

  $api = "{base}/api"
  $login = @{{ email = "{EMAIL}"; password = "{PASSWORD}" }} | ConvertTo-Json
  $token = (Invoke-RestMethod "$api/auth/login/" -Method Post -ContentType application/json -Body $login).access_token
  $as = @{{ Headers = @{{ Authorization = "Bearer $token" }}; ContentType = "application/json" }}
  $agent = (Invoke-RestMethod "$api/agents/default/" @as).id
  $chat = (Invoke-RestMethod "$api/conversations/" -Method Post @as -Body (@{{ agent = $agent }} | ConvertTo-Json)).id
  (Invoke-RestMethod "$api/conversations/$chat/send_message/" -Method Post @as -Body '{{"content":"Hello!"}}').assistant_message.content

Ctrl-C ends it. For a server that keeps its data and asks real models: meggy serve
"#
    )
}
