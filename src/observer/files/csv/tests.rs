use super::*;
use crate::observer::TestDirectory;

const HEADER: [&str; 2] = ["a", "b"];

fn row(number: usize) -> [[String; 2]; 1] {
    [[number.to_string(), "x".to_owned()]]
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn open(path: &Path, header: &[&str]) -> CsvFile {
    let (file, opened) = CsvFile::open_or_keep(path, header);
    opened.unwrap();
    file
}

/// A file that can't be written, whoever one is: a directory stands in its place.
fn blocked(path: &Path) -> CsvFile {
    fs::create_dir(path).unwrap();
    let (file, opened) = CsvFile::open_or_keep(path, &HEADER);
    assert!(opened.is_err());
    file
}

#[test]
fn rows_are_appended_over_several_lives_under_one_header() {
    let directory = TestDirectory::new("csv-lives");
    let path = directory.join("rows.csv");
    let append = |row: [&str; 2]| open(&path, &["kind", "detail"]).append([row]);
    assert!(matches!(append(["start", "with, a comma"]), Appended::Written));
    assert!(matches!(append(["end", "say \"so\""]), Appended::Written));
    assert_eq!(text(&path), "kind,detail\nstart,\"with, a comma\"\nend,\"say \"\"so\"\"\"\n");
}

#[test]
fn a_torn_last_line_is_cut_off() {
    let directory = TestDirectory::new("csv-torn");
    let path = directory.join("rows.csv");
    for torn in ["a,b\n1,2\n3", "a,b\n1,2\n"] {
        fs::write(&path, torn).unwrap();
        open(&path, &HEADER).append([["5", "6"]]);
        assert_eq!(text(&path), "a,b\n1,2\n5,6\n");
    }
    fs::write(&path, "x".repeat(200_000)).unwrap();
    open(&path, &HEADER);
    assert_eq!(text(&path), "a,b\n");
}

#[test]
fn rows_that_can_t_be_written_are_kept_and_written_later() {
    let directory = TestDirectory::new("csv-kept");
    let path = directory.join("rows.csv");
    let mut file = blocked(&path);
    assert!(matches!(file.append(row(1)), Appended::Failed(_)));
    assert!(matches!(file.append([["2", "two\nlines"], ["3", "x"]]), Appended::Kept));
    assert_eq!(file.rows_outside(), 3);
    fs::remove_dir(&path).unwrap();
    assert!(matches!(file.append(row(4)), Appended::Recovered { late: 4, missing: 0, anew: false }));
    assert_eq!(text(&path), "a,b\n1,x\n2,\"two\nlines\"\n3,x\n4,x\n");
    assert!(matches!(file.append(row(5)), Appended::Written));
    assert_eq!(file.rows_outside(), 0);
}

#[test]
fn only_the_newest_are_kept_and_the_others_are_counted() {
    let directory = TestDirectory::new("csv-bounded");
    let path = directory.join("rows.csv");
    let mut file = blocked(&path);
    for number in 0..KEPT_ROWS + 7 {
        file.append(row(number));
    }
    fs::remove_dir(&path).unwrap();
    let none: [[&str; 2]; 0] = [];
    let Appended::Recovered { late, missing, anew: false } = file.append(none) else { panic!("not written") };
    assert_eq!((late, missing), (KEPT_ROWS as u64, 7));
    let text = text(&path);
    assert_eq!((text.lines().count(), text.lines().nth(1)), (KEPT_ROWS + 1, Some("7,x")));
}

#[test]
fn a_deleted_directory_and_an_emptied_file_are_made_anew() {
    let directory = TestDirectory::new("csv-deleted");
    let run = directory.join("runs/one");
    fs::create_dir_all(&run).unwrap();
    let path = run.join("rows.csv");
    let mut file = open(&path, &HEADER);
    assert!(matches!(file.append(row(1)), Appended::Written));
    fs::remove_dir_all(directory.join("runs")).unwrap();
    assert!(matches!(file.append(row(2)), Appended::WrittenAnew));
    assert!(matches!(file.append(row(3)), Appended::Written));
    assert_eq!(text(&path), "a,b\n2,x\n3,x\n");
    fs::write(&path, "").unwrap();
    assert!(matches!(file.append(row(4)), Appended::WrittenAnew));
    assert_eq!(text(&path), "a,b\n4,x\n");
    // Moved away it is the same file still.
    fs::rename(&run, directory.join("kept")).unwrap();
    assert!(matches!(file.append(row(5)), Appended::Written));
    assert_eq!(text(&directory.join("kept/rows.csv")), "a,b\n4,x\n5,x\n");
}

#[test]
fn a_full_disk_is_said_once() {
    let mut file = CsvFile::closed(Path::new("/dev/full"), &HEADER);
    assert!(matches!(file.append(row(1)), Appended::Failed(_)));
    assert!(matches!(file.append(row(2)), Appended::Kept));
    assert_eq!(file.rows_outside(), 2);
}
