//! Listing the models.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::catalog::{Catalog, ProviderModels};

/// What every provider has.
#[derive(Debug, Serialize)]
pub struct CatalogBody {
    providers: Vec<ProviderModels>,
}

pub async fn list(State(catalog): State<Catalog>) -> Json<CatalogBody> {
    Json(CatalogBody {
        providers: catalog.list().await,
    })
}
