//! Hostile PNG files.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, GrayImage};

use super::super::pictures::{chunk, chunk_at, exif, png, with_chunk};
use super::files::{File, SCRIPT, and, clean, either, half, patched, refused};

/// The fields of a PNG header: width, height, bits, colours, interlacing.
fn header(width: u32, height: u32, bits: u8, colours: u8, interlaced: u8) -> Vec<u8> {
    let sizes = [width.to_be_bytes(), height.to_be_bytes()].concat();
    and(sizes, &[bits, colours, 0, 0, interlaced])
}

/// A PNG file with another header over the same pixels.
fn headed(header: &[u8]) -> Vec<u8> {
    let file = png();
    let (at, length) = chunk_at(&file, b"IHDR");
    [&file[..at], &chunk(b"IHDR", header), &file[at + length..]].concat()
}

/// A PNG file without its chunks of one kind.
fn without(name: &[u8; 4]) -> Vec<u8> {
    let mut file = png();
    let (at, length) = chunk_at(&file, name);
    file.drain(at..at + length);
    file
}

/// Black; small as a file, large as pixels.
fn black(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::NoFilter);
    let picture = DynamicImage::ImageLuma8(GrayImage::new(width, height));
    picture.write_with_encoder(encoder).expect("a picture");
    file
}

pub fn pngs() -> Vec<File> {
    let data = |data: &[u8]| {
        let file = without(b"IDAT");
        let (end, _) = chunk_at(&file, b"IEND");
        [&file[..end], &chunk(b"IDAT", data), &file[end..]].concat()
    };
    let (idat, idat_length) = chunk_at(&png(), b"IDAT");
    vec![
        refused("PNG, its signature only", &png()[..8]),
        refused("PNG of no width", headed(&header(0, 40, 8, 6, 0))),
        refused("PNG of no height", headed(&header(60, 0, 8, 6, 0))),
        refused(
            "PNG of the greatest size",
            headed(&header(0x7fff_ffff, 0x7fff_ffff, 8, 6, 0)),
        ),
        refused(
            "PNG of a size beyond the format's",
            headed(&header(u32::MAX, u32::MAX, 16, 6, 0)),
        ),
        refused(
            "PNG of 65,535 by 65,535",
            headed(&header(65_535, 65_535, 8, 6, 0)),
        ),
        refused(
            "PNG of one endless line",
            headed(&header(0x7fff_ffff, 1, 1, 0, 0)),
        ),
        refused("PNG of 40 megapixels and some", black(8000, 5001)),
        clean("PNG of 40 megapixels", black(8000, 5000)),
        refused(
            "PNG with 16 bits of 36 megapixels",
            headed(&header(6000, 6000, 16, 6, 0)),
        ),
        refused(
            "PNG that has fewer pixels than it says",
            headed(&header(6000, 6000, 8, 6, 0)),
        ),
        either(
            "PNG that has more pixels than it says",
            headed(&header(10, 10, 8, 6, 0)),
        ),
        refused("PNG of unknown colours", headed(&header(60, 40, 8, 7, 0))),
        refused("PNG of 3 bits", headed(&header(60, 40, 3, 0, 0))),
        refused("PNG without its palette", headed(&header(60, 40, 8, 3, 0))),
        either(
            "PNG with a palette that is too short",
            with_chunk(&headed(&header(60, 40, 8, 3, 0)), b"PLTE", &[1, 2, 3]),
        ),
        refused(
            "PNG interlaced in an unknown way",
            headed(&header(60, 40, 8, 6, 9)),
        ),
        either(
            "PNG interlaced although it is not",
            headed(&header(60, 40, 8, 6, 1)),
        ),
        refused(
            "PNG with a wrong checksum of its header",
            patched(png(), 29, &[1, 2, 3, 4]),
        ),
        refused(
            "PNG with a wrong checksum of its pixels",
            patched(png(), idat + idat_length - 4, &[1, 2, 3, 4]),
        ),
        refused("PNG, its first half", half(png())),
        refused("PNG without pixels", without(b"IDAT")),
        either("PNG without its end", without(b"IEND")),
        refused("PNG with pixels that cannot be unpacked", data(&[0xff; 64])),
        refused("PNG with empty pixels", data(&[])),
        refused(
            "PNG with a chunk that is longer than the file",
            patched(png(), idat, &[0x7f, 0xff, 0xff, 0xff]),
        ),
    ]
}

/// PNG files that are more than a picture.
pub fn png_texts() -> Vec<File> {
    // Forty megabytes of nothing, packed.
    let bomb = black(20_000, 2000);
    let (at, length) = chunk_at(&bomb, b"IDAT");
    let packed = &bomb[at + 8..at + length - 4];
    let animation = [&u32::MAX.to_be_bytes()[..], &[0; 4]].concat();
    let xmp = [b"XML:com.adobe.xmp\0\0\0\0\0", SCRIPT].concat();
    vec![
        clean(
            "PNG with a bomb for a comment",
            with_chunk(&png(), b"zTXt", &[b"Comment\0\0", packed].concat()),
        ),
        either(
            "PNG with a bomb for a colour profile",
            with_chunk(&png(), b"iCCP", &[b"icc\0\0", packed].concat()),
        ),
        clean(
            "PNG with a script in its text",
            with_chunk(&png(), b"tEXt", &[b"Comment\0", SCRIPT].concat()),
        ),
        clean(
            "PNG with a script in XMP",
            with_chunk(&png(), b"iTXt", &xmp),
        ),
        clean("PNG with Exif", with_chunk(&png(), b"eXIf", &exif(6)[6..])),
        either(
            "PNG animated with four thousand million frames",
            with_chunk(&png(), b"acTL", &animation),
        ),
        clean("PNG and a page", and(png(), SCRIPT)),
        clean(
            "PNG and a ZIP",
            and(png(), b"PK\x03\x04\x14\0\0\0\x08\0PK\x05\x06"),
        ),
    ]
}
