//! Those who can do everything, of whom there must always be one.
//!
//! Only one of them can close, delete or demote another, and nobody themself. With both checked under a lock, whoever does
//! it stays.

use uuid::Uuid;

use super::model::Account;
use crate::admin::refusal::{Refusal, Result};
use crate::admin::staff::Staff;
use crate::db::Tx;
use crate::users::repository;

/// The active superusers who may enter. As long as the transaction lasts nobody else changes who they are.
pub struct Administrators(Vec<Uuid>);

/// Finds out who they are, before anything else in a transaction that changes or deletes accounts.
pub async fn lock(tx: &mut Tx) -> sqlx::Result<Administrators> {
    repository::lock_administrators(tx)
        .await
        .map(Administrators)
}

impl Administrators {
    /// Goes on if `staff` may do everything, now that nobody can take it from them.
    ///
    /// # Errors
    /// They may not.
    pub fn require(&self, staff: &Staff) -> Result<()> {
        if self.0.contains(&staff.id()) {
            Ok(())
        } else {
            let text = "Only superusers may change rights, staff and other superusers.";
            Err(Refusal::forbidden(text))
        }
    }

    /// Goes on if `staff` may change an account at all.
    ///
    /// # Errors
    /// The account is that of staff, and they are no superuser.
    pub fn may_touch(&self, staff: &Staff, account: &Account) -> Result<()> {
        if account.is_privileged() {
            self.require(staff)
        } else {
            Ok(())
        }
    }

    /// Goes on if an account that `staff` [may touch](Self::may_touch) may be deleted, closed, or lose the rights that let
    /// its owner enter and do everything.
    ///
    /// # Errors
    /// It is one's own.
    pub fn may_lose(&self, staff: &Staff, account: Uuid) -> Result<()> {
        if account == staff.id() {
            let text = "You cannot close or delete your own account here, or take its rights. Another superuser can.";
            Err(Refusal::forbidden(text))
        } else {
            Ok(())
        }
    }
}
