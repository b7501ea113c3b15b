//! Making a small, clean, square picture of whatever was uploaded as one.
//!
//! Nothing of the upload is passed on but its pixels: they are decoded and encoded anew, so that what else the file holds
//! (metadata, scripts, another file) is left behind.

use std::io::Cursor;
use std::panic::catch_unwind;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, ImageResult, Limits, RgbaImage};

/// The most pixels that a picture may have.
const MAX_PIXELS: u64 = 40_000_000;

/// The most memory, in bytes, that the pixels of a picture may take, and what its decoder sets aside beside them.
const MAX_MEMORY: u64 = 256 * 1024 * 1024;

/// Of 100. Higher ones cost bytes that nobody sees.
const JPEG_QUALITY: u8 = 88;

/// The edges of the pictures that are made, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// For a profile page.
    Large,
    /// For a list.
    Small,
}

impl Size {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Large, Self::Small];

    /// The length of an edge.
    pub fn pixels(self) -> u32 {
        match self {
            Self::Large => 512,
            Self::Small => 96,
        }
    }
}

/// How the pictures are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Small, but all of the picture is opaque.
    Jpeg,
    /// WebP without loss, for what is transparent somewhere.
    WebP,
}

/// The pictures made of an upload.
pub struct Pictures {
    pub encoding: Encoding,
    /// One file for each of [`Size::ALL`].
    pub files: [Vec<u8>; 2],
}

/// Why no picture can be made of an upload. Each text is one for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("Upload a PNG, JPEG, WebP or GIF image.")]
    Unknown,
    #[error("Upload a valid image. This one is damaged, or of a kind that cannot be read.")]
    Broken,
    #[error("The image has more than 40 megapixels.")]
    TooManyPixels,
    #[error(
        "The image takes too much memory to read. Save it with 8 bits for a colour, or smaller."
    )]
    TooMuchMemory,
}

impl From<image::ImageError> for Unfit {
    fn from(error: image::ImageError) -> Self {
        match error {
            image::ImageError::Limits(_) => Self::TooMuchMemory,
            _ => Self::Broken,
        }
    }
}

/// The middle of a PNG, JPEG, WebP or GIF file, whatever its name was; of an animation, that of the first frame.
///
/// # Errors
/// See [`Unfit`].
pub fn make(file: &[u8]) -> Result<Pictures, Unfit> {
    // A decoder that panics at a file has met one that is not in order.
    catch_unwind(|| {
        let whole = decode(file)?;
        Ok(encode(&square(&whole.0, whole.1))?)
    })
    .unwrap_or(Err(Unfit::Broken))
}

fn decode(file: &[u8]) -> Result<(DynamicImage, Orientation), Unfit> {
    let format = image::guess_format(file).map_err(|_| Unfit::Unknown)?;
    if !matches!(
        format,
        ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Gif
    ) {
        return Err(Unfit::Unknown);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Unfit::TooManyPixels);
    }
    if decoder.total_bytes() > MAX_MEMORY {
        return Err(Unfit::TooMuchMemory);
    }
    // Which side is up is worth no refusal.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}

/// The middle of a picture in the larger size, with its right side up. The picture itself is not copied.
fn square(whole: &DynamicImage, orientation: Orientation) -> RgbaImage {
    let (width, height) = (whole.width(), whole.height());
    let edge = width.min(height);
    let middle = imageops::crop_imm(whole, (width - edge) / 2, (height - edge) / 2, edge, edge);
    let size = Size::Large.pixels();
    let scaled = if edge > size {
        imageops::thumbnail(&*middle, size, size)
    } else {
        imageops::resize(&*middle, size, size, FilterType::CatmullRom)
    };
    let mut scaled = DynamicImage::ImageRgba8(scaled);
    scaled.apply_orientation(orientation);
    scaled.into_rgba8()
}

fn encode(large: &RgbaImage) -> ImageResult<Pictures> {
    let size = Size::Small.pixels();
    let small = imageops::thumbnail(large, size, size);
    let is_opaque = large.pixels().all(|pixel| pixel.0[3] == u8::MAX);
    let encoding = if is_opaque {
        Encoding::Jpeg
    } else {
        Encoding::WebP
    };
    Ok(Pictures {
        encoding,
        files: [write(large, encoding)?, write(&small, encoding)?],
    })
}

fn write(picture: &RgbaImage, encoding: Encoding) -> ImageResult<Vec<u8>> {
    let mut file = Vec::new();
    match encoding {
        Encoding::Jpeg => {
            let opaque = DynamicImage::ImageRgba8(picture.clone()).into_rgb8();
            opaque.write_with_encoder(JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY))?;
        }
        Encoding::WebP => picture.write_with_encoder(WebPEncoder::new_lossless(&mut file))?,
    }
    Ok(file)
}
