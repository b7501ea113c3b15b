//! Files that mean harm: each is refused in words, or becomes a clean picture.

mod files;
mod pngs;

use image::ImageFormat;
use serde_json::Value;

use self::files::{Fate, hostile};
use super::pictures::{fetch, gif, jpeg, path, png, small, upload, upload_as, webp};
use crate::support::app::block_on;
use crate::support::{Answer, Client, Database, Kind, TestApp, on_each_database};

on_each_database! {
    every_hostile_file_is_refused_in_words_or_becomes_clean,
}

/// What none of the pictures that are handed out may hold, whatever was sent.
const TRACES: [&[u8]; 7] = [
    b"<script",
    b"<svg",
    b"<?php",
    b"Exif",
    b"GPS",
    b"PK\x03\x04",
    b"alert(",
];

/// Whether a file was taken. If it was not, the answer must say why.
async fn is_clean(client: &Client, name: &str, answer: &Answer) -> bool {
    if answer.status != 200 {
        assert_eq!(answer.status, 400, "{name}: {}", answer.text);
        let errors = answer.json.as_object().expect("an object");
        assert_eq!(errors.keys().collect::<Vec<_>>(), ["avatar"], "{name}");
        let message = answer.json["avatar"][0].as_str().expect("a message");
        assert!(
            message.ends_with('.') && message.len() > 10,
            "{name}: {message}"
        );
        return false;
    }
    let large = path(client, &answer.json);
    for (path, edge) in [(small(&large), 96), (large, 512)] {
        let (picture, bytes) = fetch(client, &path).await;
        assert_eq!(picture.dimensions(), (edge, edge), "{name}");
        let format = image::guess_format(&bytes).expect("a format");
        assert!(
            matches!(format, ImageFormat::Jpeg | ImageFormat::WebP),
            "{name}"
        );
        for trace in TRACES {
            let found = bytes.windows(trace.len()).any(|window| window == trace);
            assert!(!found, "{name} left {}", String::from_utf8_lossy(trace));
        }
    }
    true
}

async fn every_hostile_file_is_refused_in_words_or_becomes_clean(app: TestApp) {
    let ann = app.register("ann").await;
    let files = hostile();
    assert!(files.len() >= 60, "only {}", files.len());
    for (name, fate, file) in files {
        let answer = upload_as(&ann, "avatar", "../../me.svg", "image/svg+xml", &file).await;
        let clean = is_clean(&ann, name, &answer).await;
        match fate {
            Fate::Refused => assert!(!clean, "{name} was taken"),
            Fate::Clean => assert!(clean, "{name}: {}", answer.text),
            Fate::Either => {}
        }
    }
    // The server is as well as before.
    upload(&ann, &png()).await.expect(200);
    let me = ann.get("/api/users/me/").await.expect(200);
    assert_ne!(me["avatar_url"], Value::Null);
}

/// Good files, each with some bytes changed. On one database, because it is about decoders.
#[test]
fn damaged_files_are_refused_in_words_or_become_clean() {
    let Some(database) = Database::new(Kind::Sqlite) else {
        return;
    };
    block_on(async {
        let app = TestApp::start(&database, &[]).await;
        let ann = app.register("ann").await;
        let mut random = 0x2545_f491_u32;
        let mut next = |limit: usize| {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            random as usize % limit
        };
        let (mut taken, mut refused) = (0, 0);
        for file in [png(), jpeg(), gif(), webp()] {
            for round in 0..60 {
                let mut damaged = file.clone();
                for _ in 0..=round % 4 {
                    let place = next(damaged.len());
                    damaged[place] = next(256) as u8;
                }
                let name = format!("{round} of {:?}", &file[..4]);
                let answer = upload(&ann, &damaged).await;
                if is_clean(&ann, &name, &answer).await {
                    taken += 1;
                } else {
                    refused += 1;
                }
            }
        }
        assert!(
            taken > 10 && refused > 10,
            "{taken} taken, {refused} refused"
        );
    });
}
