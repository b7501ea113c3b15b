//! Settings: what they are by default, what is wrong with them, and the secret that is made when there is none.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use meggy::config::{Config, ConfigError, DatabaseUrl, MediaConfig, SslRedirect};
use meggy::llm::ProviderName;
use secrecy::ExposeSecret;

use crate::support::SECRET;

/// Reads settings from pairs.
fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let value = |name: &str| {
        variables
            .iter()
            .rev()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    Config::from_env(&value)
}

/// Reads good settings, with a secret that need not be made.
fn good(variables: &[(&str, &str)]) -> Config {
    let secret = ("JWT_SECRET_KEY", SECRET);
    read(&[&[secret], variables].concat()).unwrap_or_else(|error| panic!("{error}"))
}

/// The problems of bad settings as text, which names the variable.
fn problems(variables: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let error = read(variables).expect_err("something is wrong");
    let whole = error.to_string();
    error
        .0
        .into_iter()
        .map(|problem| (problem.name, problem.to_string()))
        .inspect(|(_, text)| assert!(whole.contains(text)))
        .collect()
}

#[test]
fn without_settings_it_is_development_on_this_machine() {
    let config = good(&[]);
    assert!(config.server.debug);
    assert_eq!(
        (config.server.host.to_string().as_str(), config.server.port),
        ("127.0.0.1", 8000)
    );
    assert_eq!(
        config.server.cors_allowed_origins,
        ["http://localhost:3000"]
    );
    assert_eq!(config.server.ssl_redirect, SslRedirect::Never);
    assert!(
        matches!(&config.database.url, DatabaseUrl::Sqlite(file) if file == Path::new("meggy.sqlite3"))
    );
    assert_eq!(
        config.auth.access_token_lifetime,
        Duration::from_secs(60 * 60)
    );
    assert_eq!(
        config.auth.refresh_token_lifetime,
        Duration::from_secs(7 * 24 * 60 * 60)
    );
    // The least that OWASP recommends for Argon2id.
    assert!(config.auth.argon2_memory >= 19 * 1024 && config.auth.argon2_iterations >= 2);
    assert_eq!(
        (config.agents.provider, config.agents.model.as_str()),
        (ProviderName::OpenAi, "gpt-4")
    );
}

#[test]
fn blank_values_count_as_absent() {
    let names = Config::variables();
    let blank: Vec<(&str, &str)> = names
        .iter()
        .map(|&name| {
            (
                name,
                if name == "JWT_SECRET_KEY" {
                    SECRET
                } else {
                    "  "
                },
            )
        })
        .collect();
    assert_eq!(
        format!("{:?}", read(&blank).unwrap()),
        format!("{:?}", good(&[]))
    );
}

