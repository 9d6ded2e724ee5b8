//! A model of one's own says its shapes and labels, and one that can't be used is refused at the start.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::Value;

use crate::pictures::{pictures, post};
use crate::support::target::{Target, run, with_free_ports};

/// What comes of a run that ends at once, if it begins.
fn briefly(flags: &[&str]) -> (Option<i32>, String, String) {
    run(&with_free_ports(&[flags, &["--duration", "1ms"]].concat()))
}

/// A directory with the model and labels that are given.
fn with_model(model: &[u8], labels: Option<&str>) -> (tempfile::TempDir, String) {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("model.onnx");
    fs::write(&file, model).unwrap();
    if let Some(labels) = labels {
        fs::write(directory.path().join("model.txt"), labels).unwrap();
    }
    (directory, file.to_str().unwrap().to_owned())
}

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/work/inference/model")
}

#[test]
fn a_model_of_one_s_own_says_its_shapes_and_labels() {
    let flags = fs::read(model().join("flags-int8.onnx")).unwrap();
    let (_directory, file) = with_model(&flags, None);
    let target = Target::start(&["--mode", "single", "--model", &file]);
    let errors = target.errors();
    assert!(
        errors.contains("input image float32 [batch, 3, 128, 128]") && errors.contains("195 labels"),
        "{errors}"
    );
    let answer: Value = post(&mut target.connect(), "/infer", "", &pictures()[0].1).json();
    assert!(answer["class"].as_str().unwrap().starts_with("class "), "{answer}");
    let refused = post(&mut target.connect(), "/infer?quantised=on", "", &pictures()[0].1);
    assert!(refused.status == 400 && refused.text().contains("--model"), "{}", refused.text());
    // rten computes with whole numbers rightly for one picture alone.
    let refused = post(&mut target.connect(), "/infer?batch=2", "", &pictures()[0].1);
    assert!(refused.status == 400 && refused.text().contains("allowed is batch=1"), "{}", refused.text());
    let flags = ["--profile", "image-inference", "--set", "batch=2", "--set", "quantised=on"];
    for (code, _, errors) in [briefly(&flags), run(&[&["check"], &flags[..]].concat())] {
        assert!(code == Some(2) && errors.contains("image-inference: quantised=on takes one picture"), "{errors}");
    }
}

/// What the program runs is another form of the model that was trained (`scripts/flags/rows.py`): sums are rounded otherwise.
#[test]
fn the_model_in_rows_says_what_the_trained_one_says() {
    let flags = model().join("flags.onnx");
    let targets = [&[][..], &["--model", flags.to_str().unwrap()]]
        .map(|given| Target::start(&[&["--mode", "single"], given].concat()));
    let mut clients = targets.each_ref().map(Target::connect);
    for (label, picture) in pictures().into_iter().step_by(10) {
        let [rows, trained] = clients.each_mut().map(|client| post(client, "/infer", "", &picture).json());
        let difference = rows["score"].as_f64().unwrap() - trained["score"].as_f64().unwrap();
        assert!(rows["class"] == trained["class"] && difference.abs() < 1e-4, "{label}: {rows} {trained}");
    }
}

/// Changes a text of the file to another of the same length.
fn changed(from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut model = fs::read(model().join("flags.onnx")).unwrap();
    let places: Vec<usize> = (0..model.len() - from.len()).filter(|at| model[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        model[at..at + to.len()].copy_from_slice(to);
    }
    model
}

#[test]
fn a_model_that_cant_be_used_is_refused_at_the_start_with_a_sentence() {
    let flags = fs::read(model().join("flags.onnx")).unwrap();
    let cases = [
        (b"no model".to_vec(), None, "allowed is an ONNX file"),
        (flags[..flags.len() / 2].to_vec(), None, "allowed is an ONNX file"),
        (changed(b"GlobalAveragePool", b"GlobalAverageLool"), None, "operators that are: "),
        (flags.clone(), Some("one\ntwo\n"), "195 classes"),
    ];
    for (model, labels, says) in cases {
        let (_directory, file) = with_model(&model, labels);
        let (code, _, errors) = briefly(&["--model", &file]);
        assert!(code == Some(2) && errors.contains(says), "{says}: {code:?} {errors}");
        assert_eq!(errors.matches(&format!("--model {file}: ")).count(), 1, "{errors}");
    }
    let directory = tempfile::TempDir::new().unwrap();
    let pipe = directory.path().join("pipe.onnx");
    mkfifoat(CWD, &pipe, Mode::RWXU).unwrap();
    for (file, says) in [
        ("/nowhere.onnx", "No such file"),
        ("/proc", "it is no regular file"),
        ("/dev/zero", "it is no regular file"),
        (pipe.to_str().unwrap(), "it is no regular file"),
    ] {
        let (code, _, errors) = briefly(&["--model", file]);
        assert!(code == Some(2) && errors.contains(&format!("--model {file}: {says}")), "{errors}");
    }
}

/// A field of a protocol buffer: a message, a text or bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &varint(content.len() as u64), content].concat()
}

