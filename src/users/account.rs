//! Accounts together with the files that are theirs.

use axum::extract::FromRef;
use axum::http::StatusCode;
use uuid::Uuid;

use super::model::{User, UserChanges};
use super::repository;
use crate::app::App;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::live::{self, Hub};
use crate::media::{Avatar, Media, Pictures};
use crate::tasks::Tasks;

const LAST_SUPERUSER: Error = Error::Refused(
    StatusCode::CONFLICT,
    "You are the last superuser. Make somebody else one before you delete your account.",
);

/// Changes and deletes accounts, and with them the files that nothing refers to any more. What has begun comes to its
/// end even if the request is gone, so that no file stays behind.
#[derive(Clone)]
pub struct Accounts {
    pub db: Db,
    pub media: Media,
    live: Hub,
    tasks: Tasks,
}

impl FromRef<App> for Accounts {
    fn from_ref(app: &App) -> Self {
        Self {
            db: app.db.clone(),
            media: app.media.clone(),
            live: app.live.clone(),
            tasks: app.tasks.clone(),
        }
    }
}

impl Accounts {
    /// Changes an account.
    ///
    /// # Errors
    /// The account is gone, or somebody else has the e-mail address.
    pub async fn update(self, id: Uuid, changes: UserChanges) -> Result<User> {
        let tasks = self.tasks.clone();
        ended(tasks.spawn(async move { self.write(id, changes).await })).await
    }

    /// Gives an account another picture.
    ///
    /// # Errors
    /// The account is gone, or the picture cannot be stored.
    pub async fn set_avatar(self, id: Uuid, pictures: Pictures) -> Result<User> {
        let tasks = self.tasks.clone();
        ended(tasks.spawn(async move {
            let avatar = self.media.put(pictures).await?;
            let changes = UserChanges {
                avatar_url: Some(Some(avatar.path())),
                ..UserChanges::default()
            };
            let saved = self.write(id, changes).await;
            // A commit may have succeeded although we were told otherwise, and a row without its files would be worse than
            // files without a row.
            if saved.is_err()
                && let Ok(user) = repository::find(&self.db, id).await
                && user.and_then(|user| user.avatar()) != Some(avatar)
            {
                self.media.delete(avatar).await;
            }
            saved
        }))
        .await
    }

    /// Deletes an account and everything that is its owner's. Answers that are being written for it are stopped.
    ///
    /// # Errors
    /// Nobody else could do everything in the administration, or the database failed; then the account is still there.
    pub async fn delete(self, id: Uuid) -> Result<()> {
        let tasks = self.tasks.clone();
        ended(tasks.spawn(async move {
            let mut tx = self.db.begin().await?;
            if repository::is_administrator(&mut tx, id).await?
                && repository::lock_administrators(&mut tx).await? == [id]
            {
                return Err(LAST_SUPERUSER);
            }
            let files = self.remove(&mut tx, id).await?;
            tx.commit().await?;
            self.forget(id, files).await;
            Ok(())
        }))
        .await
    }

    /// Deletes an account in a transaction. Once that is committed, what it leaves is to be [forgotten](Self::forget).
    ///
    /// # Errors
    /// The database failed.
    pub async fn remove(&self, tx: &mut Tx, id: Uuid) -> sqlx::Result<Option<Avatar>> {
        let user = repository::lock(tx, id).await?;
        repository::delete(tx, id).await?;
        Ok(user.and_then(|user| user.avatar()))
    }

    /// Stops the answers of an account that is gone, and deletes its files.
    pub async fn forget(&self, id: Uuid, files: Option<Avatar>) {
        live::stop_deleted(&self.db, &self.live, id).await;
        if let Some(avatar) = files {
            self.media.delete(avatar).await;
        }
    }

    async fn write(&self, id: Uuid, changes: UserChanges) -> Result<User> {
        let mut tx = self.db.begin().await?;
        let before = repository::lock(&mut tx, id)
            .await?
            .ok_or(Error::NotFound)?;
        let after = repository::update(&mut tx, id, changes)
            .await?
            .ok_or(Error::NotFound)?;
        tx.commit().await?;
        if let Some(avatar) = before.avatar()
            && after.avatar() != Some(avatar)
        {
            self.media.delete(avatar).await;
        }
        Ok(after)
    }
}

async fn ended<T>(task: tokio::task::JoinHandle<Result<T>>) -> Result<T> {
    task.await.map_err(|error| Error::Internal(error.into()))?
}
