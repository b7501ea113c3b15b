//! What rooms say of their routes in the API's document (OpenAPI 3.1), and what the document says of all of them.
//!
//! A handler declares its operation by `#[utoipa::path]`: its path, what it takes, and the answers of its own. What the
//! layers around it answer is added where they are put around it ([`Layers`]), and what follows from the shape of an
//! operation when the document is complete ([`complete`]), so that handlers need not repeat it.

mod complete;
pub mod events;
pub mod examples;
mod layers;
pub mod responses;

use axum::routing::MethodRouter;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

pub use complete::complete;
pub use layers::{ACCESS_TOKEN, Layers, TICKET};

use super::route::other_method;

/// Adds routes that behave as the contract says of all of them, and that are in the document.
pub trait DocumentedEndpoints<S> {
    /// Serves the handlers that `routes!` lists, all at one path, which ends in a slash, and at the same path without
    /// it. The document shows the path with the slash. OPTIONS and unknown methods are answered here.
    #[must_use]
    fn endpoint(self, routes: UtoipaMethodRouter<S>) -> Self;
}

impl<S: Clone + Send + Sync + 'static> DocumentedEndpoints<S> for OpenApiRouter<S> {
    fn endpoint(self, (schemas, paths, methods): UtoipaMethodRouter<S>) -> Self {
        let methods: MethodRouter<S> = methods.fallback(other_method);
        paths
            .paths
            .keys()
            .fold(self, |router, path| {
                router.route(path.trim_end_matches('/'), methods.clone())
            })
            .routes((schemas, paths, methods.clone()))
    }
}

/// The operations of a path, with their methods in lower case.
pub fn operations(path: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", path.get.as_mut()),
        ("put", path.put.as_mut()),
        ("post", path.post.as_mut()),
        ("patch", path.patch.as_mut()),
        ("delete", path.delete.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
}
