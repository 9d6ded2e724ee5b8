//! `quintain sample-images DIR`: pictures of flags for a load script to send, each with its label in its name.

mod flags;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

use super::progress;
use crate::distribution::chance;
use crate::units::shown::{amount, float};
use flags::{FLAGS, Flag};

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// Where the pictures go.
    pub directory: PathBuf,
    /// How many.
    pub count: u32,
    /// What they are drawn by.
    pub seed: u64,
    /// Width and height, in pixels.
    pub size: (u32, u32),
}

/// Least and most width, and height.
const SIDES: std::ops::RangeInclusive<u32> = 32..=4_096;

/// Reads `640x480`.
///
/// # Errors
/// What is allowed.
pub fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides
        .filter(|(width, height)| SIDES.contains(width) && SIDES.contains(height))
        .ok_or_else(|| format!("must be WIDTHxHEIGHT, such as 640x480, each {} to {}", SIDES.start(), SIDES.end()))
}

/// Writes the pictures.
#[must_use]
pub fn run(asked: &Asked) -> ExitCode {
    let Asked { directory, count, seed, size: (width, height) } = asked;
    let told = |error: &io::Error| eprintln!("error: sample-images {}: {error}", directory.display());
    match is_empty(directory) {
        Ok(true) => {}
        Ok(false) => {
            let name = directory.display();
            eprintln!(
                "error: sample-images {name}: there is something in it; allowed is a new or an empty directory"
            );
            return ExitCode::from(2);
        }
        Err(error) => {
            told(&error);
            return ExitCode::FAILURE;
        }
    }
    let bar = progress::bar((*count).into(), true, "drawing {wide_bar} {pos} of {len} pictures, {eta} left");
    let written = (0..*count).try_for_each(|number| write(asked, number).inspect(|()| bar.inc(1)));
    bar.finish_and_clear();
    match written {
        Ok(()) => {
            let flags = FLAGS.len().min(*count as usize);
            let pictures = amount(float(u64::from(*count)), "picture");
            let flags = amount(float(flags as u64), "flag");
            println!("{pictures} of {flags}, {width}x{height}, seed {seed}: {}", directory.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            told(&error);
            ExitCode::FAILURE
        }
    }
}

/// Makes the directory, if there is none, and says whether nothing is in it.
fn is_empty(directory: &Path) -> io::Result<bool> {
    fs::create_dir_all(directory)?;
    Ok(fs::read_dir(directory)?.next().is_none())
}

/// Writes a picture, named by its number and its label. Each flag is shown as often as the others.
fn write(asked: &Asked, number: u32) -> io::Result<()> {
    let Asked { directory, count, seed, size } = asked;
    let flag = &FLAGS[(number as usize) % FLAGS.len()];
    let (picture, quality) = draw(flag, chance::stream(*seed, number.into()), *size);
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, quality).encode_image(&picture).map_err(io::Error::other)?;
    let digits = (count - 1).to_string().len().max(3);
    let path = directory.join(format!("{number:0digits$}-{}.jpg", flag.label));
    // A part of a picture is none.
    fs::write(&path, file).inspect_err(|_| drop(fs::remove_file(&path)))
}

/// A flag somewhere in front of something, turned a little, in some light, with noise; and how good its JPEG shall be.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Within 0 to 255.
fn draw(flag: &Flag, seed: u64, (width, height): (u32, u32)) -> (RgbImage, u8) {
    let between = |index: u64, least: f64, most: f64| least + (most - least) * chance::unit(seed, index);
    let colour = |index: u64| [0, 1, 2].map(|part| between(index + part, 0.0, 255.0));
    let (wide, high) = (f64::from(width), f64::from(height));
    let shape = between(0, 1.3, 1.8);
    let long = wide.min(high * shape) * between(1, 0.65, 0.95);
    let (sine, cosine) = libm::sincos(between(2, -0.25, 0.25));
    let middle = [(3, wide), (4, high)].map(|(index, side)| side * between(index, 0.45, 0.55));
    let light = [5, 6, 7].map(|index| between(8, 0.75, 1.1) * between(index, 0.95, 1.05));
    let (dim, noise) = (between(9, -0.2, 0.2), between(10, 0.0, 24.0));
    let (above, below) = (colour(11), colour(14));
    let at = |x: f64, y: f64| {
        let (right, down) = (x - middle[0], y - middle[1]);
        let place = [right * cosine + down * sine, (down * cosine - right * sine) * shape];
        let [x, y] = place.map(|from_middle| from_middle / long + 0.5);
        let is_flag = (0.0..1.0).contains(&x) && (0.0..1.0).contains(&y);
        is_flag.then(|| flag.at((x, y), shape))
    };
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let (x_pixel, y_pixel) = (f64::from(x), f64::from(y));
        let behind = [0, 1, 2].map(|part| above[part] + (below[part] - above[part]) * y_pixel / high);
        // A pixel is the mean of four places, or edges would be stairs.
        let mut sum = [0.0; 3];
        for (right, down) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
            let colour = at(x_pixel + right, y_pixel + down).map_or(behind, |colour| {
                let [_, red, green, blue] = colour.to_be_bytes();
                [red, green, blue].map(f64::from)
            });
            (0..3).for_each(|part| sum[part] += colour[part] / 4.0);
        }
        let shaded = 1.0 + dim * (x_pixel / wide - 0.5);
        let pixel = u64::from(y) * u64::from(width) + u64::from(x);
        Rgb([0, 1, 2].map(|part| {
            let grain = noise * (chance::unit(seed, 32 + 3 * pixel + part as u64) - 0.5);
            (sum[part] * light[part] * shaded + grain).clamp(0.0, 255.0) as u8
        }))
    });
    (picture, between(17, 45.0, 92.0) as u8)
}
