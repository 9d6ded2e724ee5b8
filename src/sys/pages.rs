//! Memory by the page, given back to the kernel when it is dropped.

use std::io;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use rustix::param::page_size;

/// A private anonymous mapping. It costs memory where it has been touched.
pub struct Pages {
    /// `None` when it is empty, which no mapping can be.
    start: Option<NonNull<u8>>,
    bytes: usize,
}

impl Pages {
    /// Maps so many bytes, and touches none.
    ///
    /// # Errors
    /// What `mmap(2)` says: `ENOMEM` over a limit of the process, or where the kernel doesn't overcommit.
    pub fn map(bytes: usize) -> io::Result<Self> {
        if bytes == 0 {
            return Ok(Self { start: None, bytes });
        }
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address of the kernel's choice, that aliases nothing.
        let address = unsafe { mmap_anonymous(std::ptr::null_mut(), bytes, protection, MapFlags::PRIVATE) }?;
        let start = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start: Some(start), bytes })
    }

    /// Writes to every page, so that each is backed by memory. Returns how many there are, of the size that the
    /// kernel calls a page (it may back several by a larger one).
    pub fn touch(&mut self) -> usize {
        let Some(start) = self.start else { return 0 };
        let offsets = (0..self.bytes).step_by(page_size());
        for offset in offsets.clone() {
            // SAFETY: within the mapping, which is writable, and `&mut self` is the only way to it. Volatile: nobody
            // reads it, and it must be written all the same.
            unsafe { start.add(offset).write_volatile(1) };
        }
        offsets.len()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if let Some(start) = self.start {
            // SAFETY: the range that was mapped; nothing refers into it.
            // An error would leave it mapped, which nothing depends on.
            let _ = unsafe { munmap(start.as_ptr().cast(), self.bytes) };
        }
    }
}

// SAFETY: it owns its mapping, and has no tie to the thread that made it.
unsafe impl Send for Pages {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_touched() {
        assert_eq!(Pages::map(0).unwrap().touch(), 0);
        assert_eq!(Pages::map(1).unwrap().touch(), 1);
        assert_eq!(Pages::map(10 * page_size() + 1).unwrap().touch(), 11);
        assert!(Pages::map(usize::MAX / 2).is_err());
    }
}