#[test]
fn all_mistakes_are_told_at_once_with_an_example_each() {
    let bad = [
        ("DEBUG", "maybe"),
        ("HOST", "localhost"),
        ("PORT", "80000"),
        ("CORS_ALLOWED_ORIGINS", "https://a.example.com/path"),
        ("TRUSTED_PROXIES", "proxy"),
        ("SECURE_SSL_REDIRECT", "perhaps"),
        ("MAX_BODY_BYTES", "-1"),
        ("MAX_CONNECTIONS", "0"),
        ("SHUTDOWN_GRACE_SECONDS", "a while"),
        ("LOG_LEVEL", "LOUD"),
        ("DATABASE_URL", "mysql://root@localhost/chat"),
        ("DATABASE_MAX_CONNECTIONS", "0"),
        ("SQLITE_READERS", "none"),
        ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "0"),
        ("SQLITE_BUSY_TIMEOUT_SECONDS", "1.5"),
        ("DB_PORT", "port"),
        ("AWS_S3_ENDPOINT_URL", "minio:9000"),
        ("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", "0"),
        ("JWT_REFRESH_TOKEN_EXPIRE_DAYS", "week"),
        ("ARGON2_MEMORY_KIB", "1"),
        ("ARGON2_ITERATIONS", "0"),
        ("ARGON2_PARALLELISM", "0"),
        ("PASSWORD_HASH_CONCURRENCY", "0"),
        ("LOGIN_FAILURES_PER_ADDRESS_PER_HOUR", "-5"),
        ("LOGIN_FAILURES_PER_ACCOUNT_PER_HOUR", "many"),
        ("REGISTRATIONS_PER_ADDRESS_PER_HOUR", "2.5"),
        ("REQUESTS_PER_USER_PER_MINUTE", "1000001"),
        ("OPENAI_BASE_URL", "model.example.com:1234"),
        ("OLLAMA_BASE_URL", "ftp://localhost"),
        ("OLLAMA_CONTEXT_LENGTH", "1"),
        ("DEFAULT_LLM_PROVIDER", "bard"),
        ("LLM_CONNECT_TIMEOUT_SECONDS", "0"),
        ("LLM_FIRST_TOKEN_TIMEOUT_SECONDS", "soon"),
        ("LLM_IDLE_TIMEOUT_SECONDS", "-3"),
        ("LLM_MAX_RETRIES", "99"),
        ("LLM_MAX_RETRY_AFTER_SECONDS", "x"),
        ("LLM_MAX_ANSWER_BYTES", "1"),
    ];
    let told = problems(&[&[("JWT_SECRET_KEY", SECRET)], &bad[..]].concat());
    let expected: BTreeSet<&str> = bad.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        told.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(),
        expected
    );
    assert_eq!(told.len(), bad.len(), "{told:?}");
    for (name, text) in &told {
        let value = bad.iter().find(|(bad, _)| bad == name).unwrap().1;
        assert!(text.starts_with(name), "{text}");
        // An address may hold a password.
        assert_eq!(
            text.contains(value),
            !name.ends_with("_URL"),
            "{name}, `{value}`: {text}"
        );
        assert!(
            ["for example", "none of", "neither"]
                .iter()
                .any(|words| text.contains(words)),
            "{name} gives no example: {text}"
        );
    }
}

