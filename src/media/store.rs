//! Keeping the files of avatars, in a folder or in a bucket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use secrecy::ExposeSecret;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::avatar::{Avatar, AvatarFile};
use super::picture::{self, Pictures, Size};
use crate::config::MediaConfig;
use crate::error::{Error, Result};
use crate::workers::{Claim, Workers};

/// How many uploads are taken in at the same time; each holds its file in memory.
const UPLOADS: usize = 8;

/// Only one picture is decoded at a time, because each may take some hundred megabytes.
const DECODERS: usize = 1;

/// How long storing or deleting a file may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why the place for uploaded files cannot be used.
pub type MediaError = Box<dyn std::error::Error + Send + Sync>;

/// The uploaded files. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Media {
    store: Arc<dyn ObjectStore>,
    folder: Path,
    uploads: Arc<Semaphore>,
    workers: Workers,
}

impl Media {
    /// The files at the configured place, which is not touched before it is used.
    ///
    /// # Errors
    /// There can be no such place.
    pub fn new(config: &MediaConfig) -> Result<Self, MediaError> {
        let (store, root): (Arc<dyn ObjectStore>, Path) = match config {
            MediaConfig::Folder(folder) => (
                Arc::new(LocalFileSystem::new().with_fsync(true)),
                Path::from_absolute_path(std::path::absolute(folder)?)?,
            ),
            MediaConfig::Bucket(bucket) => {
                // The client wants one even for plain HTTP.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(&bucket.name)
                    .with_region(&bucket.region);
                if let Some(endpoint) = &bucket.endpoint {
                    builder = builder
                        .with_endpoint(endpoint)
                        .with_allow_http(endpoint.starts_with("http://"));
                }
                if let Some((id, secret)) = &bucket.keys {
                    builder = builder
                        .with_access_key_id(id)
                        .with_secret_access_key(secret.expose_secret());
                }
                (Arc::new(builder.build()?), Path::default())
            }
        };
        Ok(Self {
            store,
            folder: root.join("avatars"),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            workers: Workers::new("pictures", DECODERS),
        })
    }

    /// The threads that make pictures.
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// The right to take in a file, until it is dropped.
    ///
    /// # Errors
    /// `Unavailable` if too many are being taken in.
    pub fn admit(&self) -> Result<OwnedSemaphorePermit> {
        let permit = self.uploads.clone().try_acquire_owned();
        permit.map_err(|_| Error::Unavailable)
    }

    /// Makes the pictures of an uploaded file.
    ///
    /// # Errors
    /// A message for the field `avatar` if the file is not fit for it; `Unavailable` if it had to wait for too long.
    pub async fn pictures(&self, file: Bytes) -> Result<Pictures> {
        let made = self
            .workers
            .run(Claim::default(), move || picture::make(&file))
            .await?;
        made.map_err(|unfit| Error::field("avatar", unfit.to_string()))
    }

    /// Stores pictures under a name that nothing had before.
    ///
    /// # Errors
    /// The place for files is full, out of reach or not writable. What was stored is deleted again.
    pub async fn put(&self, pictures: Pictures) -> Result<Avatar> {
        let avatar = Avatar::new(pictures.encoding);
        for (size, file) in Size::ALL.into_iter().zip(pictures.files) {
            let location = self.location(avatar.file(size));
            if let Err(error) = in_time(self.store.put(&location, file.into())).await {
                self.delete(avatar).await;
                return Err(Error::Internal(error));
            }
        }
        Ok(avatar)
    }

    /// The bytes of a file; `None` if it is not there.
    ///
    /// # Errors
    /// The place for files is out of reach.
    pub async fn get(&self, file: AvatarFile) -> Result<Option<Bytes>> {
        let location = self.location(file);
        let bytes = async { self.store.get(&location).await?.bytes().await };
        match bytes.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::Internal(error.into())),
        }
    }

    /// Deletes the files of an avatar that nothing refers to any more. One that cannot be deleted stays behind, and the
    /// log says so.
    pub async fn delete(&self, avatar: Avatar) {
        for size in Size::ALL {
            let file = avatar.file(size);
            let location = self.location(file);
            if let Err(error) = in_time(self.store.delete(&location)).await
                && !error
                    .downcast_ref()
                    .is_some_and(|error| matches!(error, object_store::Error::NotFound { .. }))
            {
                tracing::warn!(%error, file = file.name(), "a file that is no longer needed stays behind");
            }
        }
    }

    fn location(&self, file: AvatarFile) -> Path {
        self.folder.clone().join(file.name())
    }
}

async fn in_time<T>(work: impl Future<Output = object_store::Result<T>>) -> Result<T, MediaError> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}
