//! Where uploaded files are kept.

use std::path::PathBuf;

use secrecy::SecretString;

use super::DatabaseConfig;
use super::env::Reader;
use super::llm::read_base_url;

/// Where uploaded files are kept.
#[derive(Clone, Debug)]
pub enum MediaConfig {
    /// `MEDIA_ROOT`: a folder, made when the first file is stored.
    Folder(PathBuf),
    /// `AWS_STORAGE_BUCKET_NAME` and those that go with it.
    Bucket(Bucket),
}

/// A bucket of S3, or of a server that speaks as S3 does.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// `AWS_STORAGE_BUCKET_NAME`.
    pub name: String,
    /// `AWS_S3_REGION_NAME`.
    pub region: String,
    /// `AWS_S3_ENDPOINT_URL`; `None` for Amazon's own.
    pub endpoint: Option<String>,
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; `None` leaves it to the role of the machine.
    pub keys: Option<(String, SecretString)>,
}

impl MediaConfig {
    /// A bucket if one is named, else a folder.
    pub(super) fn read(reader: &mut Reader<'_>, database: &DatabaseConfig) -> Self {
        let folder = reader
            .text("MEDIA_ROOT")
            .map_or_else(|| database.folder().join("media"), PathBuf::from);
        let name = reader.text("AWS_STORAGE_BUCKET_NAME");
        let region = reader.text("AWS_S3_REGION_NAME");
        let endpoint = read_base_url(reader, "AWS_S3_ENDPOINT_URL", "https://s3.example.com");
        let id = reader.text("AWS_ACCESS_KEY_ID");
        let secret = reader.text("AWS_SECRET_ACCESS_KEY");
        let Some(name) = name else {
            return Self::Folder(folder);
        };
        for (missing, is_missing) in [
            ("AWS_ACCESS_KEY_ID", id.is_none() && secret.is_some()),
            ("AWS_SECRET_ACCESS_KEY", id.is_some() && secret.is_none()),
        ] {
            if is_missing {
                reader.reject(
                    missing,
                    "is not set, but the other half of the key is. Set both, or neither for the role of the machine",
                );
            }
        }
        Self::Bucket(Bucket {
            name,
            region: region.unwrap_or_else(|| "us-east-1".to_owned()),
            endpoint,
            keys: id.zip(secret.map(SecretString::from)),
        })
    }
}
