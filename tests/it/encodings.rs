//! A flag is told in whatever kind of PNG or JPEG it comes, or refused with a sentence: 16 bits, grey, palettes, transparent, animated,
//! progressive, in four inks.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgba};

use crate::pictures::post;
use crate::support::target::{Target, at_rest};

/// A file of `tests`.
fn file(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)).unwrap()
}

fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.into().write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

#[test]
fn every_kind_of_png_and_jpeg_is_told_or_refused() {
    let mali = image::load_from_memory(&file("flags/064-Mali.jpg")).unwrap();
    let korea = image::load_from_memory(&file("flags/048-South Korea.jpg")).unwrap();
    // Nothing of it is seen where transparency counts.
    let mut transparent = mali.to_rgba8();
    transparent.pixels_mut().for_each(|Rgba([.., opaque])| *opaque = 0);
    // Its lower bytes are noise.
    let mut deep = mali.to_rgb16();
    deep.pixels_mut().enumerate().for_each(|(number, pixel)| {
        pixel.0 = pixel.0.map(|value| value & 0xFF00 | u16::try_from(number * 7 % 256).unwrap());
    });
    let kinds = [
        ("8 bits", png(mali.to_rgb8()), "Mali", "png"),
        ("16 bits", png(deep), "Mali", "png"),
        ("8 bits, transparent", png(transparent), "Mali", "png"),
        ("16 bits, opaque", png(mali.to_rgba16()), "Mali", "png"),
        ("grey", png(korea.to_luma8()), "South Korea", "png"),
        ("grey of 16 bits", png(korea.to_luma16()), "South Korea", "png"),
        ("grey, opaque", png(korea.to_luma_alpha8()), "South Korea", "png"),
        ("a palette", file("encodings/palette.png"), "Mali", "png"),
        ("a palette with a transparent colour", file("encodings/palette-transparent.png"), "Mali", "png"),
        // The United Kingdom's comes next.
        ("the first of two frames", file("encodings/animated.png"), "Mali", "png"),
        ("progressive", file("encodings/progressive.jpg"), "Mali", "jpeg"),
        ("grey JPEG", file("encodings/grey.jpg"), "South Korea", "jpeg"),
        ("CMYK", file("encodings/cmyk-adobe.jpg"), "Mali", "jpeg"),
        ("YCCK", file("encodings/ycck-adobe.jpg"), "Mali", "jpeg"),
    ];
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    for (kind, picture, class, format) in &kinds {
        let answer = post(&mut client, "/infer", "", picture);
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
        let said = answer.json();
        assert_eq!((&said["class"], &said["format"]), (&(*class).into(), &(*format).into()), "{kind}: {said}");
    }
    let refused = post(&mut client, "/infer", "", &file("encodings/cmyk-plain.jpg"));
    assert!(refused.status == 400 && refused.text().contains("four inks"), "{}", refused.text());
    drop(client);
    assert_eq!(at_rest(&target)["totals"]["infer"]["decoded"], kinds.len());
}
