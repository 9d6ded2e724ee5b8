//! Signals as a readable descriptor.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The signals that a process waits for, blocked everywhere else: no handler ever runs.
///
/// Made before any thread, so that every thread inherits the mask. A forked child keeps the mask and never
/// reads the descriptor, and so ignores the terminal's signals.
pub struct Signals(OwnedFd);

/// A signal that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Which one.
    pub number: i32,
    /// Who sent it; `None` is the kernel: a terminal, a timer, a limit, the end of a child.
    pub sender: Option<u32>,
}

impl Signals {
    /// Blocks `numbers` and no other signal, gives each its default action, and opens a `signalfd(2)` for them. Whatever
    /// the parent had blocked or ignored is undone by that: a CHLD that is ignored takes the exits of children away.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn block(numbers: &[i32]) -> io::Result<Self> {
        let set = set_of(numbers);
        set_mask(&set)?;
        for &number in numbers {
            set_disposition(number, libc::SIG_DFL);
        }
        // SAFETY: -1 asks for a new descriptor; `set` is a signal set that sigemptyset made.
        let descriptor = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made it and nobody else holds it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// The next pending signal, if one is pending.
    #[must_use]
    pub fn next(&self) -> Option<Received> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the kernel writes at most `size` bytes, all of which are ours.
        let read = unsafe { libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if usize::try_from(read) != Ok(size) {
            return None;
        }
        // SAFETY: filled by the kernel; every bit pattern is a valid siginfo.
        let info = unsafe { info.assume_init() };
        // sigaction(2): a code above 0, `SI_KERNEL` for one, is the kernel's own; kill(2), sigqueue(3) and their kin have others.
        let sender = (info.ssi_code <= 0).then_some(info.ssi_pid);
        Some(Received { number: i32::try_from(info.ssi_signo).ok()?, sender })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether a signal is ignored by this process.
pub(super) fn is_ignored(number: i32) -> bool {
    disposition(number) == Some(libc::SIG_IGN)
}

/// Whether somebody's library, a profiler for one, has a handler for a signal.
#[must_use]
pub fn is_handled(number: i32) -> bool {
    disposition(number).is_some_and(|action| action != libc::SIG_IGN && action != libc::SIG_DFL)
}

fn disposition(number: i32) -> Option<libc::sighandler_t> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: no action is set; the kernel writes the present one to `action`, or nothing for a number that is no signal.
    let asked = unsafe { libc::sigaction(number, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: zeros are a valid action, and so is what the kernel writes.
    (asked == 0).then(|| unsafe { action.assume_init() }.sa_sigaction)
}

/// Lets a write beyond the limit on a file's size fail with an error, where its signal would end the process. Programs that
/// this process starts ignore the signal, too.
pub fn outlive_file_limit() {
    ignore(libc::SIGXFSZ);
}

/// Ignores a signal. Async-signal-safe.
pub(super) fn ignore(number: i32) {
    set_disposition(number, libc::SIG_IGN);
}

fn set_disposition(number: i32, disposition: libc::sighandler_t) {
    // SAFETY: both dispositions are the kernel's own, no handler of ours. It fails for a number that is no signal.
    unsafe { libc::signal(number, disposition) };
}

/// The calling thread's mask.
pub(super) fn mask() -> libc::sigset_t {
    let mut mask = set_of(&[]);
    // SAFETY: no mask is set; the present one is written to `mask`. It fails for no valid address.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), &raw mut mask) };
    mask
}

/// Sets the calling thread's mask. Async-signal-safe.
pub(super) fn set_mask(mask: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: `mask` is a valid signal set; no old mask is asked for.
    match unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, std::ptr::null_mut()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn set_of(numbers: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the whole set; sigaddset refuses a number that is none.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for &number in numbers {
            libc::sigaddset(set.as_mut_ptr(), number);
        }
        set.assume_init()
    }
}
