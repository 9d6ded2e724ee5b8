//! A picture as it was sent: PNG or JPEG, held to its limits by what its head declares, before a pixel is decoded.

use std::fmt;
use std::io::Cursor;

use bytes::Bytes;
use fast_image_resize::images::TypedImage;
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits, RgbImage};

use super::network::PLANES;
use crate::units;

/// What a decoder may need beside the pixels: tables, rows, chunks of text.
const BESIDE: u64 = 4 << 20;

/// Bytes that a decoder of JPEG keeps of a pixel beside the decoded one, at most: the coefficients of a progressive one.
const COEFFICIENTS: u64 = 8;

/// Bytes of a pixel in red, green and blue.
const RGB: u64 = 3;

/// What is wrong with a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It has no bytes.
    Empty,
    /// It is neither PNG nor JPEG.
    Unknown,
    /// It declares more pixels than it may have.
    TooManyPixels {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// `--max-pixels`
        most: u64,
    },
    /// A row or a text of it takes more than 4 MiB by itself.
    TooMuchBeside {
        /// How it is encoded.
        format: &'static str,
    },
    /// It can't be decoded.
    Broken {
        /// How it is encoded.
        format: &'static str,
        /// What the decoder says.
        reason: String,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("there is no picture: the body, or the file in it, is empty"),
            Self::Unknown => formatter.write_str("the picture is neither PNG nor JPEG; allowed are these two"),
            Self::TooManyPixels { width, height, most } => {
                let pixels = u64::from(*width) * u64::from(*height);
                write!(
                    formatter,
                    "the picture has {width} × {height} = {pixels} pixels; allowed are {most} (--max-pixels)"
                )
            }
            Self::TooMuchBeside { format } => write!(
                formatter,
                "the {format} takes more than {} for one of its rows or texts; allowed is that much",
                units::Bytes(BESIDE)
            ),
            Self::Broken { format, reason } => write!(formatter, "the {format} can't be decoded: {reason}"),
        }
    }
}

/// A picture whose head has been read.
pub struct Picture {
    decoder: Decoder,
    width: u32,
    height: u32,
}

enum Decoder {
    Png(Box<PngDecoder<Cursor<Bytes>>>),
    Jpeg(Box<JpegDecoder<Cursor<Bytes>>>),
}

impl Picture {
    /// Reads the head.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(encoded: Bytes, most: u64) -> Result<Self, Trouble> {
        if encoded.is_empty() {
            return Err(Trouble::Empty);
        }
        let format = image::guess_format(&encoded).map_err(|_| Trouble::Unknown)?;
        let limits = || {
            let mut limits = Limits::default();
            limits.max_alloc = Some(BESIDE);
            limits
        };
        let check_pixels = |(width, height): (u32, u32)| {
            let is_within = u64::from(width) * u64::from(height) <= most;
            if is_within { Ok(()) } else { Err(Trouble::TooManyPixels { width, height, most }) }
        };
        // Its decoder refuses a long row as soon as it is opened, and would not say whether all pixels are too many.
        if let Some(declared) = declared_by_png(&encoded) {
            check_pixels(declared)?;
        }
        let bytes = Cursor::new(encoded);
        let decoder = match format {
            ImageFormat::Png => PngDecoder::with_limits(bytes, limits()).map(Box::new).map(Decoder::Png),
            ImageFormat::Jpeg if is_in_unknown_inks(bytes.get_ref()) => return Err(unknown_inks()),
            ImageFormat::Jpeg => JpegDecoder::new(bytes).map(Box::new).map(Decoder::Jpeg),
            _ => return Err(Trouble::Unknown),
        };
        let name = if format == ImageFormat::Png { "PNG" } else { "JPEG" };
        let decoder = decoder.map_err(|error| broken(name, &error))?;
        let (width, height) = match &decoder {
            Decoder::Png(decoder) => decoder.dimensions(),
            Decoder::Jpeg(decoder) => decoder.dimensions(),
        };
        check_pixels((width, height))?;
        Ok(Self { decoder, width, height })
    }

    /// How it is encoded.
    #[must_use]
    pub fn format(&self) -> &'static str {
        match self.decoder {
            Decoder::Png(_) => "png",
            Decoder::Jpeg(_) => "jpeg",
        }
    }

    /// Pixels in a row.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// How much memory it takes to decode it and to make it `side` pixels wide or high, at most, by what its head declares.
    #[must_use]
    pub fn needs_bytes(&self, side: u32) -> u64 {
        self.decoding_bytes() + resizing_bytes((self.width, self.height), side)
    }

    fn decoding_bytes(&self) -> u64 {
        let pixels = u64::from(self.width) * u64::from(self.height);
        let (decoded, color) = match &self.decoder {
            Decoder::Png(decoder) => (decoder.total_bytes(), decoder.color_type()),
            Decoder::Jpeg(decoder) => (decoder.total_bytes() + COEFFICIENTS * pixels, decoder.color_type()),
        };
        // Another kind of pixels is made into this one, beside it.
        let made = if color == ColorType::Rgb8 { 0 } else { RGB * pixels };
        decoded + made + BESIDE
    }

    /// Decodes it: of one with several frames, the first.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(self) -> Result<Decoded, Trouble> {
        let most = self.decoding_bytes();
        match self.decoder {
            Decoder::Png(decoder) => decode(*decoder, most, "PNG"),
            Decoder::Jpeg(decoder) => decode(*decoder, most, "JPEG"),
        }
    }
}

