//! A worker or observer as the supervisor holds it: a process or a thread, and the channel to it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread::{self, JoinHandle};

use super::policy::{Cause, Ending, Reached};
use crate::control::{self, MemberEnd, Order, Received, Report, SupervisorEnd};
use crate::event::Killer;
use crate::sys::process::{self, Child, Exit, Fork};

/// Whether workers and observer are processes or threads of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// Forked.
    Processes,
    /// In this process.
    Threads,
}

/// What a worker or observer does with its end of the channel, until it ends.
pub type Duty = Box<dyn FnOnce(MemberEnd) -> Result<(), String> + Send>;

/// One worker or observer.
pub struct Member {
    handle: Handle,
    control: SupervisorEnd,
    /// Which of its slot it is.
    pub generation: u64,
    /// How far it has come.
    pub reached: Reached,
    /// Why it was started.
    pub cause: Cause,
    /// Since when (monotonic).
    pub since_ns: u64,
    /// What it said when it gave up.
    pub failure: Option<String>,
    /// When a drain has taken too long (monotonic).
    pub deadline_ns: Option<u64>,
    /// Nothing more will come from it.
    hung_up: bool,
}

enum Handle {
    Process(Child),
    Thread(JoinHandle<Result<(), String>>),
}

impl Member {
    /// Starts `duty` in a process or thread. In a forked child, `forget` drops what is the supervisor's, and the
    /// call never returns.
    ///
    /// # Errors
    /// A sentence: what was tried, and what the kernel says.
    pub fn start(
        arrangement: Arrangement,
        (generation, cause, since_ns): (u64, Cause, u64),
        duty: Duty,
        forget: impl FnOnce(),
    ) -> Result<Self, String> {
        let refused = |tried: &str, error: io::Error| format!("{tried}: {}", process::refusal(&error));
        let (control, end) = control::channel().map_err(|error| refused("socketpair", error))?;
        let handle = match arrangement {
            Arrangement::Threads => Handle::Thread(
                thread::Builder::new().spawn(move || duty(end)).map_err(|error| refused("a thread", error))?,
            ),
            Arrangement::Processes => match process::fork().map_err(|error| refused("fork", error))? {
                Fork::Parent(child) => Handle::Process(child),
                Fork::Child { parent } => {
                    // Our copy of the supervisor's end would keep us from noticing its death.
                    drop(control);
                    forget();
                    std::process::exit(i32::from(!live_as_child(parent, end, duty)))
                }
            },
        };
        Ok(Self {
            handle,
            control,
            generation,
            reached: Reached::Starting,
            cause,
            since_ns,
            failure: None,
            deadline_ns: None,
            hung_up: false,
        })
    }

    /// Its process; this one, for a thread.
    pub fn pid(&self) -> u32 {
        match &self.handle {
            Handle::Process(child) => child.pid,
            Handle::Thread(_) => std::process::id(),
        }
    }

    /// What becomes readable when there is something to [`collect`](Self::reports), until it has hung up. The end of a
    /// process comes as CHLD.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        (!self.hung_up).then(|| self.control.as_fd())
    }

    /// Sends an order. One that is dying does not get it, and its end is noticed anyway.
    pub fn send(&self, order: &Order, descriptors: &[BorrowedFd<'_>]) -> bool {
        self.control.send(order, descriptors).is_ok()
    }

    /// What it has said since the last time.
    pub fn reports(&mut self) -> Vec<Report> {
        let mut reports = Vec::new();
        while !self.hung_up {
            match self.control.receive() {
                Ok(Received::Message(report, _)) => reports.push(report),
                Ok(Received::Nothing) => break,
                Ok(Received::Closed) => self.hung_up = true,
                Err(error) => {
                    tracing::error!(%error, pid = self.pid(), "unreadable report");
                    self.hung_up = true;
                }
            }
        }
        reports
    }

    /// How it ended, if it has. A process stays a zombie, and its clocks readable, until its [`end`](Self::end).
    pub fn ended(&mut self) -> Option<Exit> {
        match &self.handle {
            Handle::Process(child) => child.ended(),
            // The thread's end of the channel closes just before the thread ends.
            Handle::Thread(_) if !self.hung_up => None,
            Handle::Thread(thread) if thread.is_finished() => Some(Exit::Status(0)),
            Handle::Thread(_) => {
                thread::yield_now();
                None
            }
        }
    }

    /// Whether it is a thread that has closed its channel and will have ended in a moment.
    pub fn is_ending(&self) -> bool {
        self.hung_up && matches!(self.handle, Handle::Thread(_))
    }

    /// Collects what is left of it: its last words, and the zombie or how the thread really ended. `killer` is whoever has sent
    /// SIGKILL, where that ended it.
    pub fn end(mut self, exit: Exit, killer: Option<Killer>) -> Ending {
        for report in self.reports() {
            if let Report::Failed { reason } = report {
                self.failure = Some(reason);
            }
        }
        let Self { failure, reached, cause, since_ns, handle, .. } = self;
        Ending { exit: reap(handle, exit), killer, failure, reached, cause, since_ns }
    }

    /// Ends it at once: a process by SIGKILL, a thread by asking.
    pub fn abandon(&self) {
        match &self.handle {
            Handle::Process(child) => child.kill(),
            Handle::Thread(_) => {
                self.send(&Order::Abandon, &[]);
            }
        }
    }
}

/// Collects a zombie, or how a thread really ended.
fn reap(handle: Handle, exit: Exit) -> Exit {
    match handle {
        Handle::Process(child) => {
            child.reap();
            exit
        }
        Handle::Thread(thread) => match thread.join() {
            Ok(Ok(())) => Exit::Status(0),
            Ok(Err(_)) => Exit::Status(1),
            Err(_) => Exit::Panic,
        },
    }
}

/// A forked child's life; whether it ended well.
fn live_as_child(parent: u32, end: MemberEnd, duty: Duty) -> bool {
    match process::die_with_parent(parent) {
        Ok(true) => duty(end).is_ok(),
        // The supervisor died between the fork and here.
        Ok(false) => false,
        Err(error) => {
            let reason = format!("a child can't be tied to its parent's life: prctl(PR_SET_PDEATHSIG): {error}");
            let _ = end.send(&Report::Failed { reason }, &[]);
            false
        }
    }
}
