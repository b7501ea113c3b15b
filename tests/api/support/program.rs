//! The program itself, as a process.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Client, PATIENCE};

/// How long a server may take to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// The program with nothing but these variables.
pub fn meggy(folder: &Path, variables: &HashMap<String, String>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meggy"));
    command
        .env_clear()
        .envs(variables)
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end, with this on its standard input.
pub fn run(mut command: Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("meggy");
    // A program that asks for nothing may have ended before it could be told.
    let _ = child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes());
    child.wait_with_output().expect("an end")
}

/// What a process wrote to its standard output.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// What a process wrote to its standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A server as a process. Ended when dropped.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    pub base: String,
    /// All that it wrote up to its address.
    pub greeting: String,
}

impl Running {
    /// Starts `meggy serve` on a free port, and waits until it listens.
    pub fn serve(folder: &Path, variables: &HashMap<String, String>) -> Self {
        let mut command = meggy(folder, variables);
        command
            .arg("serve")
            .env("PORT", "0")
            .env("LOG_LEVEL", "INFO")
            .env("DEBUG", "True");
        Self::start(command, "listening on ")
    }

    /// Starts a command, and waits until it has written its address after `mark`.
    pub fn start(mut command: Command, mark: &str) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("meggy");
        let (sender, lines) = mpsc::channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("a pipe")),
            Box::new(child.stderr.take().expect("a pipe")),
        ];
        for stream in streams {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        let mut running = Self {
            child,
            lines,
            base: String::new(),
            greeting: String::new(),
        };
        while running.base.is_empty() {
            let line = running
                .lines
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("no address: {}", running.greeting));
            if let Some((_, rest)) = line.split_once(mark) {
                running.base = rest.split([' ', ',']).next().unwrap_or_default().to_owned();
            }
            running.greeting += &line;
            running.greeting.push('\n');
        }
        running
    }

    /// All that it has written since.
    pub fn more(&self) -> String {
        self.lines.try_iter().map(|line| line + "\n").collect()
    }

    /// The next lines, up to one that contains `mark`.
    pub fn up_to(&self, mark: &str) -> String {
        let mut text = String::new();
        while !text.contains(mark) {
            text += &self
                .lines
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("no `{mark}`: {text}"));
            text.push('\n');
        }
        text
    }

    /// Asks the process to end.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a running process");
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("an end")
    }

    pub fn stranger(&self) -> Client {
        Client::stranger(&self.base)
    }
}

impl Drop for Running {
    /// Lets it take away what it made for itself, but does not wait for long.
    fn drop(&mut self) {
        let deadline = Instant::now() + GRACE;
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() < deadline {
                self.signal(Signal::TERM);
                thread::sleep(Duration::from_millis(20));
            } else {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
    }
}
