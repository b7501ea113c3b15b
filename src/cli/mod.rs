//! The command line.

mod accounts;
mod backup;
mod check;
mod demo;
mod health;
mod import_django;
mod serve;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Environment};
use crate::db::{self, Db, SchemaState};

/// What a command may fail with: a sentence for the terminal.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A multi-user AI chat backend in one binary.
///
/// Serves accounts, agents, conversations and messages over a JSON API, and answers with OpenAI, any OpenAI-compatible
/// server, or Ollama. Settings are environment variables, which may stand in a file `.env`; `.env.example` explains
/// each. Without any, data is kept in meggy.sqlite3 in the current folder.
#[derive(Parser)]
#[command(name = "meggy", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server (this is what happens without a command, too)
    Serve,
    /// Start a server to try: throw-away data, a built-in stand-in for a language model, an account ready to use
    ///
    /// Needs no key, no network and no database. Everything is deleted when it ends.
    Demo(demo::Options),
    /// Bring the database up to this version, then end
    ///
    /// The server does the same when it starts; this is for doing it beforehand.
    Migrate,
    /// Copy a SQLite database into a file, while the server may go on writing
    ///
    /// The copy is the database as it was at one moment, checked, and only its owner can read it. To restore it, put it in
    /// the database's place while no server runs.
    Backup(backup::Options),
    /// Bring in everything from the database of the Django backend that this program replaces
    ///
    /// Copies users with their passwords, agents, conversations and messages, and keeps their ids and times. Can be
    /// interrupted and repeated: what is here already is left as it is. A server may run meanwhile. Ends with status 0 if
    /// every row is here, with status 3 if some were left out, which are named, and with status 1 if it failed.
    #[command(name = "import-django")]
    ImportDjango(import_django::Options),
    /// Make an account that may do everything
    ///
    /// Asks for what is not given. The password is asked for on a terminal; elsewhere it is read from the variable
    /// MEGGY_SUPERUSER_PASSWORD or, without that, from standard input.
    #[command(name = "createsuperuser")]
    CreateSuperuser(accounts::NewSuperuser),
    /// Open or close an account, or give it a new password
    #[command(subcommand)]
    User(accounts::UserCommand),
    /// Say whether configuration, database and language models are in order
    ///
    /// Changes nothing. Ends with status 1 if something is wrong that would keep the server from starting or every
    /// model from answering.
    Check,
    /// Ask the server that runs here with these settings whether it is up
    ///
    /// Ends with status 1 if it is not. Meant for container health checks.
    Health,
}

/// An account's address, the argument of several commands.
#[derive(Args)]
struct Account {
    /// The account's e-mail address, in any letter case
    email: String,
}

/// Reads the arguments and runs the command they name.
pub fn run() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Serve);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let done = runtime.block_on(async {
        match command {
            Command::Serve => serve::run().await,
            Command::Demo(options) => demo::run(options).await,
            Command::Migrate => migrate().await,
            Command::Backup(options) => backup::run(options).await,
            Command::CreateSuperuser(options) => accounts::create_superuser(options).await,
            Command::User(command) => accounts::run(command).await,
            Command::Check => {
                let status = |is_well| if is_well { 0 } else { 1 };
                return check::run().await.map(status);
            }
            Command::ImportDjango(options) => {
                let status = |is_complete| if is_complete { 0 } else { 3 };
                return import_django::run(options).await.map(status);
            }
            Command::Health => health::run().await,
        }
        .map(|()| 0)
    });
    match done {
        Ok(status) => ExitCode::from(status),
        Err(error) => fail(&*error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// The settings of this process.
fn configuration() -> Result<Config, Failure> {
    let environment = Environment::load()?;
    Ok(Config::from_env(&|name| environment.get(name))?)
}

/// The database as it is.
async fn open(config: &Config) -> Result<Db, Failure> {
    let failed = |error| format!("the database cannot be opened: {error}. Check DATABASE_URL");
    Ok(db::connect(&config.database).await.map_err(failed)?)
}

/// The database, which a server of this version has used.
async fn open_current(config: &Config) -> Result<Db, Failure> {
    let db = open(config).await?;
    match db.schema_state().await? {
        SchemaState::Current => Ok(db),
        SchemaState::Behind(_) => {
            Err("this database is empty or of an older version. Check DATABASE_URL, or run `meggy migrate`".into())
        }
    }
}

/// The database, brought up to this version.
async fn open_migrated(config: &Config) -> Result<Db, Failure> {
    let db = open(config).await?;
    db.migrate().await?;
    Ok(db)
}

async fn migrate() -> Result<(), Failure> {
    let db = open_migrated(&configuration()?).await?;
    println!("The {} database is up to date.", db.kind());
    db.close().await;
    Ok(())
}
