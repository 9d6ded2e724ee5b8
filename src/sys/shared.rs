//! Memory that survives `fork` shared.

use std::io;
use std::ops::Deref;
use std::ptr::NonNull;

use bytemuck::Zeroable;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A slice of records in anonymous shared memory, zeroed, the same pages in this process and in every child
/// forked after it was made.
///
/// Mapped without reserve: a page costs memory when it is first touched, be it only read.
pub struct Shared<T> {
    start: NonNull<T>,
    count: usize,
}

impl<T: Zeroable + Sync> Shared<T> {
    /// Maps `count` records.
    ///
    /// # Errors
    /// What `mmap(2)` says, and `InvalidInput` for a size that no address space holds.
    pub fn map(count: usize) -> io::Result<Self> {
        let bytes =
            size_of::<T>().checked_mul(count).filter(|&bytes| bytes > 0).ok_or(io::ErrorKind::InvalidInput)?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::NORESERVE;
        // SAFETY: a new mapping, at an address of the kernel's choice, that aliases nothing.
        let address = unsafe { mmap_anonymous(std::ptr::null_mut(), bytes, protection, flags) }?;
        let start = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, count })
    }
}

impl<T> Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the mapping holds `count` records, page-aligned (no record asks for more), is zeroed, which
        // `Zeroable` says is a valid T, and lives until drop. It is only ever handed out as shared references;
        // T: Sync and its atomics make writing through them, from other processes too, defined.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: the same range that was mapped; no reference into it outlives `self`.
        // An error would leave the range mapped, which nothing depends on.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), size_of::<T>() * self.count) };
    }
}

// SAFETY: it owns its mapping, and gives out `&T` alone, which T: Sync lets any thread hold.
unsafe impl<T: Sync> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Shared<T> {}
