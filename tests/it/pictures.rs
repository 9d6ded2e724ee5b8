//! A picture is told by its flag, however it is sent; what can't be one is refused by what its head declares, before it takes
//! memory.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::support::client::{Client, Response};
use crate::support::crc32;
use crate::support::target::{MODES, Target, at_rest, metrics};
use crate::support::wait_for;

/// The pictures that the model never saw, with their labels.
pub fn pictures() -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flags");
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let label = |file: &Path| file.file_stem().unwrap().to_str().unwrap()[4..].to_owned();
    files.iter().map(|file| (label(file), fs::read(file).unwrap())).collect()
}

pub fn post(client: &mut Client, path: &str, headers: &str, body: &[u8]) -> Response {
    client.send_post(path, headers, body).unwrap();
    client.receive().unwrap()
}

/// As curl -F sends it, behind another field.
fn form(picture: &[u8]) -> (&'static str, Vec<u8>) {
    let before = "--edge\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nsomebody\r\n\
                  --edge\r\nContent-Disposition: form-data; name=\"image\"; filename=\"flag.png\"\r\nContent-Type: image/png\r\n\r\n";
    let body = [before.as_bytes(), picture, b"\r\n--edge--\r\n"].concat();
    ("Content-Type: multipart/form-data; boundary=edge\r\n", body)
}

/// Nearly all: another processor rounds otherwise.
fn nearly_all(right: usize) {
    assert!(right >= 97, "{right} of 100");
}

#[test]
fn flags_are_told_by_both_models_as_bodies_and_in_forms() {
    let target = Target::start(&["--mode", "cluster", "--workers", "2"]);
    let mut client = target.connect();
    let pictures = pictures();
    assert_eq!(pictures.len(), 100);
    for quantised in ["off", "on"] {
        let mut right = 0;
        for (number, (label, picture)) in pictures.iter().enumerate() {
            let (headers, form) = form(picture);
            let path = format!("/infer?quantised={quantised}&on={}", ["loop", "pool"][number % 2]);
            let (headers, body) = if number % 3 == 0 { (headers, &form) } else { ("", picture) };
            let answer = post(&mut client, &path, headers, body);
            assert_eq!(answer.status, 200, "{}", answer.text());
            let said = answer.json();
            right += usize::from(said["class"] == **label);
            assert_eq!((&said["format"], said["top"].as_array().unwrap().len()), (&"jpeg".into(), 3), "{said}");
            let parts = ["queue", "loop", "inject", "pool", "decode", "resize", "infer", "cpu", "io"];
            let sum: f64 = parts.iter().map(|part| answer.timing(part)).sum();
            assert!(answer.timing("decode") > 0.0 && answer.timing("infer") > 0.0);
            assert!(sum <= answer.timing("total") + 0.005, "{sum} ms in parts: {:?}", answer.headers);
        }
        nearly_all(right);
    }
}

/// Green, yellow and red from the left is Mali's; from the right it is Guinea's.
#[test]
fn a_picture_is_turned_as_its_camera_says() {
    let target = Target::start(&["--mode", "single"]);
    let mali = pictures().into_iter().find(|(label, _)| label == "Mali").unwrap().1;
    let entry = [&[0x12, 1, 3, 0, 1, 0, 0, 0, 3, 0, 0, 0][..], &[0; 4]].concat();
    let exif = [b"Exif\0\0II*\0\x08\0\0\0\x01\0", &entry[..]].concat();
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let turned = [&mali[..2], &[0xFF, 0xE1], &length, &exif, &mali[2..]].concat();
    for (picture, class) in [(&mali, "Mali"), (&turned, "Guinea")] {
        assert_eq!(post(&mut target.connect(), "/infer", "", picture).json()["class"], class);
    }
}

#[test]
fn a_picture_that_comes_again_is_answered_from_what_was_kept() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    let pictures = pictures();
    let mut ask = |picture: &[u8], quantised: &str| {
        let said = post(&mut client, &format!("/infer?cache=on&quantised={quantised}"), "", picture).json();
        (said["cache"].as_str().unwrap().to_owned(), said["class"].clone(), said["infer_ms"].as_f64().unwrap())
    };
    let first = ask(&pictures[0].1, "off");
    let again = ask(&pictures[0].1, "off");
    assert_eq!((&*first.0, &*again.0, &first.1), ("miss", "hit", &again.1));
    assert!(first.2 > 0.0 && again.2 == 0.0);
    // Another picture, another model.
    assert_eq!((ask(&pictures[1].1, "off").0, ask(&pictures[0].1, "on").0), ("miss".to_owned(), "miss".to_owned()));
    drop(client);
    assert_eq!(at_rest(&target)["totals"]["cache"], serde_json::json!({ "hits": 1, "misses": 3 }));
}

