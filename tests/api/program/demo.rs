//! `meggy demo`, the first thing that anybody tries.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::app::block_on;
use crate::support::program::{Running, meggy};

/// A demo in an empty folder, and all that it said.
fn demo(variables: &[(&str, &str)]) -> (tempfile::TempDir, Running, String) {
    let folder = tempfile::tempdir().unwrap();
    let variables: HashMap<_, _> = variables
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut command = meggy(folder.path(), &variables);
    command.args(["demo", "--port", "0"]);
    let running = Running::start(command, "in demo mode at ");
    let said = running.greeting.clone() + &running.up_to("Ctrl-C");
    (folder, running, said)
}

/// The lines between the one that ends with `mark` and the next one that is not indented.
fn block(said: &str, start: &str, end: &str) -> String {
    let (_, rest) = said.split_once(start).expect(start);
    let (block, _) = rest.split_once(end).expect(end);
    block
        .split_once('\n')
        .expect("a line")
        .1
        .lines()
        .map(|line| line.trim_start().to_owned() + "\n")
        .collect()
}

#[test]
fn the_demo_says_what_runs_where_and_who_may_enter() {
    block_on(async {
        let (folder, running, said) = demo(&[]);
        let word_after = |label: &str| {
            let (_, rest) = said
                .split_once(label)
                .unwrap_or_else(|| panic!("no {label}: {said}"));
            rest.split_whitespace().next().unwrap().to_owned()
        };
        let (email, password) = (word_after("account "), word_after("password "));
        let session = running
            .stranger()
            .login(&email, &password)
            .await
            .expect(200);
        let visitor = running
            .stranger()
            .with_token(session["access_token"].as_str().unwrap());
        let conversation = visitor.conversation().await;
        let turn = visitor
            .say(&conversation, "Are you real?")
            .await
            .expect(200);
        let answer = turn["assistant_message"]["content"].as_str().unwrap();
        assert!(
            answer.contains("demo") && answer.contains("Are you real?"),
            "{answer}"
        );
        assert_eq!(turn["assistant_message"]["model"], "demo");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "nothing is left where it was started"
        );
    });
}

#[test]
fn the_demos_commands_can_be_pasted() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("there is no curl to paste commands for");
        return;
    }
    let (_folder, _running, said) = demo(&[]);
    let script = block(&said, "with curl", "or with PowerShell");
    let output = Command::new("sh")
        .args(["-e", "-c", &script])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let turn: Value =
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{script}\n{output:?}"));
    assert_eq!(turn["user_message"]["content"], "Hello!");
    assert!(
        turn["assistant_message"]["content"]
            .as_str()
            .unwrap()
            .contains("demo"),
        "{turn}"
    );
}

#[test]
fn the_demos_data_is_gone_afterwards() {
    for signal in [Signal::INT, Signal::TERM] {
        let (_folder, mut running, said) = demo(&[]);
        let data = said
            .lines()
            .find_map(|line| line.trim_start().strip_prefix("data"))
            .expect("a line about data");
        let data = data
            .split_whitespace()
            .map(PathBuf::from)
            .find(|word| word.is_absolute())
            .expect("a folder");
        assert!(data.join("demo.sqlite3").exists(), "{}", data.display());
        running.signal(signal);
        let end = running.wait();
        assert!(end.success(), "{signal:?}: {end}: {}", running.more());
        assert!(!data.exists(), "{} is still there", data.display());
    }
}

#[test]
fn the_demo_does_not_mind_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("real.sqlite3").display());
    let (_folder, running, _) = demo(&[
        ("DATABASE_URL", &url),
        ("DEBUG", "False"),
        ("PORT", "nonsense"),
        ("ALLOWED_HOSTS", "x.example.com"),
    ]);
    block_on(async { drop(running.stranger().get("/api/health/").await.expect(200)) });
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "real data was touched"
    );
}
