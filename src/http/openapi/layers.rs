//! What layers answer in place of the routes that they stand around.

use axum::http::StatusCode;
use utoipa::ToResponse;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Ref, RefOr};
use utoipa_axum::router::OpenApiRouter;

use super::operations;
use super::responses::{TooManyRequests, Unauthorized};

/// The security scheme of the access token in the `Authorization` header.
pub const ACCESS_TOKEN: &str = "access_token";

/// The security scheme of the ticket in an address.
pub const TICKET: &str = "ticket";

/// Says in the document what a layer does to the routes that are there already, as a layer stands around these.
pub trait Layers: Sized {
    /// One of these security schemes is wanted, and who has none is told so. Who has one is known, and can be told to wait.
    #[must_use]
    fn secured_by(self, schemes: &[&str]) -> Self;

    /// The layer may answer with `R`.
    #[must_use]
    fn may_answer<'r, R: ToResponse<'r>>(self, status: StatusCode) -> Self;
}

impl<S: Clone + Send + Sync + 'static> Layers for OpenApiRouter<S> {
    fn secured_by(self, schemes: &[&str]) -> Self {
        let requirements: Vec<_> = schemes
            .iter()
            .map(|scheme| SecurityRequirement::new(*scheme, [""; 0]))
            .collect();
        let mut router = self
            .may_answer::<Unauthorized>(StatusCode::UNAUTHORIZED)
            .may_answer::<TooManyRequests>(StatusCode::TOO_MANY_REQUESTS);
        for operation in all_operations(&mut router) {
            operation.security = Some(requirements.clone());
        }
        router
    }

    fn may_answer<'r, R: ToResponse<'r>>(mut self, status: StatusCode) -> Self {
        for operation in all_operations(&mut self) {
            answer::<R>(operation, status);
        }
        self
    }
}

fn all_operations<S: Clone + Send + Sync + 'static>(
    router: &mut OpenApiRouter<S>,
) -> impl Iterator<Item = &mut Operation> {
    let paths = &mut router.get_openapi_mut().paths.paths;
    paths
        .values_mut()
        .flat_map(|path| operations(path).map(|(_, operation)| operation))
}

/// Adds a response of all operations to one, unless it has its own with this status.
pub fn answer<'r, R: ToResponse<'r>>(operation: &mut Operation, status: StatusCode) {
    let (name, _) = R::response();
    operation
        .responses
        .responses
        .entry(status.as_str().to_owned())
        .or_insert_with(|| RefOr::Ref(Ref::from_response_name(name)));
}