/// One that is a number.
fn number(field: u8, value: u64) -> Vec<u8> {
    [&[field << 3][..], &varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7F {
        bytes.extend(u8::try_from(value & 0x7F | 0x80));
        value >>= 7;
    }
    bytes.extend(u8::try_from(value));
    bytes
}

/// Name and shape of an input or output of float32; 0 is any number.
fn tensor(name: &str, shape: &[u64]) -> Vec<u8> {
    let dimension = |size: &u64| field(1, &if *size == 0 { field(2, b"batch") } else { number(1, *size) });
    let dimensions: Vec<u8> = shape.iter().flat_map(dimension).collect();
    let kind = field(1, &[number(1, 1), field(2, &dimensions)].concat());
    [field(1, name.as_bytes()), field(2, &kind)].concat()
}

/// An ONNX file: the picture times a factor, and the mean of each plane.
fn onnx(input: &[u64], factor: &[u8]) -> Vec<u8> {
    let node = |kind: &str, inputs: &[&str], output: &str| {
        let inputs: Vec<u8> = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
        field(1, &[inputs, field(2, output.as_bytes()), field(4, kind.as_bytes())].concat())
    };
    let graph = [
        node("Mul", &["image", "factor"], "times"),
        node("GlobalAveragePool", &["times"], "means"),
        node("Flatten", &["means"], "scores"),
        field(2, b"graph"),
        field(5, factor),
        field(11, &tensor("image", input)),
        field(12, &tensor("scores", &[0, 3])),
    ];
    [number(1, 8), field(8, &number(2, 13)), field(7, &graph.concat())].concat()
}

/// A factor of this value in the file.
fn factor(value: f32) -> Vec<u8> {
    [number(2, 1), field(8, b"factor"), field(9, &value.to_le_bytes())].concat()
}

#[test]
fn a_model_of_another_shape_without_its_weights_or_with_no_numbers_is_refused() {
    let (_directory, file) = with_model(&onnx(&[0, 3, 8, 8], &factor(1.0)), Some("red\ngreen\nblue\n"));
    let target = Target::start(&["--mode", "single", "--model", &file]);
    // Most of a red picture is red.
    let italy = &pictures().into_iter().find(|(label, _)| label == "Albania").unwrap().1;
    assert_eq!(post(&mut target.connect(), "/infer", "", italy).json()["class"], "red");
    drop(target);
    // One that takes one picture alone.
    let (_directory, file) = with_model(&onnx(&[1, 3, 8, 8], &factor(1.0)), None);
    let target = Target::start(&["--mode", "single", "--model", &file]);
    assert_eq!(post(&mut target.connect(), "/infer?batch=1", "", italy).status, 200);
    let refused = post(&mut target.connect(), "/infer?batch=2", "", italy);
    let sentence =
        "batch=2 and more need a model that takes any number of pictures at once: the input of this one has a 1";
    assert!(refused.status == 400 && refused.text().contains(sentence), "{}", refused.text());
    drop(target);
    for (switch, says) in [("batch=8", sentence), ("quantised=on", "quantised=on needs the program's own model")] {
        let flags = ["--model", &file, "--profile", "image-inference", "--set", switch];
        let (code, _, errors) = briefly(&flags);
        assert!(
            code == Some(2) && errors.contains(&format!("image-inference: --model {file}: {says}")),
            "{errors}"
        );
    }
    let external = [
        number(2, 1),
        field(8, b"factor"),
        field(13, &[field(1, b"location"), field(2, b"weights.bin")].concat()),
        number(14, 1),
    ];
    for (model, says) in [
        (onnx(&[0, 1, 8, 8], &factor(1.0)), "allowed is one input of float32 [batch, 3, height, width]"),
        (onnx(&[0, 3, 8, 5_000], &factor(1.0)), "up to 1024"),
        (onnx(&[0, 3, 8, 8], &factor(f32::NAN)), "no number (NaN)"),
        (onnx(&[0, 3, 8, 8], &external.concat()), "holds its weights itself"),
    ] {
        let (_directory, file) = with_model(&model, None);
        let (code, _, errors) = briefly(&["--model", &file]);
        assert!(code == Some(2) && errors.contains(says), "{says}: {code:?} {errors}");
        assert_eq!(errors.matches(&format!("--model {file}: ")).count(), 1, "{errors}");
    }
}
