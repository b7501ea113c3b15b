//! Pictures that are kept in a bucket.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::pictures::{AVATAR, fetch, path, png, small, upload};
use crate::support::app::{PASSWORD, block_on};
use crate::support::{Database, Kind, TestApp};

/// What a server holds that speaks as S3 does, as far as it is asked to here; `None` while it is broken.
type Objects = Arc<Mutex<Option<BTreeMap<String, Bytes>>>>;

async fn s3(
    State(objects): State<Objects>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let signature = headers["authorization"].to_str().unwrap();
    assert!(
        signature.starts_with("AWS4-HMAC-SHA256 Credential=key-id/"),
        "{signature}"
    );
    assert!(signature.contains("/eu-central-1/s3/aws4_request"));
    let mut objects = objects.lock().unwrap();
    let Some(objects) = &mut *objects else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let key = uri.path().strip_prefix("/pictures").expect("the bucket");
    match (method, uri.query()) {
        (Method::PUT, None) => {
            objects.insert(key.to_owned(), body);
            [("etag", "\"1\"")].into_response()
        }
        (Method::GET, None) => match objects.get(key) {
            Some(object) => {
                let headers = [
                    ("etag", "\"1\""),
                    ("last-modified", "Wed, 25 Nov 2026 12:00:00 GMT"),
                ];
                (headers, object.clone()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        },
        (Method::POST, Some("delete")) => {
            let asked = String::from_utf8(body.to_vec()).unwrap();
            objects.retain(|key, _| !asked.contains(&format!("<Key>{}</Key>", &key[1..])));
            "<DeleteResult/>".into_response()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn pictures_can_be_kept_in_a_bucket() {
    let Some(database) = Database::new(Kind::Sqlite) else {
        return;
    };
    block_on(async {
        let objects: Objects = Arc::new(Mutex::new(Some(BTreeMap::new())));
        let count = || objects.lock().unwrap().as_ref().unwrap().len();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = Router::new().fallback(s3).with_state(objects.clone());
        tokio::spawn(async { axum::serve(listener, server).await });
        let settings = [
            ("AWS_STORAGE_BUCKET_NAME", "pictures"),
            ("AWS_S3_REGION_NAME", "eu-central-1"),
            ("AWS_S3_ENDPOINT_URL", &*endpoint),
            ("AWS_ACCESS_KEY_ID", "key-id"),
            ("AWS_SECRET_ACCESS_KEY", "key-secret"),
        ];
        let app = TestApp::start(&database, &settings).await;
        let ann = app.register("ann").await;
        upload(&ann, &png()).await.expect(200);
        let user = upload(&ann, &png()).await.expect(200);
        let shown = path(&ann, &user);
        fetch(&app.stranger(), &shown).await;
        fetch(&app.stranger(), &small(&shown)).await;
        assert_eq!(count(), 2);
        assert!(!database.folder.path().join("media").exists());

        // Where it cannot be stored, nothing has changed.
        let kept = objects.lock().unwrap().take();
        upload(&ann, &png()).await.expect(500);
        ann.get("/api/users/me/").await.is(200, &user);
        *objects.lock().unwrap() = kept;
        fetch(&app.stranger(), &shown).await;

        ann.delete(AVATAR).await.expect(204);
        assert_eq!(count(), 0);
        let me = ann.get("/api/users/me/").await.expect(200);
        assert_eq!(me["avatar_url"], Value::Null);
        app.stranger().get(&shown).await.expect(404);
        upload(&ann, &png()).await.expect(200);
        let body = json!({ "password": PASSWORD });
        ann.post("/api/users/me/delete/", body).await.expect(204);
        assert_eq!(count(), 0);
    });
}
