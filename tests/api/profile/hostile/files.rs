//! The hostile files, all of them made here.

use image::ImageFormat;

use super::super::pictures::{exif, file, gif, jpeg, picture, png, webp, with_segment};
use super::pngs::{png_texts, pngs};

/// What must become of a file.
#[derive(Clone, Copy)]
pub enum Fate {
    Refused,
    Clean,
    /// As its decoder likes.
    Either,
}

pub type File = (&'static str, Fate, Vec<u8>);

pub const SCRIPT: &[u8] = b"<script>alert(document.cookie)</script>";

pub fn hostile() -> Vec<File> {
    [others(), pngs(), png_texts(), jpegs(), gifs(), webps()].concat()
}

pub fn refused(name: &'static str, file: impl AsRef<[u8]>) -> File {
    (name, Fate::Refused, file.as_ref().to_vec())
}

pub fn clean(name: &'static str, file: impl AsRef<[u8]>) -> File {
    (name, Fate::Clean, file.as_ref().to_vec())
}

pub fn either(name: &'static str, file: impl AsRef<[u8]>) -> File {
    (name, Fate::Either, file.as_ref().to_vec())
}

/// A file with some of its bytes replaced.
pub fn patched(mut file: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

pub fn half(mut file: Vec<u8>) -> Vec<u8> {
    file.truncate(file.len() / 2);
    file
}

pub fn and(file: Vec<u8>, rest: &[u8]) -> Vec<u8> {
    [&file, rest].concat()
}

/// What is no picture, or of a kind that is not taken.
fn others() -> Vec<File> {
    let too_long = |length: usize| and(png(), &vec![0; length]);
    let longest = 5 * 1024 * 1024 - png().len();
    vec![
        refused("one byte", b"\x89"),
        refused("text", b"I am a picture."),
        refused("a page", [b"<!DOCTYPE html><html>", SCRIPT].concat()),
        refused("SVG with a script", b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"><script>alert(1)</script></svg>"),
        refused("SVG behind a declaration", b"<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><svg>&x;</svg>"),
        refused("SVG, packed", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xb3)K-\xb2\xd2\xb7\x03\x00"),
        refused("BMP", b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\0"),
        refused("TIFF", b"II*\0\x08\0\0\0\0\0\0\0\0\0"),
        refused("ICO", b"\0\0\x01\0\x01\0\x01\x01\0\0\x01\0\x18\0\x30\0\0\0\x16\0\0\0"),
        refused("AVIF", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf"),
        refused("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0heicmif1"),
        refused("PNM bomb", b"P6 100000 100000 255\n"),
        refused("farbfeld bomb", b"farbfeld\xff\xff\xff\xff\xff\xff\xff\xff"),
        refused("PDF", b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj"),
        refused("ZIP", b"PK\x03\x04\x14\0\0\0\x08\0"),
        refused("a program", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"),
        refused("PHP behind a space", b" GIF89a<?php system($_GET['c']); ?>"),
        refused("a wave", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0"),
        refused("longer than 5 MB", too_long(longest + 1)),
        refused("much longer than 5 MB", too_long(longest * 2)),
        clean("as long as can be", too_long(longest)),
    ]
}

/// The place of the segment with a marker.
fn segment_at(file: &[u8], marker: u8) -> usize {
    file.windows(2)
        .position(|window| window == [0xff, marker])
        .expect("a segment")
}

fn jpegs() -> Vec<File> {
    // Behind the marker stand two bytes of length and one of bits, then height and width.
    let frame = segment_at(&jpeg(), 0xc0) + 5;
    let tables = segment_at(&jpeg(), 0xc4);
    let scan = segment_at(&jpeg(), 0xda);
    let noise: Vec<u8> = (0..4000_u32)
        .map(|number| (number * number / 7) as u8)
        .collect();
    let endless = b"Exif\0\0MM\0\x2a\0\0\0\x08\xff\xff\x01\x12\0\x03\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x08";
    vec![
        refused("JPEG, its beginning only", b"\xff\xd8\xff\xe0"),
        either("JPEG, its first half", half(jpeg())),
        refused("JPEG, its headers only", &jpeg()[..scan]),
        refused(
            "JPEG of 65,535 by 65,535",
            patched(jpeg(), frame, &[0xff; 4]),
        ),
        refused("JPEG of no size", patched(jpeg(), frame, &[0; 4])),
        either(
            "JPEG without tables",
            patched(jpeg(), tables, &[0xff, 0xfe]),
        ),
        either(
            "JPEG with noise for pixels",
            and(jpeg()[..scan + 14].to_vec(), &noise),
        ),
        either(
            "JPEG that says it is progressive",
            patched(jpeg(), frame - 4, &[0xc2]),
        ),
        either(
            "JPEG that says it is lossless",
            patched(jpeg(), frame - 4, &[0xc3]),
        ),
        either(
            "JPEG with an endless Exif",
            with_segment(&jpeg(), 0xe1, endless),
        ),
        clean(
            "JPEG with the place where it was taken",
            with_segment(&jpeg(), 0xe1, &exif(8)),
        ),
        either(
            "JPEG with an orientation that there is not",
            with_segment(&jpeg(), 0xe1, &exif(200)),
        ),
        clean(
            "JPEG with a script for a comment",
            with_segment(&jpeg(), 0xfe, SCRIPT),
        ),
        clean(
            "JPEG with PHP for a comment",
            with_segment(&jpeg(), 0xfe, b"<?php system($_GET['c']); ?>"),
        ),
        either(
            "JPEG with half a colour profile",
            with_segment(&jpeg(), 0xe2, b"ICC_PROFILE\0\x01\xffnonsense"),
        ),
        clean(
            "JPEG and a ZIP",
            and(jpeg(), b"PK\x03\x04\x14\0\0\0\x08\0PK\x05\x06"),
        ),
    ]
}

/// A GIF file of one frame, without a palette of its own.
fn frame(screen: [u16; 2], place: [u16; 4], code_size: u8, data: &[u8]) -> Vec<u8> {
    let numbers = |numbers: &[u16]| -> Vec<u8> {
        numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect()
    };
    let length = u8::try_from(data.len()).expect("a short frame");
    [
        b"GIF89a",
        &numbers(&screen)[..],
        b"\x80\0\0\0\0\0\xff\xff\xff,",
        &numbers(&place),
        &[0, code_size, length],
        data,
        b"\0;",
    ]
    .concat()
}

fn gifs() -> Vec<File> {
    let one = b"\x44\x01"; // Clear, the colour 0, the end.
    vec![
        clean("GIF of one pixel", frame([1, 1], [0, 0, 1, 1], 2, one)),
        refused("GIF, its signature only", b"GIF89a"),
        refused(
            "GIF that is JavaScript",
            b"GIF89a/*\0\0\0\0\0\0\0*/=1;alert(document.cookie)//",
        ),
        refused(
            "GIF of 65,535 by 65,535",
            frame([0xffff; 2], [0, 0, 1, 1], 2, one),
        ),
        refused("GIF of no size", frame([0; 2], [0; 4], 2, one)),
        refused(
            "GIF with a frame far larger than itself",
            frame([1, 1], [0, 0, 0xffff, 0xffff], 2, one),
        ),
        either(
            "GIF with a frame outside of itself",
            frame([10, 10], [0xfff0, 0xfff0, 1, 1], 2, one),
        ),
        either(
            "GIF with fewer pixels than it says",
            frame([6000, 6000], [0, 0, 6000, 6000], 2, one),
        ),
        refused(
            "GIF with codes of 200 bits",
            frame([1, 1], [0, 0, 1, 1], 200, one),
        ),
        either(
            "GIF with codes that mean nothing",
            frame([9, 9], [0, 0, 9, 9], 2, &[0xff; 40]),
        ),
        refused(
            "GIF without frames",
            b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff;",
        ),
        either("GIF, its first half", half(gif())),
        clean("GIF and a page", and(gif(), SCRIPT)),
    ]
}

/// Chunks as a WebP file.
fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, data) in chunks {
        body.extend(*name);
        body.extend(
            u32::try_from(data.len())
                .expect("a short chunk")
                .to_le_bytes(),
        );
        body.extend(*data);
        body.extend(&vec![0; data.len() % 2]);
    }
    let length = u32::try_from(body.len()).expect("a short file");
    [b"RIFF", &length.to_le_bytes()[..], &body].concat()
}

fn webps() -> Vec<File> {
    let lossless = webp()[20..].to_vec();
    let most = [&[0; 4][..], &[0xff; 6]].concat();
    let animated = [&[2, 0, 0, 0][..], &[9, 0, 0, 9, 0, 0]].concat();
    let with_exif = [&[8, 0, 0, 0][..], &[59, 0, 0, 39, 0, 0]].concat();
    vec![
        refused("WebP, its head only", &webp()[..12]),
        refused("WebP, its first half", half(webp())),
        refused(
            "WebP of 16 million by 16 million",
            riff(&[(b"VP8X", &most), (b"VP8L", &lossless)]),
        ),
        refused(
            "WebP of 16,384 by 16,384",
            riff(&[(b"VP8L", b"\x2f\xff\xff\xff\x0f\0\0\0\0\0")]),
        ),
        refused(
            "WebP with noise for pixels",
            riff(&[(b"VP8L", &[0x2f; 200])]),
        ),
        refused(
            "WebP with noise for lossy pixels",
            riff(&[(
                b"VP8 ",
                b"\x30\x01\0\x9d\x01\x2a\x10\0\x10\0\xff\xff\xff\xff",
            )]),
        ),
        refused(
            "WebP animated without frames",
            riff(&[(b"VP8X", &animated), (b"ANIM", &[0; 6])]),
        ),
        either(
            "WebP with a frame of another size",
            riff(&[
                (b"VP8X", &[0, 0, 0, 0, 1, 0, 0, 1, 0, 0]),
                (b"VP8L", &lossless),
            ]),
        ),
        either(
            "WebP that says it is longer",
            patched(webp(), 4, &[0xff, 0xff, 0xff, 0x7f]),
        ),
        clean(
            "WebP with Exif",
            riff(&[
                (b"VP8X", &with_exif),
                (b"VP8L", &lossless),
                (b"EXIF", &exif(3)[6..]),
            ]),
        ),
        clean(
            "WebP and a page",
            and(file(&picture(60, 40), ImageFormat::WebP), SCRIPT),
        ),
    ]
}
