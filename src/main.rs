//! The `meggy` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    meggy::cli::run()
}