fn decode(mut decoder: impl ImageDecoder, most: u64, format: &'static str) -> Result<Decoded, Trouble> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(most);
    decoder.set_limits(limits).map_err(|error| broken(format, &error))?;
    // One that is written wrongly turns nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(|error| broken(format, &error))?;
    Ok(Decoded { image: image.into_rgb8(), orientation })
}

/// What the resizer needs at most. It first makes the picture as high as the result, or higher, in its whole width. And it keeps
/// weights: each pixel of a row, and of a column, goes into two of the result, once as a float of 8 bytes and once in 2.
fn resizing_bytes((width, height): (u32, u32), side: u32) -> u64 {
    /// Bytes a pixel.
    const WEIGHTS: u64 = 2 * (8 + 2);
    let [width, height, side] = [width, height, side].map(u64::from);
    RGB * width * side + WEIGHTS * (width + height + 2 * side)
}

/// Width and height, where a PNG says them: in its first chunk.
fn declared_by_png(encoded: &[u8]) -> Option<(u32, u32)> {
    let chunk = encoded.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")?;
    let (width, rest) = chunk.split_first_chunk()?;
    Some((u32::from_be_bytes(*width), u32::from_be_bytes(*rest.first_chunk()?)))
}

/// Whether a JPEG is in CMYK without Adobe's marker: then nothing says whether 0 is none or all of an ink. The decoder takes it for
/// all, as Adobe does, and a file of the other kind would come out as its negative.
fn is_in_unknown_inks(jpeg: &[u8]) -> bool {
    const FRAMES: std::ops::RangeInclusive<u8> = 0xC0..=0xC2;
    const ADOBE: u8 = 0xEE;
    const SCAN: u8 = 0xDA;
    let (mut inks, mut is_adobes, mut rest) = (0, false, jpeg.get(2..).unwrap_or_default());
    while let [0xFF, marker, high, low, content @ ..] = rest {
        if *marker == SCAN {
            break;
        }
        if FRAMES.contains(marker) {
            inks = content.get(5).copied().unwrap_or(0);
        }
        is_adobes |= *marker == ADOBE && content.starts_with(b"Adobe");
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        rest = content.get(length.saturating_sub(2)..).unwrap_or_default();
    }
    inks == 4 && !is_adobes
}

fn unknown_inks() -> Trouble {
    let reason = "it has four inks, and no Adobe marker says what 0 of them is; allowed are RGB, grey, and CMYK with that marker";
    Trouble::Broken { format: "JPEG", reason: reason.to_owned() }
}

fn broken(format: &'static str, error: &ImageError) -> Trouble {
    if matches!(error, ImageError::Limits(_)) {
        return Trouble::TooMuchBeside { format };
    }
    Trouble::Broken { format, reason: error.to_string() }
}

/// A decoded picture: red, green and blue of 8 bits, whatever it was sent as. What is transparent shows what stands there.
pub struct Decoded {
    image: RgbImage,
    /// How the camera was held.
    orientation: Orientation,
}

impl Decoded {
    /// Its pixels in this size, as a network takes them: one plane a colour, each value from 0 to 1.
    ///
    /// # Errors
    /// What the resizing says.
    pub fn resized(&mut self, width: u32, height: u32) -> Result<Vec<f32>, String> {
        let is_turned = matches!(
            self.orientation,
            Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH
        );
        let (across, down) = if is_turned { (height, width) } else { (width, height) };
        let told = |error: &dyn fmt::Display| error.to_string();
        let size = self.image.dimensions();
        // Of the type that the resizer itself has between its passes: another would double its code.
        let from = TypedImage::<U8x3>::from_buffer(size.0, size.1, &mut self.image);
        let from = from.map_err(|error| told(&error))?;
        let mut small = RgbImage::new(across, down);
        let mut into = TypedImage::<U8x3>::from_buffer(across, down, &mut small).map_err(|error| told(&error))?;
        // As Pillow does it: a triangle as wide as the pixels that it takes together.
        let options =
            ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
        Resizer::new().resize_typed(&from, &mut into, &options).map_err(|error| told(&error))?;
        let mut small = DynamicImage::ImageRgb8(small);
        small.apply_orientation(self.orientation);
        Ok(planes(small.into_rgb8().as_raw()))
    }
}

/// All reds, then all greens, then all blues, each from 0 to 1.
fn planes(pixels: &[u8]) -> Vec<f32> {
    let (pixels, _) = pixels.as_chunks::<PLANES>();
    // One loop a plane over whole pixels is what the compiler makes vectors of.
    let plane = |color: usize| pixels.iter().map(move |pixel| f32::from(pixel[color]) / 255.0);
    let mut planes = Vec::with_capacity(PLANES * pixels.len());
    (0..PLANES).for_each(|color| planes.extend(plane(color)));
    planes
}
