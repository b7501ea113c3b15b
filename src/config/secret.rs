//! The secret that signs tokens.

use std::io;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use uuid::Uuid;

use super::DatabaseConfig;
use super::env::Reader;

/// An HMAC-SHA256 key shorter than the hash weakens it (RFC 7518, 3.2).
const MIN_BYTES: usize = 32;

/// The secret that signs tokens, or where it is kept.
#[derive(Clone, Debug)]
pub enum JwtSecret {
    /// It was set.
    Given(SecretString),
    /// It was not set, which only development allows: it is made once and kept in this file.
    KeptIn(PathBuf),
}

impl JwtSecret {
    /// `JWT_SECRET_KEY`, else `SECRET_KEY`, as in the original. In production it must be there and long enough.
    pub(super) fn read(reader: &mut Reader<'_>, debug: bool, database: &DatabaseConfig) -> Self {
        let jwt = reader
            .text("JWT_SECRET_KEY")
            .map(|value| ("JWT_SECRET_KEY", value));
        let general = reader.text("SECRET_KEY").map(|value| ("SECRET_KEY", value));
        match jwt.or(general) {
            Some((name, value)) => {
                if value.len() < MIN_BYTES && !debug {
                    reader.reject(
                        name,
                        format!(
                            "is {} bytes long, and at least {MIN_BYTES} are needed. {HOW}",
                            value.len()
                        ),
                    );
                }
                Self::Given(value.into())
            }
            None => {
                if !debug {
                    reader.reject(
                        "JWT_SECRET_KEY",
                        format!("is not set (nor is SECRET_KEY). {HOW}"),
                    );
                }
                Self::KeptIn(database.folder().join(".meggy-secret"))
            }
        }
    }

    /// The secret, made and kept now if it has to be.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds no secret.
    pub fn resolve(&self) -> io::Result<SecretString> {
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::KeptIn(file) => kept(file),
        }
    }
}

const HOW: &str = "Make one, for example with `openssl rand -base64 48`";

fn kept(file: &Path) -> io::Result<SecretString> {
    if let Some(secret) = stored(file)? {
        return Ok(secret);
    }
    if let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)?;
    }
    // Written under a name of its own and then linked into place, so that two processes that start at once agree.
    let draft = PathBuf::from(format!("{}.{}", file.display(), Uuid::new_v4()));
    write_private(&draft, &generate())?;
    let linked = std::fs::hard_link(&draft, file);
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    tracing::warn!(
        "neither JWT_SECRET_KEY nor SECRET_KEY is set: a secret was made and is kept in {}. Set one before you turn \
         DEBUG off",
        file.display()
    );
    stored(file)?.ok_or_else(|| io::Error::other("the secret is not in its file"))
}

fn stored(file: &Path) -> io::Result<Option<SecretString>> {
    match std::fs::read_to_string(file) {
        Ok(text) if text.trim().len() >= MIN_BYTES => Ok(Some(text.trim().into())),
        Ok(_) => Err(io::Error::other(format!(
            "{} holds no secret; delete it",
            file.display()
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A new secret: 256 random bits, as hexadecimal digits.
pub fn generate() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write_private(file: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
