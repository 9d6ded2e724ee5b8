//! `quintain sample-images` makes pictures that the model tells apart, alike for a seed, and writes over nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::target::{Target, command, outcome, with_limit};

fn sample(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    outcome(&mut command(&[&["sample-images"], arguments].concat(), directory))
}

/// Names and contents, in order.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn sampled_pictures_are_told_apart_by_their_names() {
    let directory = tempfile::tempdir().unwrap();
    let (code, said, errors) =
        sample(directory.path(), &["pictures", "--count", "120", "--size", "200x150", "--seed", "11"]);
    assert_eq!((code, &*said, &*errors), (Some(0), "120 pictures of 39 flags, 200x150, seed 11: pictures\n", ""));
    let pictures = files(&directory.path().join("pictures"));
    assert_eq!((pictures.len(), &*pictures[0].0, &*pictures[119].0), (120, "000-Armenia.jpg", "119-Bulgaria.jpg"));
    let label = |name: &str| name[4..].trim_end_matches(".jpg").to_owned();
    assert_eq!(pictures.iter().map(|(name, _)| label(name)).collect::<BTreeSet<_>>().len(), 39);
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    let right = pictures.iter().filter(|(name, picture)| {
        client.send_post("/infer", "", picture).unwrap();
        let said = client.receive().unwrap().json();
        assert_eq!((&said["width"], &said["height"]), (&200.into(), &150.into()), "{name}: {said}");
        said["class"] == label(name)
    });
    let right = right.count();
    assert!(right >= 114, "{right} of 120");
}

#[test]
fn a_seed_makes_the_same_pictures_and_another_seed_others() {
    let directory = tempfile::tempdir().unwrap();
    let made = |name: &str, seed: &str, count: &str| {
        let (code, _, errors) =
            sample(directory.path(), &[name, "--count", count, "--size", "64x48", "--seed", seed]);
        assert_eq!(code, Some(0), "{errors}");
        files(&directory.path().join(name))
    };
    let first = made("first", "1", "5");
    // However many there are.
    assert_eq!(made("again", "1", "7")[..5], first);
    assert!(made("other", "2", "5").iter().zip(&first).all(|(one, other)| one.0 == other.0 && one.1 != other.1));
}

#[test]
fn nothing_is_written_over_and_what_is_wrong_is_said() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("mine"), "a file").unwrap();
    for (arguments, code, says) in [
        (&["."][..], 2, "sample-images .: there is something in it; allowed is a new or an empty directory"),
        (&["mine"], 1, "sample-images mine: "),
        (&["new", "--size", "640"], 2, "must be WIDTHxHEIGHT, such as 640x480, each 32 to 4096"),
        (&["new", "--size", "640x31"], 2, "each 32 to 4096"),
        (&["new", "--count", "0"], 2, "0 is not in 1..=100000"),
        (&[], 2, "<DIR>"),
    ] {
        let (found, _, errors) = sample(directory.path(), arguments);
        assert!(found == Some(code) && errors.contains(says), "{arguments:?}: {found:?} {errors}");
    }
    assert_eq!(files(directory.path()), [("mine".to_owned(), b"a file".to_vec())]);
}

#[test]
fn a_picture_that_finds_no_room_is_a_sentence_and_no_part_of_it_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let program = command(&["sample-images", "new", "--count", "2", "--size", "2000x2000"], directory.path());
    let (code, _, errors) = outcome(&mut with_limit("ulimit -f 2", &program));
    assert!(code == Some(1) && errors.contains("sample-images new: File too large"), "{code:?}: {errors}");
    assert_eq!(files(&directory.path().join("new")), []);
}
