//! Handing out the document, the page, and what belongs to the page.

use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa_swagger_ui::Config;

use super::document::Document;
use super::file::File;
use crate::error::{Error, Result};

/// The page.
static PAGE: LazyLock<File> = LazyLock::new(|| {
    let page: &str = include_str!("page/index.html");
    File::new("text/html; charset=utf-8", page)
});

/// What the page loads: Swagger UI, which is part of the program, and what is ours around it.
static ASSETS: LazyLock<Vec<(&str, File)>> = LazyLock::new(|| {
    let swagger = |name, content_type| {
        let file = utoipa_swagger_ui::serve(name, Arc::new(Config::default()));
        file.ok().flatten().map(|file| {
            let asset = File::new(content_type, file.bytes.into_owned()).gzipped(file.gzpipped);
            (name, asset)
        })
    };
    let script = "text/javascript; charset=utf-8";
    let style = "text/css; charset=utf-8";
    swagger("swagger-ui-bundle.js", script)
        .into_iter()
        .chain(swagger("swagger-ui.css", style))
        .chain([
            ("page.js", File::new(script, include_str!("page/page.js"))),
            ("page.css", File::new(style, include_str!("page/page.css"))),
        ])
        .collect()
});

pub async fn document(
    headers: HeaderMap,
    Extension(document): Extension<Document>,
) -> Result<Response> {
    Ok(document.file()?.respond(&headers))
}

pub async fn page(headers: HeaderMap) -> Response {
    PAGE.respond(&headers)
}

pub async fn asset(
    headers: HeaderMap,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response> {
    let Path(name) = name.map_err(|_| Error::NotFound)?;
    let asset = ASSETS.iter().find(|(known, _)| *known == name);
    asset
        .map(|(_, file)| file.respond(&headers))
        .ok_or(Error::NotFound)
}
