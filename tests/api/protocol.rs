//! What holds for every path: bodies, methods, `Accept`, slashes, and the order in which mistakes are told.

mod accept;
mod bodies;
mod fields;
mod methods;
mod paths;

use std::path::Path;

/// Every path of the API with the methods that it has, `{id}` standing for the id of a thing of the caller's,
/// `{message}` for that of a message in it, and `{share}` for that of a share link.
pub const ROUTES: &[(&str, &[&str])] = &[
    ("/api/auth/register/", &["POST"]),
    ("/api/auth/login/", &["POST"]),
    ("/api/auth/refresh/", &["POST"]),
    ("/api/auth/logout/", &["POST"]),
    ("/api/auth/stream_ticket/", &["POST"]),
    ("/api/health/", &["GET"]),
    ("/api/health/ready/", &["GET"]),
    ("/api/", &["GET"]),
    ("/api/users/", &["GET"]),
    ("/api/users/me/", &["GET", "PUT", "PATCH"]),
    ("/api/users/me/avatar/", &["POST", "DELETE"]),
    ("/api/users/me/delete/", &["POST"]),
    ("/api/users/me/email/", &["POST"]),
    ("/api/users/me/password/", &["POST"]),
    ("/api/users/me/preferences/", &["GET", "PUT", "PATCH"]),
    ("/api/users/{id}/", &["GET", "PUT", "PATCH", "DELETE"]),
    ("/api/agents/", &["GET", "POST"]),
    ("/api/agents/default/", &["GET"]),
    ("/api/agents/{id}/", &["GET", "PUT", "PATCH", "DELETE"]),
    ("/api/agents/templates/", &["GET"]),
    ("/api/agents/{id}/duplicate/", &["POST"]),
    ("/api/agents/{id}/prompts/", &["GET"]),
    ("/api/agents/{id}/prompts/{number}/", &["GET"]),
    ("/api/agents/{id}/prompts/{number}/restore/", &["POST"]),
    ("/api/agents/{id}/test/", &["POST"]),
    ("/api/conversations/", &["GET", "POST"]),
    (
        "/api/conversations/{id}/",
        &["GET", "PUT", "PATCH", "DELETE"],
    ),
    ("/api/conversations/get_or_create/", &["GET", "POST"]),
    ("/api/conversations/bulk_delete/", &["POST"]),
    ("/api/conversations/{id}/fork/", &["POST"]),
    ("/api/conversations/{id}/send_message/", &["POST"]),
    ("/api/conversations/{id}/share/", &["GET", "POST", "DELETE"]),
    ("/api/conversations/{id}/share/{share}/", &["DELETE"]),
    ("/api/conversations/{id}/stop/", &["POST"]),
    ("/api/conversations/{id}/stream/", &["GET"]),
    ("/api/conversations/{id}/export/", &["GET"]),
    ("/api/conversations/{id}/messages/", &["GET"]),
    (
        "/api/conversations/{id}/messages/{message}/",
        &["PATCH", "DELETE"],
    ),
    (
        "/api/conversations/{id}/messages/{message}/regenerate/",
        &["POST"],
    ),
    (
        "/api/conversations/{id}/messages/{message}/versions/",
        &["GET"],
    ),
    (
        "/api/conversations/{id}/messages/{message}/select/",
        &["POST"],
    ),
    (
        "/api/conversations/{id}/messages/{message}/feedback/",
        &["PUT"],
    ),
    ("/api/export/", &["GET"]),
    ("/api/import/", &["POST"]),
    ("/api/chat/", &["POST"]),
    ("/api/chat/{id}/", &["GET"]),
    ("/api/chat/{id}/stop/", &["POST"]),
    ("/api/chat/{id}/stream/", &["GET"]),
    ("/api/messages/", &["GET"]),
    ("/api/messages/{id}/", &["GET"]),
    ("/api/models/", &["GET"]),
    ("/api/search/", &["GET"]),
    ("/api/shared/{share}/", &["GET"]),
    ("/api/tags/", &["GET"]),
];

/// Whether a path of [`ROUTES`] is open to everybody.
pub fn is_public(path: &str) -> bool {
    [
        "/api/auth/register/",
        "/api/auth/login/",
        "/api/auth/refresh/",
    ]
    .contains(&path)
        || path.starts_with("/api/health/")
        || path.starts_with("/api/shared/")
}

/// Every path of the API that the program gives to its router, documented or not, as its source has them.
fn paths_in_the_source() -> Vec<String> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut paths = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = std::fs::read_to_string(path).unwrap();
                let literals = [".endpoint(", "path = "]
                    .into_iter()
                    .flat_map(|before| text.split(before).skip(1))
                    .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
                paths.extend(
                    literals
                        .filter(|path| path.starts_with("/api/"))
                        .map(str::to_owned),
                );
            }
        }
    }
    paths.sort();
    paths.dedup();
    // They are about the API and no part of it.
    paths.retain(|path| path != "/api/openapi.json/" && !path.starts_with("/api/docs/"));
    paths
}

/// Tests that walk all routes walk [`ROUTES`]; here is why they miss none.
#[test]
fn every_route_of_the_program_is_walked() {
    let mut known: Vec<_> = ROUTES.iter().map(|(path, _)| *path).collect();
    known.sort_unstable();
    assert_eq!(paths_in_the_source(), known);
}
