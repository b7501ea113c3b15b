//! What users change of their accounts beyond the contract.

mod avatars;
mod bucket;
mod deletion;
mod email;
mod hostile;
mod passwords;
pub mod pictures;
mod preferences;
