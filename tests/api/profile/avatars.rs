//! Pictures that are uploaded, shown and removed.

use std::convert::Infallible;
use std::fs;

use futures_util::{StreamExt, stream};
use image::{ImageFormat, Rgba, RgbaImage};
use serde_json::{Value, json};

use super::pictures::{
    AVATAR, exif, fetch, file, jpeg, path, picture, png, small, upload, upload_as, webp,
    with_segment,
};
use crate::support::{TestApp, eventually, on_each_database};

on_each_database! {
    a_picture_of_each_kind_becomes_two_square_ones,
    pictures_are_handed_out_to_be_kept,
    another_picture_takes_the_place_of_the_first,
    a_picture_is_removed,
    an_address_elsewhere_takes_the_place_of_an_upload,
    what_was_shown_can_be_sent_back,
    a_transparent_picture_stays_transparent,
    a_picture_is_shown_with_its_right_side_up,
    only_a_form_with_a_file_is_an_upload,
    names_that_no_picture_has_are_not_found,
    uploads_at_once_leave_one_picture,
    only_so_many_uploads_are_taken_in_at_a_time,
}

fn is_near(pixel: &Rgba<u8>, expected: [u8; 3]) -> bool {
    let colours = pixel.0.iter().zip(expected);
    colours.into_iter().all(|(a, b)| a.abs_diff(b) < 40)
}

fn stored(app: &TestApp) -> usize {
    let folder = app.database.folder.path().join("media").join("avatars");
    fs::read_dir(folder).map_or(0, Iterator::count)
}

async fn a_picture_of_each_kind_becomes_two_square_ones(app: TestApp) {
    let ann = app.register("ann").await;
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::WebP,
    ] {
        for (width, height) in [(1000, 600), (60, 100), (1, 1), (2000, 1)] {
            let sent = file(&picture(width, height), format);
            let user = upload(&ann, &sent).await.expect(200);
            let large = path(&ann, &user);
            for (path, edge) in [(small(&large), 96), (large, 512)] {
                let (shown, bytes) = fetch(&app.stranger(), &path).await;
                assert_eq!(shown.dimensions(), (edge, edge), "{format:?}");
                assert!(bytes.len() < 512 * 1024);
                if width > 1 && height > 1 {
                    assert!(is_near(shown.get_pixel(edge / 2, 1), [255, 255, 255]));
                    assert!(is_near(shown.get_pixel(2, edge - 2), [255, 0, 0]));
                    assert!(is_near(shown.get_pixel(edge - 2, edge - 2), [0, 0, 255]));
                }
            }
            ann.get("/api/users/me/").await.is(200, &user);
        }
    }
    let session = app
        .stranger()
        .login("ann@example.com", crate::support::app::PASSWORD)
        .await
        .expect(200);
    let me = ann.get("/api/users/me/").await.expect(200);
    assert_eq!(session["user"], me);
    let list = ann.get("/api/users/").await.expect(200);
    assert_eq!(list["results"], json!([me]));
}

