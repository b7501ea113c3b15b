//! Listing the models.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::catalog::{Catalog, ProviderModels};

/// What every provider has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Catalog)]
pub struct CatalogBody {
    providers: Vec<ProviderModels>,
}

/// Lists the models of every provider.
#[utoipa::path(
    get,
    path = "/api/models/",
    tag = "models",
    responses((status = 200, description = "What every provider has, or why it has nothing.", body = CatalogBody)),
)]
pub async fn list(State(catalog): State<Catalog>) -> Json<CatalogBody> {
    Json(CatalogBody {
        providers: catalog.list().await,
    })
}
