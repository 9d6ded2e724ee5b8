//! Files whose names somebody has given: such a name may be that of something without an end.

use std::fs::{File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use crate::units::{Bytes, Spelled};

/// Largest configuration or profile, in bytes.
pub const SETTINGS: u64 = 1 << 20;

/// What some editors put in front of a text.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Opens a regular file to read it, and waits for nobody: a pipe without a writer would never end.
///
/// # Errors
/// What the file system says, or that there is no regular file.
pub fn open(path: &Path) -> io::Result<File> {
    let (file, kind) = opened(path)?;
    if kind.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

/// Opens whatever it is, and says what.
fn opened(path: &Path) -> io::Result<(File, FileType)> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let kind = file.metadata()?.file_type();
    Ok((file, kind))
}

/// The whole text of a file, or of a pipe.
///
/// # Errors
/// A clause: what the system says, that it is no text, that it has more than `most` bytes, or that it is a pipe which nobody has
/// written to its end within 5 s.
pub fn text(path: &Path, most: u64) -> Result<String, String> {
    let (file, kind) = opened(path).map_err(|error| error.to_string())?;
    let until = Instant::now() + PATIENCE;
    utf8(if kind.is_fifo() { up_to(Pipe { file, until }, most)? } else { up_to(file, most)? })
}

/// How long a pipe may take: on HUP, the supervisor reads its settings again and does nothing else meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// A pipe that is read to its end, and given up at a moment.
struct Pipe {
    file: File,
    until: Instant,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut waited = [PollFd::new(&self.file, PollFlags::IN)];
        // Until a first writer has come, the kernel reports neither bytes nor an end.
        if poll(&mut waited, Some(&left))? == 0 {
            return Err(io::Error::other(format!(
                "it is a pipe that nobody has written to its end within {}",
                Spelled(PATIENCE)
            )));
        }
        (&self.file).read(buffer)
    }
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

fn up_to(file: impl Read, most: u64) -> Result<Vec<u8>, String> {
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

    #[test]
    fn a_pipe_is_read_once_it_is_written_and_never_waited_for_without_end() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::write(pipe, "a = 1")
        });
        assert_eq!(text(&pipe, 10), Ok("a = 1".to_owned()));
        writer.join().unwrap().unwrap();
        let said = text(&pipe, 10).unwrap_err();
        assert!(said.contains("nobody has written to its end within 5s"), "{said}");
    }
}