/// How often, how long and with how much CPU pictures were decoded and the model was run: by `/stats`, the rows and the metrics
/// alike, as the answers say it. A picture that was kept or refused is none of them.
#[test]
fn what_models_do_is_counted() {
    for mode in MODES {
        let target = Target::start(&[mode, &["--sample-interval", "100ms"]].concat());
        let pictures = pictures();
        let mut told = [0.0; 4];
        let mut client = target.connect();
        for number in 0..18 {
            let path = ["/infer", "/infer?on=pool", "/infer?cache=on"][number % 3];
            // Of those whose answers are kept, every second one comes again.
            let (_, picture) = &pictures[if number % 6 == 5 { number - 3 } else { number }];
            let answer = post(&mut client, path, "", picture);
            for (sum, part) in told.iter_mut().zip(["decode", "resize", "infer", "pool"]) {
                *sum += answer.timing(part) / 1e3;
            }
        }
        assert_eq!(post(&mut client, "/infer", "", b"text").status, 415);
        drop(client);
        let stats = at_rest(&target)["totals"]["infer"].clone();
        assert_eq!(["decoded", "pictures", "runs"].map(|name| stats[name].as_u64()), [Some(15); 3], "{stats}");
        let [decode, resize, run, wait] =
            ["decode", "resize", "run", "wait"].map(|name| stats[format!("{name}_seconds")].as_f64().unwrap());
        for (counted, told) in [decode, resize, run].into_iter().zip(told) {
            // Each of them is whole microseconds.
            assert!(told > 0.0 && (counted - told).abs() < 1e-4, "{mode:?}: {stats}, and in the answers {told:?}");
        }
        // An answer has its wait for a thread of the pool there, too.
        assert!(wait > 0.0 && wait < told[3], "{stats} {told:?}");
        let cpu = stats["cpu_seconds"].as_f64().unwrap();
        assert!(cpu > 0.0 && cpu <= decode + resize + run + 1e-4, "{stats}");
        let names =
            ["decoded", "decode_seconds", "resize_seconds", "pictures", "wait_seconds", "runs", "run_seconds"];
        let metrics = wait_for("a tick with all of it", || {
            let text = metrics(&target, "quintain_worker_infer_");
            text.lines().filter_map(metric_of("pictures")).sum::<f64>().eq(&15.0).then_some(text)
        });
        let row = target.end().csv("resources.csv").pop().unwrap();
        for name in names.iter().chain(&["cpu_seconds"]) {
            let counted = stats[name].as_f64().unwrap();
            let of_slots: f64 = metrics.lines().filter_map(metric_of(name)).sum();
            assert!((of_slots - counted).abs() < 1e-6, "{name}: {metrics}");
            let cell: f64 = row[&format!("infer_{name}_total")].parse().unwrap();
            assert!((cell - counted).abs() < 1e-6, "{name}: {row:?}");
        }
    }
}

/// The value of a line, if it is of this metric of models.
fn metric_of(name: &str) -> impl Fn(&str) -> Option<f64> {
    let metric = format!("quintain_worker_infer_{name}_total{{");
    move |line| line.strip_prefix(&metric)?.split_once("} ")?.1.parse().ok()
}

/// A PNG's chunk.
fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&kind[..], data].concat();
    [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], &body, &crc32(&body).to_be_bytes()].concat()
}

/// A PNG that declares so many pixels of so many bits and this kind of colour, with this zlib stream of them.
fn png_of((width, height): (u32, u32), bits_and_colour: [u8; 2], data: &[u8]) -> Vec<u8> {
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &bits_and_colour, &[0; 3]].concat();
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(*b"IHDR", &head), &chunk(*b"IDAT", data), &chunk(*b"IEND", b"")].concat()
}

