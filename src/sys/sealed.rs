//! Bytes that nobody can change any more, as memory and as a file: the kernel sends them from its pages, without a copy.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::write;
use rustix::mm::{MapFlags, ProtFlags, mmap};

/// A sealed file in memory, mapped for the life of the process.
pub struct Sealed {
    file: OwnedFd,
    bytes: &'static [u8],
}

impl Sealed {
    /// A file of these bytes.
    ///
    /// # Errors
    /// What the kernel says, such as that it has no such files, or that the process may open no more.
    pub fn of(bytes: &[u8]) -> io::Result<Self> {
        let file = memfd_create("quintain-bytes", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = &rest[write(&file, rest)?..];
        }
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        // SAFETY: a new mapping, at an address of the kernel's choice, that aliases nothing.
        let address =
            unsafe { mmap(std::ptr::null_mut(), bytes.len(), ProtFlags::READ, MapFlags::SHARED, &file, 0) }?;
        // SAFETY: it has so many bytes and is never unmapped; the seals keep everybody from writing to the file and from
        // cutting it short.
        let bytes = unsafe { std::slice::from_raw_parts(address.cast::<u8>(), bytes.len()) };
        Ok(Self { file, bytes })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &'static [u8] {
        self.bytes
    }

    /// The file, and where in it a part of the bytes begins; `None` for what is no part of them.
    #[must_use]
    pub fn place_of(&self, part: &[u8]) -> Option<(BorrowedFd<'_>, u64)> {
        let at = (part.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize)?;
        (at + part.len() <= self.bytes.len()).then_some((self.file.as_fd(), at as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_bytes_are_those_that_were_given_and_stay_so() {
        let given: Vec<u8> = (0..=u8::MAX).cycle().take(10_000).collect();
        let sealed = Sealed::of(&given).unwrap();
        assert_eq!(sealed.bytes(), given);
        assert!(write(&sealed.file, b"x").is_err() && rustix::fs::ftruncate(&sealed.file, 1).is_err());
        let place = |part: &[u8]| sealed.place_of(part).map(|(_, at)| at);
        assert_eq!((place(&sealed.bytes()[7..9]), place(&sealed.bytes()[9_999..])), (Some(7), Some(9_999)));
        assert_eq!((place(&given), place(b"x")), (None, None));
    }
}
