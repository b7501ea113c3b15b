//! `migrate`, `createsuperuser`, `user …`, `check`, `serve`, and the help of each.

use std::collections::HashMap;

use super::World;
use crate::support::app::{PASSWORD, block_on};
use crate::support::program::{meggy, run, stderr, stdout};
use crate::support::{Database, Kind};

fn on_sqlite(test: impl AsyncFnOnce(World)) {
    block_on(async { test(World::new(Kind::Sqlite).await.unwrap()).await });
}

#[test]
fn every_command_explains_itself() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (
            &["--help"][..],
            &[
                "Usage: meggy",
                "serve",
                "demo",
                "migrate",
                "import-django",
                "createsuperuser",
                "user",
                "check",
                ".env.example",
            ][..],
        ),
        (&["serve", "--help"], &["Start the server"]),
        (&["demo", "--help"], &["--port", "Everything is deleted"]),
        (&["migrate", "--help"], &["database"]),
        (
            &["import-django", "--help"],
            &["--from", "--dry-run", "--report", "PGPASSWORD", "status 3"],
        ),
        (
            &["createsuperuser", "--help"],
            &["--email", "--name", "MEGGY_SUPERUSER_PASSWORD"],
        ),
        (
            &["user", "--help"],
            &["deactivate", "activate", "set-password"],
        ),
        (&["user", "deactivate", "--help"], &["<EMAIL>"]),
        (&["user", "activate", "--help"], &["<EMAIL>"]),
        (
            &["user", "set-password", "--help"],
            &["<EMAIL>", "standard input"],
        ),
        (&["check", "--help"], &["configuration", "status 1"]),
    ] {
        let mut command = meggy(folder.path(), &HashMap::new());
        command.args(arguments);
        let output = run(command, "");
        let text = stdout(&output);
        assert!(output.status.success(), "{arguments:?}");
        for word in words {
            assert!(
                text.contains(word),
                "{arguments:?} does not mention {word}: {text}"
            );
        }
    }
    // Help reads no settings and leaves nothing behind.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_unknown_command_is_refused() {
    on_sqlite(async |world| {
        let output = world.meggy(&["sevre"], &[], "");
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("serve"), "{}", stderr(&output));
    });
}

#[test]
fn bad_settings_are_told_before_anything_is_done() {
    on_sqlite(async |world| {
        let bad = [
            ("PORT", "http"),
            ("LOG_LEVEL", "LOUD"),
            ("DEFAULT_LLM_PROVIDER", "bard"),
            ("DEBUG", "False"),
            ("JWT_SECRET_KEY", "short"),
        ];
        for arguments in [
            &["serve"][..],
            &[],
            &["migrate"],
            &["user", "deactivate", "a@example.com"],
        ] {
            let complaint = world.fails(arguments, &bad, "");
            for name in [
                "PORT",
                "LOG_LEVEL",
                "DEFAULT_LLM_PROVIDER",
                "JWT_SECRET_KEY",
            ] {
                assert!(
                    complaint.contains(name),
                    "{arguments:?} does not name {name}: {complaint}"
                );
            }
            assert!(!complaint.contains("panicked"), "{complaint}");
        }
        let report = stdout(&world.meggy(&["check"], &bad, ""));
        assert!(
            report.contains("PORT") && report.contains("JWT_SECRET_KEY"),
            "{report}"
        );
        assert_eq!(
            std::fs::read_dir(world.database.folder.path())
                .unwrap()
                .count(),
            0
        );
    });
}

#[test]
fn a_file_of_settings_is_read_and_the_environment_wins() {
    on_sqlite(async |world| {
        std::fs::write(
            world.database.folder.path().join(".env"),
            "PORT=nonsense\nLOG_LEVEL=ERROR\n",
        )
        .unwrap();
        let complaint = world.fails(&["migrate"], &[], "");
        assert!(
            complaint.contains("PORT") && complaint.contains("nonsense"),
            "{complaint}"
        );
        let output = world.meggy(&["migrate"], &[("PORT", "8000")], "");
        assert!(output.status.success(), "{}", stderr(&output));
    });
}

#[test]
fn a_taken_port_is_told_as_that() {
    on_sqlite(async |world| {
        let running = world.serve();
        let port = running.base.rsplit(':').next().unwrap();
        let complaint = world.fails(&["serve"], &[("PORT", port)], "");
        assert!(
            complaint.contains(port) && complaint.contains("PORT"),
            "{complaint}"
        );
    });
}

#[test]
fn health_tells_whether_the_server_answers() {
    on_sqlite(async |world| {
        let server = world.serve();
        let port = server.base.rsplit(':').next().unwrap().to_owned();
        for hosts in ["localhost", ".example.com,chat.example.org", "*"] {
            let output = world.meggy(
                &["health"],
                &[("PORT", &port), ("ALLOWED_HOSTS", hosts)],
                "",
            );
            // The running server knows the hosts of its own settings, so only the first is one of them.
            assert_eq!(
                output.status.success(),
                hosts != ".example.com,chat.example.org",
                "{hosts}: {}",
                stderr(&output)
            );
        }
        drop(server);
        let complaint = world.fails(&["health"], &[("PORT", &port)], "");
        assert!(complaint.contains(&port), "{complaint}");
    });
}