#[test]
fn a_secret_is_never_shown() {
    let config = good(&[
        ("OPENAI_API_KEY", "sk-very-secret"),
        ("AWS_STORAGE_BUCKET_NAME", "meggy"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "s3-very-secret"),
        ("DATABASE_URL", "postgres://u:pa55word@h/d"),
    ]);
    let shown = format!("{config:?}");
    for secret in [SECRET, "sk-very-secret", "pa55word", "s3-very-secret"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let told = problems(&[
        ("JWT_SECRET_KEY", "short but secret"),
        ("DEBUG", "False"),
        ("DATABASE_URL", "http://u:pa55word@h"),
    ]);
    assert!(
        !format!("{told:?}").contains("short but secret")
            && !format!("{told:?}").contains("pa55word"),
        "{told:?}"
    );
}

#[test]
fn the_originals_database_variables_mean_postgres() {
    let parts = [
        ("DB_NAME", "chat"),
        ("DB_USER", "ann"),
        ("DB_PASSWORD", "pw"),
        ("DB_HOST", "db"),
        ("DB_PORT", "5433"),
    ];
    let DatabaseUrl::Postgres(options) = good(&parts).database.url else {
        panic!("not Postgres")
    };
    assert_eq!((options.get_host(), options.get_port()), ("db", 5433));
    assert_eq!(
        (options.get_database(), options.get_username()),
        (Some("chat"), "ann")
    );
    let DatabaseUrl::Postgres(options) = good(&[("DB_NAME", "chat")]).database.url else {
        panic!("not Postgres")
    };
    assert_eq!(
        (options.get_host(), options.get_port()),
        ("localhost", 5432)
    );
    let both = good(
        &[
            &parts[..],
            &[("DATABASE_URL", "sqlite:///var/lib/meggy.db")],
        ]
        .concat(),
    );
    assert!(
        matches!(&both.database.url, DatabaseUrl::Sqlite(file) if file == Path::new("/var/lib/meggy.db"))
    );
    let url = good(&[("DATABASE_URL", "postgresql://bob@pg.example.com:1/x")])
        .database
        .url;
    assert!(
        matches!(url, DatabaseUrl::Postgres(options) if options.get_host() == "pg.example.com")
    );
}

#[test]
fn flags_and_lists_are_read_as_django_projects_write_them() {
    for (text, value) in [
        ("True", true),
        ("1", true),
        ("yes", true),
        ("on", true),
        ("False", false),
        ("0", false),
        ("no", false),
    ] {
        assert_eq!(good(&[("DEBUG", text)]).server.debug, value, "{text}");
    }
    let hosts = good(&[("ALLOWED_HOSTS", " a.example.com ,, .b.example.com")])
        .server
        .allowed_hosts;
    assert_eq!(hosts, ["a.example.com", ".b.example.com"]);
    for level in ["DEBUG", "info", "WARNING", "ERROR", "CRITICAL"] {
        good(&[("LOG_LEVEL", level)]);
    }
    let production = good(&[("DEBUG", "False")]);
    assert_eq!(production.server.ssl_redirect, SslRedirect::BehindProxy);
}

#[test]
fn production_wants_a_secret_of_32_bytes() {
    for variables in [
        &[][..],
        &[("JWT_SECRET_KEY", "0123456789012345678901234567890")],
        &[("SECRET_KEY", "short")],
        &[("SECRET_KEY", SECRET), ("JWT_SECRET_KEY", "short")],
    ] {
        let told = problems(&[&[("DEBUG", "False")], variables].concat());
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].0.ends_with("SECRET_KEY") && told[0].1.contains("for example"),
            "{told:?}"
        );
    }
    for (name, other) in [
        ("SECRET_KEY", "JWT_SECRET_KEY"),
        ("JWT_SECRET_KEY", "SECRET_KEY"),
    ] {
        let config = read(&[("DEBUG", "False"), (name, SECRET), (other, "")]).unwrap();
        assert_eq!(
            config.auth.jwt_secret.resolve().unwrap().expose_secret(),
            SECRET
        );
    }
    // The one for tokens wins, as in the original.
    let both = read(&[
        ("DEBUG", "False"),
        ("SECRET_KEY", &"x".repeat(32)),
        ("JWT_SECRET_KEY", SECRET),
    ])
    .unwrap();
    assert_eq!(
        both.auth.jwt_secret.resolve().unwrap().expose_secret(),
        SECRET
    );
}

#[test]
fn development_makes_a_secret_once_and_keeps_it_beside_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite:{}",
        folder.path().join("data/chat.sqlite3").display()
    );
    let secret = || {
        read(&[("DATABASE_URL", &url)])
            .unwrap()
            .auth
            .jwt_secret
            .resolve()
            .unwrap()
            .expose_secret()
            .to_owned()
    };
    let made = secret();
    assert!(made.len() >= 32);
    assert_eq!(secret(), made);
    let files: Vec<_> = fs::read_dir(folder.path().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(fs::read_to_string(&files[0]).unwrap().trim(), made);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let other = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", other.path().join("chat.sqlite3").display());
    assert_ne!(
        read(&[("DATABASE_URL", &url)])
            .unwrap()
            .auth
            .jwt_secret
            .resolve()
            .unwrap()
            .expose_secret(),
        made
    );
}

