//! Signals as a readable descriptor.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The signals that a process waits for, blocked everywhere else: no handler ever runs.
///
/// Made before any thread, so that every thread inherits the mask. A forked child keeps the mask and never
/// reads the descriptor, and so ignores the terminal's signals.
pub struct Signals(OwnedFd);

impl Signals {
    /// Blocks `numbers` and opens a `signalfd(2)` for them.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn block(numbers: &[i32]) -> io::Result<Self> {
        let set = set_of(numbers);
        // SAFETY: `set` is a signal set that sigemptyset made; no old mask is asked for.
        let blocked = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        if blocked != 0 {
            return Err(io::Error::from_raw_os_error(blocked));
        }
        // SAFETY: -1 asks for a new descriptor; `set` is as above.
        let descriptor = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made it and nobody else holds it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// The next pending signal's number, if one is pending.
    #[must_use]
    pub fn next(&self) -> Option<i32> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the kernel writes at most `size` bytes, all of which are ours.
        let read = unsafe { libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if usize::try_from(read) != Ok(size) {
            return None;
        }
        // SAFETY: filled by the kernel; every bit pattern is a valid siginfo.
        let info = unsafe { info.assume_init() };
        i32::try_from(info.ssi_signo).ok()
    }
}

/// Lets a command start with no signal blocked (by itself it would inherit the mask of whoever starts it), and be
/// told to end by TERM when the thread that starts it dies.
pub fn prepare(command: &mut Command) {
    let clear = || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
        let none = set_of(&[]);
        // SAFETY: `none` is a signal set that sigemptyset made; no old mask is asked for.
        match unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) } {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    };
    // SAFETY: between fork and exec, `clear` makes system calls only: it takes no lock and allocates nothing.
    unsafe { command.pre_exec(clear) };
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What a thread gets that writes beyond its limit on the size of a file. Its default is death.
pub const FILE_TOO_LARGE: i32 = libc::SIGXFSZ;

/// Blocks a signal in the calling thread and those that it starts: what it stands for comes as an error instead.
pub fn hold_back(number: i32) {
    let set = set_of(&[number]);
    // SAFETY: `set` is a signal set that sigemptyset made; no old mask is asked for. It fails for no valid set.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
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