/// A PNG in red, green and blue that declares so many pixels, of which it has none.
fn png(width: u32, height: u32) -> Vec<u8> {
    let empty = [0x78, 0x9C, 3, 0, 0, 0, 0, 1];
    png_of((width, height), [8, 2], &empty)
}

/// The most memory that the process ever held, in bytes.
fn peak(target: &Target) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", target.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

#[test]
fn what_is_no_picture_within_the_limits_is_refused_before_it_takes_memory() {
    let target = Target::start(&["--mode", "single", "--max-body", "8MiB"]);
    let mut client = target.connect();
    let pictures = pictures();
    let picture = &pictures[0].1;
    assert_eq!(post(&mut client, "/infer", "", picture).status, 200);
    let before = peak(&target);
    let (kind, good) = form(picture);
    let long_head =
        [b"--edge\r\nX-Long: ".to_vec(), vec![b'a'; 1_000_000], b"\r\n\r\nx\r\n--edge--\r\n".to_vec()].concat();
    let many_fields = b"--edge\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n".repeat(20_000);
    let cut = &picture[..picture.len() / 2];
    for (what, headers, body, statuses, says) in [
        ("nothing", "", &b""[..], &[400][..], "there is no picture"),
        ("text", "", b"GIF89a or something else", &[415], "neither PNG nor JPEG"),
        ("100 megapixels", "", &png(10_000, 10_000), &[413], "(--max-pixels)"),
        ("4 gigapixels", "", &png(65_000, 65_000), &[413], "(--max-pixels)"),
        ("a row over the pixels", "", &png(16_000_001, 1), &[413], "(--max-pixels)"),
        ("the longest row of all", "", &png(u32::MAX >> 1, 1), &[413], "(--max-pixels)"),
        ("a row of 6 MB", "", &png(2_000_000, 1), &[413], "more than 4MiB for one of its rows"),
        ("a bomb", "", &png(3_900, 4_000), &[400, 503], ""),
        ("a head alone", "", &picture[..30], &[400], "can't be decoded"),
        ("half of it", "", cut, &[200, 400], ""),
        ("no boundary", "Content-Type: multipart/form-data\r\n", &good, &[400], "send a form with a file"),
        (
            "no file",
            kind,
            b"--edge\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--edge--\r\n",
            &[400],
            "no part of the form has a filename that can be read",
        ),
        ("an unfinished form", kind, &good[..good.len() - 20], &[400], "can't be read"),
        ("a head of 1 MB", kind, &long_head, &[400], "before its first file"),
        ("fields alone", kind, &many_fields, &[400], "before its first file"),
    ] {
        let answer = post(&mut client, "/infer", headers, body);
        assert!(statuses.contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        assert!(
            answer.status == 200 || answer.json()["error"].as_str().unwrap().contains(says),
            "{what}: {}",
            answer.text()
        );
        if answer.header("connection") == Some("close") {
            client = target.connect();
        }
    }
    // A client that stops in the middle of its upload.
    let mut leaves = target.connect();
    leaves
        .send(format!("POST /infer HTTP/1.1\r\nHost: a\r\nContent-Length: 7000000\r\n\r\n{}", "x".repeat(100_000)))
        .unwrap();
    drop(leaves);
    drop(client);
    let stats = at_rest(&target);
    assert_eq!(stats["totals"]["in_flight"], 0);
    // The largest that was let through, decoded in three bytes a pixel, and what an upload may hold.
    let most = 3 * 16_000_000 + 3 * 8 * 1_048_576;
    let more = peak(&target) - before;
    assert!(more < most, "{more} bytes more than with a small picture");
    assert_eq!(post(&mut target.connect(), "/infer", "", picture).json()["class"], *pictures[0].0);
}

/// The same form has the same answer, in one piece or in many.
#[test]
fn what_a_form_may_send_before_its_file_is_counted_to_the_byte() {
    const MOST: usize = 64 * 1024;
    let target = Target::start(&["--mode", "single"]);
    let picture = &pictures()[0].1;
    let (kind, good) = form(picture);
    let file_at = good.len() - picture.len() - b"\r\n--edge--\r\n".len();
    for (padding, statuses) in [(MOST - file_at, 200), (MOST - file_at + 1, 400)] {
        // What stands before the first boundary is no part of a form.
        let body = [&b"x".repeat(padding - 2), &b"\r\n"[..], &good].concat();
        for piece in [1_000, 10_000, body.len()] {
            let mut client = target.connect();
            let head = format!("POST /infer HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n{kind}\r\n", body.len());
            client.send(head).unwrap();
            for piece in body.chunks(piece) {
                client.send(piece).unwrap();
            }
            let answer = client.receive().unwrap();
            assert_eq!(answer.status, statuses, "{padding} in pieces of {piece}: {}", answer.text());
        }
    }
}

/// The first request of all waits for a model that no profile asks for; a profile's is there before it.
#[test]
fn the_model_of_a_profile_is_loaded_before_it_serves_and_any_other_by_the_first_request() {
    let picture = &pictures()[0].1;
    for quantised in ["off", "on"] {
        let switch = format!("quantised={quantised}");
        let target = Target::start(&["--mode", "single", "--profile", "image-inference", "--set", &switch]);
        let answer = post(&mut target.connect(), "/predict", "", picture);
        let (pool, total) = (answer.timing("pool"), answer.timing("total"));
        assert!(pool < total / 2.0, "{switch}: {pool} of {total} ms");

        let target = Target::start(&["--mode", "single"]);
        let answer = post(&mut target.connect(), &format!("/infer?{switch}"), "", picture);
        let sum: f64 = ["pool", "decode", "resize", "infer"].iter().map(|part| answer.timing(part)).sum();
        assert!(sum > answer.timing("total") / 2.0, "{switch}: {sum} ms in parts: {:?}", answer.headers);
    }
}

/// The resizer first makes a picture as high as the model takes it, 128 pixels: of one row, that is far more than the picture.
#[test]
fn what_a_picture_takes_to_be_resized_is_counted_before_it_is() {
    let row = |width: u32| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 1 + width as usize / 8]).unwrap();
        png_of((width, 1), [1, 0], &encoder.finish().unwrap())
    };
    for (limit, served, refused) in [("8MiB", 8_000, 600_000), ("256MiB", 80_000, 4_000_000)] {
        let target = Target::start(&["--mode", "single", "--max-mem", limit]);
        let mut client = target.connect();
        assert_eq!(post(&mut client, "/infer", "", &row(served)).status, 200, "{limit} {served}");
        let before = peak(&target);
        let answer = post(&mut client, "/infer", "", &row(refused));
        let said = answer.text();
        assert!(answer.status == 413 && said.contains(&format!("--max-mem {limit} allows no more")), "{said}");
        let more = peak(&target) - before;
        assert!(more < 8 << 20, "{limit}: {more} bytes more for what was refused");
    }
}

