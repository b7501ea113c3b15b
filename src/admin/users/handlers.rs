//! The pages of an account.

use axum::response::IntoResponse;

use crate::admin::refusal::{Refusal, Result};
use crate::admin::staff::Staff;

pub async fn show(_: Staff) -> Result<impl IntoResponse> {
    Err::<(), _>(Refusal::not_found())
}
