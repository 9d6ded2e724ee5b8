//! Files whose names somebody has given: such a name may be that of something without an end.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::units::Bytes;

/// Largest configuration or profile, in bytes.
pub const SETTINGS: u64 = 1 << 20;

/// What some editors put in front of a text.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Opens a regular file to read it, and waits for nobody: a pipe without a writer would never end.
///
/// # Errors
/// What the file system says, or that there is no regular file.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

/// The whole text of a file, or of a pipe.
///
/// # Errors
/// A clause: what the system says, that it is no text, or that it has more than `most` bytes.
pub fn text(path: &Path, most: u64) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    utf8(up_to(file, most)?)
}

/// All bytes of a regular file.
///
/// # Errors
/// A clause: what the system says, that it is no regular file, or that it has more than `most` bytes.
pub fn bytes(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    up_to(open(path).map_err(|error| error.to_string())?, most)
}

/// Bytes as text.
///
/// # Errors
/// A clause: that they are none.
pub fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| "stream did not contain valid UTF-8".to_owned())
}

fn up_to(file: File, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = file.take(most + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if read as u64 > most { Err(format!("it has more than {}", Bytes(most))) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_and_what_is_no_file_are_refused() {
        for name in ["/dev/zero", "/proc/self/status"] {
            assert!(text(Path::new(name), 10).unwrap_err().contains("it has more than 10"), "{name}");
        }
        for (name, says) in
            [("/dev/zero", "no regular file"), ("/proc", "no regular file"), ("/nowhere", "No such file")]
        {
            let said = bytes(Path::new(name), 10).unwrap_err();
            assert!(said.contains(says), "{name}: {said}");
        }
        assert_eq!(utf8(vec![0xFF]).unwrap_err(), "stream did not contain valid UTF-8");
    }
}