/// Nobody else is there who could give memory back.
#[test]
fn a_picture_that_needs_more_memory_than_there_may_be_is_too_large() {
    let target = Target::start(&["--mode", "single", "--max-mem", "2MiB"]);
    let mut client = target.connect();
    let upload = vec![b'x'; 4 << 20];
    for (what, body) in [("a decoded picture", &pictures()[0].1), ("an upload", &upload)] {
        let answer = post(&mut client, "/infer", "", body);
        let said = answer.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, 413, "{what}: {said}");
        assert!(
            said.starts_with("this request needs ") && said.ends_with("--max-mem 2MiB allows no more"),
            "{said}"
        );
        if answer.header("connection") == Some("close") {
            client = target.connect();
        }
    }
}

#[test]
fn a_profile_classifies_what_is_posted_in_every_mode() {
    let pictures = pictures();
    for mode in MODES {
        let flags =
            [&["--profile", "image-inference", "--set", "quantised=on", "--set", "thread=pool"], mode].concat();
        let target = Target::start(&flags);
        let mut client = target.connect();
        let right = pictures.iter().take(20).filter(|(label, picture)| {
            let (headers, body) = form(picture);
            let answer = post(&mut client, "/predict", headers, &body);
            assert_eq!(answer.status, 200, "{mode:?} {}", answer.text());
            answer.text().contains(label)
        });
        let right = right.count();
        assert!(right >= 18, "{mode:?} {right}");
        let refused = post(&mut client, "/predict", "", b"text");
        assert_eq!(refused.status, 415, "{}", refused.text());
        assert_eq!(target.end().code, Some(0), "{mode:?}");
    }
}
