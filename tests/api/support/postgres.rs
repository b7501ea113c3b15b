//! A Postgres server for the tests: the one that `TEST_DATABASE_URL` leads to, else one of our own, made of whatever
//! binaries are installed (see `tests/postgres.sh`), that ends with this process however that ends.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

/// A server on which databases can be made.
pub struct Server {
    admin: PgConnectOptions,
    address: Address,
    template: String,
    _cluster: Option<Child>,
}

enum Address {
    /// The folder of its socket.
    Socket(String),
    /// An address up to the database's name, and the parameters after it.
    Url(String, String),
}

/// The server, if there is one. With `REQUIRE_POSTGRES=1` there must be, and a `TEST_DATABASE_URL` must lead to it.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let server = Server::start();
        if let Err(problem) = &server {
            // Not by a macro, whose output is swallowed when a test succeeds.
            let _ = writeln!(
                std::io::stderr(),
                "\n*** THE POSTGRES HALF OF THE TESTS IS SKIPPED: {problem} ***\n"
            );
        }
        server
    });
    let is_required = std::env::var("REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
    match server {
        Ok(server) => Some(server),
        Err(problem) if is_required || std::env::var_os("TEST_DATABASE_URL").is_some() => {
            panic!("there must be a Postgres to test with: {problem}")
        }
        Err(_) => None,
    }
}

impl Server {
    fn start() -> Result<Self, String> {
        let mut server = match std::env::var("TEST_DATABASE_URL") {
            Ok(url) => Self::at(&url)?,
            Err(_) => Self::own()?,
        };
        server.template = server.make_template()?;
        Ok(server)
    }

    fn at(url: &str) -> Result<Self, String> {
        let admin = url
            .parse()
            .map_err(|error| format!("TEST_DATABASE_URL cannot be read: {error}"))?;
        let (start, rest) = url.split_at(url.find("://").map_or(0, |at| at + 3));
        let (authority, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let parameters = rest
            .split_once('?')
            .map_or_else(String::new, |(_, parameters)| format!("?{parameters}"));
        let address = Address::Url(format!("{start}{authority}"), parameters);
        Ok(Self {
            admin,
            address,
            template: String::new(),
            _cluster: None,
        })
    }

    fn own() -> Result<Self, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres.sh");
        let mut cluster = Command::new("sh")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("there is no shell to start Postgres: {error}"))?;
        let mut folder = String::new();
        let said = BufReader::new(cluster.stdout.take().expect("a pipe")).read_line(&mut folder);
        let folder = folder.trim().to_owned();
        if said.is_err() || folder.is_empty() {
            return Err("there is neither a TEST_DATABASE_URL nor an installed Postgres that can be started".to_owned());
        }
        let admin = PgConnectOptions::new_without_pgpass()
            .socket(&folder)
            .username("meggy")
            .database("postgres");
        Ok(Self {
            admin,
            address: Address::Socket(folder),
            template: String::new(),
            _cluster: Some(cluster),
        })
    }

    /// The address of a database as a setting of the program.
    pub fn url(&self, database: &str) -> String {
        match &self.address {
            Address::Socket(folder) => {
                format!("postgres://meggy@localhost/{database}?host={folder}")
            }
            Address::Url(start, parameters) => format!("{start}/{database}{parameters}"),
        }
    }

    /// Makes an empty database, or one with the program's schema.
    pub fn create(&self, database: &str, migrated: bool) {
        let template = if migrated {
            &self.template
        } else {
            "template0"
        };
        self.execute(&[&format!("CREATE DATABASE {database} TEMPLATE {template}")])
            .expect("a new database");
    }

    pub fn drop(&self, database: &str) -> Result<(), String> {
        self.execute(&[&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")])
    }

    /// The database that others are copied from. Its name says which schema it has, so it can stay where it is.
    fn make_template(&self) -> Result<String, String> {
        let name = format!("meggy_test_template_{}", schema_fingerprint());
        let draft = format!("meggy_test_draft_{}", std::process::id());
        let url = self.url(&draft);
        self.execute(&[
            &format!("DROP DATABASE IF EXISTS {draft}"),
            &format!("CREATE DATABASE {draft} TEMPLATE template0"),
        ])?;
        aside(async move {
            let db = meggy::db::connect(&super::database::settings(&url))
                .await
                .map_err(|error| error.to_string())?;
            db.migrate().await.map_err(|error| error.to_string())?;
            db.close().await;
            Ok::<_, String>(())
        })?;
        // It is there already if this server was used before, or is being used by another run.
        if self
            .execute(&[&format!("ALTER DATABASE {draft} RENAME TO {name}")])
            .is_err()
        {
            self.drop(&draft)?;
        }
        Ok(name)
    }

    fn execute(&self, statements: &[&str]) -> Result<(), String> {
        let admin = self.admin.clone().disable_statement_logging();
        let statements: Vec<String> = statements
            .iter()
            .map(|&statement| statement.to_owned())
            .collect();
        aside(async move {
            let mut connection = PgConnection::connect_with(&admin).await?;
            for statement in statements {
                connection.execute(AssertSqlSafe(statement)).await?;
            }
            connection.close().await
        })
        .map_err(|error: sqlx::Error| format!("Postgres does not do what the tests need: {error}"))
    }
}

/// Runs something to its end, also where a runtime is at work already.
pub fn aside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    };
    std::thread::spawn(move || runtime().block_on(work))
        .join()
        .expect("no panic")
}

fn schema_fingerprint() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("migrations")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(std::fs::read(file).expect("a migration"));
    }
    hash.finalize()[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