async fn pictures_are_handed_out_to_be_kept(app: TestApp) {
    let ann = app.register("ann").await;
    for (sent, media_type) in [(jpeg(), "image/jpeg"), (clear(), "image/webp")] {
        let user = upload(&ann, &sent).await.expect(200);
        let stranger = app.stranger();
        let request = stranger.request("GET", &path(&ann, &user));
        let response = request
            .header("accept", "image/avif,image/webp,image/*")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        for (name, value) in [
            ("content-type", media_type),
            ("cache-control", "public, max-age=31536000, immutable"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'"),
        ] {
            assert_eq!(response.headers()[name], value, "{name}");
        }
    }
    let methods = ann.post("/media/avatars/x/", json!({})).await;
    assert_eq!(methods.status, 405);
}

async fn another_picture_takes_the_place_of_the_first(app: TestApp) {
    let ann = app.register("ann").await;
    let first = upload(&ann, &png()).await.expect(200);
    let second = upload(&ann, &png()).await.expect(200);
    assert_ne!(first["avatar_url"], second["avatar_url"]);
    fetch(&ann, &path(&ann, &second)).await;
    app.stranger().get(&path(&ann, &first)).await.expect(404);
    assert_eq!(stored(&app), 2);
    // Refused ones change nothing.
    upload(&ann, b"no picture").await.expect(400);
    ann.get("/api/users/me/").await.is(200, &second);
    assert_eq!(stored(&app), 2);
}

async fn a_picture_is_removed(app: TestApp) {
    let ann = app.register("ann").await;
    let user = upload(&ann, &png()).await.expect(200);
    ann.delete(AVATAR).await.expect(204);
    let me = ann.get("/api/users/me/").await.expect(200);
    assert_eq!(me["avatar_url"], Value::Null);
    app.stranger().get(&path(&ann, &user)).await.expect(404);
    assert_eq!(stored(&app), 0);
    ann.delete(AVATAR).await.expect(204);
    app.stranger().delete(AVATAR).await.expect(401);
}

async fn an_address_elsewhere_takes_the_place_of_an_upload(app: TestApp) {
    let ann = app.register("ann").await;
    for url in [json!("https://example.com/me.png"), json!(""), Value::Null] {
        upload(&ann, &png()).await.expect(200);
        let body = json!({ "avatar_url": url });
        let changed = ann.patch("/api/users/me/", body).await.expect(200);
        assert_eq!(changed["avatar_url"], url);
        assert_eq!(stored(&app), 0);
    }
    // Nobody can lay claim to a file.
    let bob = app.register("bob").await;
    let user = upload(&bob, &png()).await.expect(200);
    let invalid = json!({ "avatar_url": ["Enter a valid URL."] });
    let body = json!({ "avatar_url": path(&bob, &user) });
    ann.patch("/api/users/me/", body).await.is(400, &invalid);
    let body = json!({ "avatar_url": user["avatar_url"] });
    let changed = ann.patch("/api/users/me/", body).await.expect(200);
    assert_eq!(changed["avatar_url"], Value::Null);
    ann.delete(AVATAR).await.expect(204);
    fetch(&bob, &path(&bob, &user)).await;
}

async fn what_was_shown_can_be_sent_back(app: TestApp) {
    let ann = app.register("ann").await;
    let mut user = upload(&ann, &png()).await.expect(200);
    let url = user["avatar_url"].clone();
    user["name"] = json!("Anna");
    for sent in [
        url.clone(),
        json!(format!("https://chat.example.com{}", path(&ann, &user))),
    ] {
        user["avatar_url"] = sent;
        let saved = ann.put("/api/users/me/", user.clone()).await.expect(200);
        assert_eq!(
            (&saved["avatar_url"], &saved["name"]),
            (&url, &json!("Anna"))
        );
        fetch(&ann, &path(&ann, &saved)).await;
    }
}

/// Clear on its left side.
fn clear() -> Vec<u8> {
    let half = RgbaImage::from_fn(80, 80, |x, _| {
        Rgba([0, 255, 0, if x < 40 { 0 } else { 255 }])
    });
    file(&half, ImageFormat::Png)
}

async fn a_transparent_picture_stays_transparent(app: TestApp) {
    let ann = app.register("ann").await;
    let user = upload(&ann, &clear()).await.expect(200);
    for path in [path(&ann, &user), small(&path(&ann, &user))] {
        let (shown, _) = fetch(&ann, &path).await;
        assert_eq!(shown.get_pixel(2, 2).0[3], 0);
        assert_eq!(shown.get_pixel(shown.width() - 2, 2).0, [0, 255, 0, 255]);
    }
}

async fn a_picture_is_shown_with_its_right_side_up(app: TestApp) {
    let ann = app.register("ann").await;
    // Where its white side is that was up, and whether red is then first in the order of reading.
    for (orientation, white) in [
        (1, (256, 5)),
        (3, (256, 506)),
        (6, (506, 256)),
        (8, (5, 256)),
    ] {
        let sent = with_segment(
            &file(&picture(90, 60), ImageFormat::Jpeg),
            0xe1,
            &exif(orientation),
        );
        let user = upload(&ann, &sent).await.expect(200);
        let (shown, bytes) = fetch(&ann, &path(&ann, &user)).await;
        let pixel = shown.get_pixel(white.0, white.1);
        assert!(is_near(pixel, [255, 255, 255]), "{orientation}: {pixel:?}");
        let across = shown.get_pixel(511 - white.0, 511 - white.1);
        assert!(
            !is_near(across, [255, 255, 255]),
            "{orientation}: {across:?}"
        );
        for trace in [&b"Exif"[..], b"GPS"] {
            assert!(!bytes.windows(trace.len()).any(|window| window == trace));
        }
    }
}

async fn only_a_form_with_a_file_is_an_upload(app: TestApp) {
    let ann = app.register("ann").await;
    upload_as(&ann, "file", "x", "text/plain", &webp())
        .await
        .expect(200);
    let none = json!({ "avatar": ["No file was submitted."] });
    upload_as(&ann, "picture", "x.png", "image/png", &png())
        .await
        .is(400, &none);
    let empty = json!({ "avatar": ["The submitted file is empty."] });
    upload(&ann, b"").await.is(400, &empty);
    let json = ann.post(AVATAR, json!({ "avatar": "x" })).await;
    json.is(
        415,
        &json!({ "detail": "Unsupported media type \"application/json\" in request." }),
    );
    let raw = ann.post_as(AVATAR, "image/png", png()).await;
    assert_eq!(raw.status, 415);
    let boundless = ann.post_as(AVATAR, "multipart/form-data", png()).await;
    assert!(boundless.text.contains("boundary"), "{}", boundless.text);
    assert_eq!(boundless.status, 400);
    for (content_type, body) in [
        (
            "multipart/form-data; boundary=xyz",
            &b"--xyz\r\nnonsense"[..],
        ),
        ("multipart/form-data; boundary=xyz", b""),
        ("multipart/form-data; boundary=xyz", b"--xyz--\r\n"),
    ] {
        let answer = ann.post_as(AVATAR, content_type, body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    app.stranger()
        .post_as(AVATAR, "image/png", png())
        .await
        .expect(401);
    // A limit of its own, whatever that of other bodies is.
    let narrow = app.another(&[("MAX_BODY_BYTES", "1024")]).await;
    let ann = ann.clone();
    let ann = crate::support::Client {
        base: narrow.base.clone(),
        ..ann
    };
    let user = upload(&ann, &png_of_noise()).await.expect(200);
    fetch(&ann, &path(&ann, &user)).await;
}

/// Of more than a kilobyte.
fn png_of_noise() -> Vec<u8> {
    let noise = RgbaImage::from_fn(100, 100, |x, y| {
        let byte = (x * 7919 + y * 104_729 + x * y * 31) as u8;
        Rgba([byte, byte.wrapping_mul(7), byte.wrapping_mul(13), 255])
    });
    let sent = file(&noise, ImageFormat::Png);
    assert!(sent.len() > 1024);
    sent
}

async fn names_that_no_picture_has_are_not_found(app: TestApp) {
    let ann = app.register("ann").await;
    upload(&ann, &png()).await.expect(200);
    let not_found = json!({ "detail": "Not found." });
    for name in [
        "00000000000040008000000000000000-512.jpg",
        "..%2F..%2Ftest.sqlite3",
        "%2e%2e",
        "..",
        "%00",
        "%ff",
        "x.jpg",
        "",
        "%2Fetc%2Fpasswd",
        "..%5C..%5Cx",
    ] {
        let path = format!("/media/avatars/{name}");
        let answer = app.stranger().get(&path).await;
        answer.is(404, &not_found);
        assert_eq!(answer.header("cache-control"), None, "{name}");
    }
}

async fn uploads_at_once_leave_one_picture(app: TestApp) {
    let ann = app.register("ann").await;
    let uploads: Vec<_> = (0..6)
        .map(|_| {
            let ann = ann.clone();
            tokio::spawn(async move { upload(&ann, &png()).await.expect(200) })
        })
        .collect();
    for upload in uploads {
        upload.await.unwrap();
    }
    let me = ann.get("/api/users/me/").await.expect(200);
    fetch(&ann, &path(&ann, &me)).await;
    assert_eq!(stored(&app), 2);
}

/// Each is held in memory, and whoever sends slowly must not pile them up.
async fn only_so_many_uploads_are_taken_in_at_a_time(app: TestApp) {
    let ann = app.register("ann").await;
    let begin = || {
        let head =
            "--xyz\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"x\"\r\n\r\n";
        let started = stream::iter([Ok::<_, Infallible>(head)]).chain(stream::pending());
        let request = ann
            .request("POST", AVATAR)
            .header("content-type", "multipart/form-data; boundary=xyz")
            .body(reqwest::Body::wrap_stream(started));
        tokio::spawn(request.send())
    };
    let mut slow = Vec::new();
    let refused = eventually("no more are taken in", async || {
        slow.push(begin());
        let answer = upload(&ann, &png()).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    refused.is(503, &json!({ "detail": "The server is busy. Try again." }));
    assert_eq!(refused.header("retry-after"), Some("1"));
    for upload in slow {
        upload.abort();
    }
    eventually("those who left make place", async || {
        (upload(&ann, &png()).await.status == 200).then_some(())
    })
    .await;
}