#[test]
fn a_postgres_server_that_is_not_there_is_told_as_that() {
    on_sqlite(async |world| {
        let url = "postgres://u:pa55word@127.0.0.1:1/none";
        let complaint = world.fails(
            &["migrate"],
            &[
                ("DATABASE_URL", url),
                ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "2"),
            ],
            "",
        );
        assert!(
            complaint.contains("DATABASE_URL") && !complaint.contains("pa55word"),
            "{complaint}"
        );
    });
}

#[test]
fn a_fresh_database_is_migrated_on_request_and_checked() {
    block_on(async {
        for kind in [Kind::Sqlite, Kind::Postgres] {
            let Some(mut world) = World::new(kind).await else {
                return;
            };
            let Some(empty) = Database::empty(kind) else {
                return;
            };
            world
                .variables
                .insert("DATABASE_URL".to_owned(), empty.url.clone());
            let before = world.succeeds(&["check"], "");
            assert!(
                before.contains("at the next start") || before.contains("at the first start"),
                "{before}"
            );
            for _ in 0..2 {
                let said = world.succeeds(&["migrate"], "");
                assert!(
                    said.contains("up to date")
                        && said
                            .to_lowercase()
                            .contains(&format!("{kind:?}").to_lowercase()),
                    "{said}"
                );
            }
            let after = world.succeeds(&["check"], "");
            assert!(after.contains("schema is up to date"), "{after}");
            assert!(
                after.contains("gpt-4") && after.contains("llama3"),
                "the models are named: {after}"
            );
        }
    });
}

#[test]
fn a_check_fails_when_no_model_can_answer_or_the_database_cannot_be_used() {
    on_sqlite(async |world| {
        let nobody = crate::support::model_server::nobody().await;
        let unreachable = [("OPENAI_BASE_URL", &*nobody), ("OLLAMA_BASE_URL", &*nobody)];
        let output = world.meggy(&["check"], &unreachable, "");
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stdout(&output).contains("No language model can answer"),
            "{}",
            stdout(&output)
        );
        // One of the two is enough.
        assert!(
            world
                .meggy(&["check"], &unreachable[..1], "")
                .status
                .success()
        );
        assert_eq!(
            std::fs::read_dir(world.database.folder.path())
                .unwrap()
                .count(),
            0,
            "a check changes nothing"
        );

        std::fs::write(
            world.database.file(),
            "this is no database, but it is long enough to be looked at as one",
        )
        .unwrap();
        let output = world.meggy(&["check"], &[], "");
        assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
        assert!(
            stdout(&output).contains("database       WRONG"),
            "{}",
            stdout(&output)
        );
    });
}

#[test]
fn a_superuser_is_made_from_flags_and_a_password() {
    on_sqlite(async |world| {
        let flags = [
            "createsuperuser",
            "--email",
            "Root@Example.com",
            "--name",
            "Root",
        ];
        world.succeeds(&flags, "pass word 1 \r\n");
        let server = world.serve();
        let session = server
            .stranger()
            .login("root@example.com", "pass word 1 ")
            .await
            .expect(200);
        assert_eq!(session["user"]["email"], "Root@example.com");

        let other = [
            "createsuperuser",
            "--email",
            "two@example.com",
            "--name",
            "Two",
        ];
        let output = world.meggy(
            &other,
            &[("MEGGY_SUPERUSER_PASSWORD", "from the variable")],
            "",
        );
        assert!(output.status.success(), "{}", stderr(&output));
        server
            .stranger()
            .login("two@example.com", "from the variable")
            .await
            .expect(200);

        let taken = world.fails(&flags, &[], "pass word 2");
        assert!(taken.contains("already exists"), "{taken}");
        let bad = world.fails(
            &["createsuperuser", "--email", "nonsense", "--name", " "],
            &[],
            "short",
        );
        for word in ["email:", "name:", "password:"] {
            assert!(bad.contains(word), "{bad}");
        }
        let missing = world.fails(&["createsuperuser", "--name", "X"], &[], "");
        assert!(missing.contains("--email"), "{missing}");
    });
}

#[test]
fn accounts_are_closed_opened_and_given_passwords_while_the_server_runs() {
    block_on(async {
        for kind in [Kind::Sqlite, Kind::Postgres] {
            let Some(world) = World::new(kind).await else {
                return;
            };
            let server = world.serve();
            let ann = server
                .stranger()
                .register("ann@example.com", "Ann", PASSWORD)
                .await;
            world.succeeds(&["user", "deactivate", "ANN@example.com"], "");
            ann.get("/api/users/me/").await.expect(401);
            world.succeeds(&["user", "activate", "ann@example.com"], "");
            // What was issued before is not good again.
            ann.get("/api/users/me/").await.expect(401);
            let login = server.stranger().login("ann@example.com", PASSWORD).await;
            let token = login.expect(200)["access_token"]
                .as_str()
                .unwrap()
                .to_owned();
            let ann = server.stranger().with_token(&token);
            ann.get("/api/users/me/").await.expect(200);
            world.succeeds(&["user", "set-password", "ann@example.com"], "a new one\n");
            server
                .stranger()
                .login("ann@example.com", PASSWORD)
                .await
                .expect(401);
            server
                .stranger()
                .login("ann@example.com", "a new one")
                .await
                .expect(200);

            let short = world.fails(&["user", "set-password", "ann@example.com"], &[], "short\n");
            assert!(short.contains("at least 8"), "{short}");
            for command in ["deactivate", "activate", "set-password"] {
                let unknown =
                    world.fails(&["user", command, "bob@example.com"], &[], "long enough\n");
                assert!(unknown.contains("bob@example.com"), "{unknown}");
            }
        }
    });
}
