//! Pictures to upload, and uploading them.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use serde_json::Value;

use crate::support::{Answer, Client};

pub const AVATAR: &str = "/api/users/me/avatar/";

/// A picture whose left half is red and whose right half is blue; its upper quarter is white.
pub fn picture(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_fn(width, height, |x, y| {
        if y < height / 4 {
            Rgba([255, 255, 255, 255])
        } else if x < width / 2 {
            Rgba([255, 0, 0, 255])
        } else {
            Rgba([0, 0, 255, 255])
        }
    })
}

/// A picture as a file.
pub fn file(picture: &RgbaImage, format: ImageFormat) -> Vec<u8> {
    let picture = DynamicImage::ImageRgba8(picture.clone());
    let picture = match format {
        ImageFormat::Jpeg => DynamicImage::ImageRgb8(picture.into_rgb8()),
        _ => picture,
    };
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).expect("a picture");
    file.into_inner()
}

pub fn png() -> Vec<u8> {
    file(&picture(60, 40), ImageFormat::Png)
}

pub fn jpeg() -> Vec<u8> {
    file(&picture(60, 40), ImageFormat::Jpeg)
}

pub fn gif() -> Vec<u8> {
    file(&picture(60, 40), ImageFormat::Gif)
}

pub fn webp() -> Vec<u8> {
    file(&picture(60, 40), ImageFormat::WebP)
}

/// A chunk of a PNG file with a right checksum.
pub fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for &byte in name.iter().chain(data) {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    let length = u32::try_from(data.len()).expect("a short chunk");
    [
        &length.to_be_bytes(),
        &name[..],
        data,
        &(!crc).to_be_bytes(),
    ]
    .concat()
}

/// The place of a PNG file's first chunk of a kind, and its whole length.
pub fn chunk_at(file: &[u8], name: &[u8; 4]) -> (usize, usize) {
    let mut at = 8;
    loop {
        let length = u32::from_be_bytes(file[at..at + 4].try_into().expect("a length")) as usize;
        if &file[at + 4..at + 8] == name {
            return (at, length + 12);
        }
        at += length + 12;
    }
}

/// A PNG file with a chunk put in behind its header.
pub fn with_chunk(file: &[u8], name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let (at, length) = chunk_at(file, b"IHDR");
    let (head, rest) = file.split_at(at + length);
    [head, &chunk(name, data), rest].concat()
}

/// A JPEG file with a segment put in behind its first marker.
pub fn with_segment(file: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).expect("a short segment");
    let (head, rest) = file.split_at(2);
    [head, &[0xff, marker], &length.to_be_bytes(), data, rest].concat()
}

/// What cameras write: the orientation, and where the picture was taken.
pub fn exif(orientation: u8) -> Vec<u8> {
    let mut data = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    data.push(orientation);
    data.extend(b"\0\0\0\0\0\0GPS 52.5200 N 13.4050 E");
    data
}

/// Uploads a file as a form does.
pub async fn upload(client: &Client, file: &[u8]) -> Answer {
    upload_as(client, "avatar", "me.png", "image/png", file).await
}

/// Uploads a file under a name and a media type that may have nothing to do with it.
pub async fn upload_as(
    client: &Client,
    field: &str,
    name: &str,
    media_type: &str,
    file: &[u8],
) -> Answer {
    let head = format!(
        "--xyz\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: {media_type}\r\n\r\n"
    );
    let body = [head.as_bytes(), file, b"\r\n--xyz--\r\n"].concat();
    client
        .post_as(AVATAR, "multipart/form-data; boundary=xyz", body)
        .await
}

/// The path of the larger picture that an account shows.
pub fn path(client: &Client, user: &Value) -> String {
    let url = user["avatar_url"].as_str().expect("a picture");
    url.strip_prefix(&client.base)
        .unwrap_or_else(|| panic!("{url} is not here"))
        .to_owned()
}

/// The path of the smaller one.
pub fn small(path: &str) -> String {
    path.replace("-512.", "-96.")
}

/// A picture as it is handed out, and its bytes.
pub async fn fetch(client: &Client, path: &str) -> (RgbaImage, Vec<u8>) {
    let response = client.request("GET", path).send().await.expect("an answer");
    assert_eq!(response.status(), 200, "{path}");
    let bytes = response.bytes().await.expect("a file").to_vec();
    let picture = image::load_from_memory(&bytes).expect("a picture");
    (picture.into_rgba8(), bytes)
}
