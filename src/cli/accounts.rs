//! `meggy createsuperuser` and `meggy user …`.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::{Account, Failure, configuration, open_current, open_migrated};
use crate::auth::{PASSWORD, Passwords};
use crate::error::Error;
use crate::http::fields::{EMAIL, Form};
use crate::users::{self, NAME, NewUser};

const PASSWORD_VARIABLE: &str = "MEGGY_SUPERUSER_PASSWORD";

/// Options of `meggy createsuperuser`.
#[derive(Args)]
pub struct NewSuperuser {
    /// The account's e-mail address
    #[arg(long)]
    email: Option<String>,
    /// What to call its owner
    #[arg(long)]
    name: Option<String>,
}

/// What can be done to an account.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Close an account: its tokens end at once and for good, its data stays
    Deactivate(Account),
    /// Open a closed account again
    Activate(Account),
    /// Give an account a new password, asked for on a terminal, else read from standard input; its tokens stop working
    SetPassword(Account),
}

pub async fn create_superuser(options: NewSuperuser) -> Result<(), Failure> {
    let config = configuration()?;
    let email = options.email.map_or_else(|| ask("E-mail"), Ok)?;
    let name = options.name.map_or_else(|| ask("Name"), Ok)?;
    let password = match std::env::var(PASSWORD_VARIABLE) {
        Ok(password) => SecretString::from(password),
        Err(_) => ask_password()?,
    };
    let fields = [
        ("email", email),
        ("name", name),
        ("password", password.expose_secret().to_owned()),
    ];
    let fields: Map<_, _> = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::String(value)))
        .collect();
    let mut form = Form::new(fields);
    let email = form
        .required("email", &EMAIL)
        .map(|email| users::normalize_email(&email));
    let name = form.required("name", &NAME);
    let password = form.required("password", &PASSWORD).map(SecretString::from);
    let ((email, name), password) = form
        .complete(email.zip(name).zip(password))
        .map_err(in_words)?;

    let db = open_migrated(&config).await?;
    let password = Passwords::new(&config.auth)?
        .hash(password)
        .await
        .map_err(in_words)?;
    let user = NewUser {
        is_staff: true,
        is_superuser: true,
        ..NewUser::member(email, name, password)
    };
    let user = users::repository::create(&db, user)
        .await
        .map_err(in_words)?;
    println!("{} is now a superuser.", user.email);
    db.close().await;
    Ok(())
}

pub async fn run(command: UserCommand) -> Result<(), Failure> {
    let config = configuration()?;
    let db = open_current(&config).await?;
    let (email, found, done) = match command {
        UserCommand::Deactivate(Account { email }) => {
            let found = users::repository::set_active(&db, &email, false).await?;
            (email, found, "closed")
        }
        UserCommand::Activate(Account { email }) => {
            let found = users::repository::set_active(&db, &email, true).await?;
            (email, found, "open")
        }
        UserCommand::SetPassword(Account { email }) => {
            let password = ask_password()?;
            let mut form = Form::new(Map::from_iter([(
                "password".to_owned(),
                password.expose_secret().into(),
            )]));
            let password = form.required("password", &PASSWORD).map(SecretString::from);
            let password = form.complete(password).map_err(in_words)?;
            let hash = Passwords::new(&config.auth)?
                .hash(password)
                .await
                .map_err(in_words)?;
            let found = users::repository::set_password(&db, &email, &hash).await?;
            (email, found, "given its new password")
        }
    };
    db.close().await;
    if !found {
        return Err(format!("there is no account with the address {email}").into());
    }
    println!("The account {email} is {done}.");
    Ok(())
}

/// The messages of field errors, one a line.
fn in_words(error: Error) -> Failure {
    match error {
        Error::Invalid(fields) => {
            let lines: Vec<_> = fields
                .into_iter()
                .map(|(name, messages)| format!("{name}: {}", messages.join(" ")))
                .collect();
            lines.join("\n       ").into()
        }
        Error::Internal(cause) => cause,
        other => format!("{other:?}").into(),
    }
}

fn ask(what: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(format!(
            "there is no terminal to ask on; give --{}",
            what.replace('-', "").to_lowercase()
        )
        .into());
    }
    print!("{what}: ");
    io::stdout().flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// From the terminal, twice and unseen; else the first line of standard input.
fn ask_password() -> Result<SecretString, Failure> {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).into());
    }
    let password = SecretString::from(rpassword::prompt_password("Password: ")?);
    let again = SecretString::from(rpassword::prompt_password("Password (again): ")?);
    if password.expose_secret() == again.expose_secret() {
        Ok(password)
    } else {
        Err("the two passwords are not the same".into())
    }
}