#[test]
fn servers_that_start_at_once_agree_on_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("chat.sqlite3").display());
    let secrets: BTreeSet<String> = std::thread::scope(|scope| {
        let start = || {
            read(&[("DATABASE_URL", &url)])
                .unwrap()
                .auth
                .jwt_secret
                .resolve()
                .unwrap()
                .expose_secret()
                .to_owned()
        };
        let starting: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        starting
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(secrets.len(), 1);
}

#[test]
fn a_bucket_takes_the_place_of_the_folder_and_half_a_key_opens_nothing() {
    let url = ("DATABASE_URL", "sqlite:data/chat.sqlite3");
    let folder = |settings: &[(&str, &str)]| match good(settings).media {
        MediaConfig::Folder(folder) => Some(folder),
        MediaConfig::Bucket(_) => None,
    };
    assert_eq!(folder(&[url]).as_deref(), Some(Path::new("data/media")));
    let set = [url, ("MEDIA_ROOT", "/var/media")];
    assert_eq!(folder(&set).as_deref(), Some(Path::new("/var/media")));
    let bucket = ("AWS_STORAGE_BUCKET_NAME", "meggy");
    assert_eq!(folder(&[url, bucket]), None);
    for (given, missing) in [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    ] {
        let told = problems(&[("JWT_SECRET_KEY", SECRET), bucket, (given, "x")]);
        assert_eq!((told.len(), told[0].0), (1, missing), "{told:?}");
    }
}

#[test]
fn metrics_are_shown_where_it_is_said_and_guarded_well() {
    let none = good(&[("METRICS_HOST", "0.0.0.0")]).telemetry;
    assert!(none.metrics_address.is_none() && none.metrics_token.is_none());
    let metrics = good(&[("METRICS_PORT", "9464")]).telemetry;
    assert_eq!(metrics.metrics_address, Some(([127, 0, 0, 1], 9464).into()));
    let wrong = problems(&[
        ("METRICS_HOST", "metrics.example.com"),
        ("METRICS_PORT", "65536"),
        ("METRICS_TOKEN", "fifteen-letters"),
    ]);
    let names: Vec<_> = wrong.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["METRICS_HOST", "METRICS_PORT", "METRICS_TOKEN"]);
    assert!(!wrong[2].1.contains("fifteen"), "{}", wrong[2].1);
    let with_space = [("METRICS_TOKEN", "a long token with spaces")];
    assert_eq!(problems(&with_space).len(), 1);
}

#[test]
fn traces_need_a_program_that_can_send_them() {
    let endpoint = |url| ("OTEL_EXPORTER_OTLP_ENDPOINT", url);
    assert!(
        good(&[("OTEL_SERVICE_NAME", "chat")])
            .telemetry
            .traces
            .is_none()
    );
    if cfg!(feature = "otlp") {
        let traces = good(&[endpoint("http://localhost:4318/")]).telemetry.traces;
        let traces = traces.expect("traces");
        assert_eq!(traces.url, "http://localhost:4318/v1/traces");
        assert_eq!(traces.service, "meggy");
        assert_eq!(problems(&[endpoint("localhost:4318")]).len(), 1);
    } else {
        let wrong = problems(&[endpoint("http://localhost:4318")]);
        assert!(wrong[0].1.contains("built without"), "{}", wrong[0].1);
    }
}

/// The variables that `.env.example` sets, commented out or not, with their values.
fn example() -> Vec<(String, String)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(".env.example");
    let text = fs::read_to_string(file).expect(".env.example");
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let setting = |line: &str| {
        let (name, value) = line.trim_start_matches('#').trim_start().split_once('=')?;
        is_name(name).then(|| (name.to_owned(), value.trim().trim_matches('"').to_owned()))
    };
    text.lines().filter_map(setting).collect()
}

#[test]
fn the_example_holds_exactly_the_variables_that_are_read() {
    let example = example();
    let names: BTreeSet<&str> = example.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, Config::variables().into_iter().collect());
    assert_eq!(names.len(), example.len(), "a variable stands there twice");
}

#[test]
fn the_values_of_the_example_are_good_ones() {
    for (name, value) in example() {
        let settings = [("JWT_SECRET_KEY", SECRET), (&*name, &*value)];
        read(&settings).unwrap_or_else(|error| panic!("{name}={value}: {error}"));
    }
}
