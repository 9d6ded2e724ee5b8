//! Signals: what each of them does, and who may ask for it.

use std::borrow::Cow;
use std::io;

use super::Supervisor;
use crate::sys::inherited::Inherited;
use crate::sys::signals::{self, Received, Signals};

/// What each signal does. One line each; real-time signals are ignored too.
///
/// Those that are ignored would end a process by default, and are sent by log rotation, by habit, or by mistake. What the
/// kernel sends for a fault of the program itself (SEGV, BUS, ABRT, …) is left alone, and so is what stops it (TSTP).
const SIGNALS: &[(i32, &str, SignalAction)] = &[
    (libc::SIGINT, "INT", SignalAction::Terminate),
    (libc::SIGTERM, "TERM", SignalAction::Terminate),
    (libc::SIGQUIT, "QUIT", SignalAction::Terminate),
    // The power fails, or LXC stops its process 1.
    (libc::SIGPWR, "PWR", SignalAction::Terminate),
    // The soft limit on CPU time is reached. The signal comes again each second.
    (libc::SIGXCPU, "XCPU", SignalAction::Drain("the limit on CPU time is reached (signal XCPU)")),
    (libc::SIGHUP, "HUP", SignalAction::Reload),
    (libc::SIGTTIN, "TTIN", SignalAction::AddWorker),
    (libc::SIGTTOU, "TTOU", SignalAction::RetireWorker),
    (libc::SIGCHLD, "CHLD", SignalAction::TakeExits),
    (libc::SIGUSR1, "USR1", SignalAction::Ignore),
    (libc::SIGUSR2, "USR2", SignalAction::Ignore),
    (libc::SIGALRM, "ALRM", SignalAction::Ignore),
    (libc::SIGVTALRM, "VTALRM", SignalAction::Ignore),
    (libc::SIGPROF, "PROF", SignalAction::Ignore),
    (libc::SIGIO, "IO", SignalAction::Ignore),
    (libc::SIGSTKFLT, "STKFLT", SignalAction::Ignore),
    // A file has reached the limit on its size: the write fails with EFBIG.
    (libc::SIGXFSZ, "XFSZ", SignalAction::Ignore),
];

const TERMINAL_CLOSED: &str = "the terminal has closed (signal HUP)";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SignalAction {
    /// Drains. A second signal ends the run at once.
    Terminate,
    /// Drains for this reason, however often it comes.
    Drain(&'static str),
    /// Replaces every worker.
    Reload,
    AddWorker,
    RetireWorker,
    /// Nothing by itself: the supervisor looks for exits each time it wakes up.
    TakeExits,
    /// Nothing. The log says so the first time.
    Ignore,
}

/// Who sent a signal, as far as its meaning depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Kernel,
    /// The shell that this process was started from, after their terminal has closed.
    ShellWithoutTerminal,
    /// Anybody else.
    Process,
}

/// Blocks the signals that a supervisor waits for. Before any thread is started.
///
/// # Errors
/// What the kernel says.
pub fn block_signals() -> io::Result<Signals> {
    let known = SIGNALS.iter().map(|(number, _, action)| (*number, *action));
    let real_time = (libc::SIGRTMIN()..=libc::SIGRTMAX()).map(|number| (number, SignalAction::Ignore));
    // A library that was loaded before us, a profiler for one, keeps the signals that it handles.
    let wanted = known
        .chain(real_time)
        .filter(|(number, action)| *action != SignalAction::Ignore || !signals::is_handled(*number));
    Signals::block(&wanted.map(|(number, _)| number).collect::<Vec<_>>())
}

/// A signal that ends a run before its first worker is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyEnd {
    /// Which signal.
    number: i32,
}

impl EarlyEnd {
    /// Takes the signals that have come: the first one that would end a run with workers ends this one, and nobody needs
    /// the others.
    #[must_use]
    pub fn among(signals: &Signals, inherited: &Inherited) -> Option<Self> {
        std::iter::from_fn(|| signals.next())
            .find(|signal| {
                let (_, action) = judge(*signal, inherited);
                matches!(action, SignalAction::Terminate | SignalAction::Drain(_))
            })
            .map(|Received { number, .. }| Self { number })
    }

    /// The signal's name.
    #[must_use]
    pub fn signal(self) -> Cow<'static, str> {
        meaning(self.number).0
    }

    /// 128 and the signal's number, as a shell says of a command that a signal has ended.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        u8::try_from(128 + self.number).unwrap_or(u8::MAX)
    }
}

/// What a signal does when this process was started like that.
///
/// HUP is a reload when somebody sends it, and the end when the terminal closes, unless `nohup` has ruled that out. The
/// kernel sends it to whoever is in the foreground; a shell passes it on to its other jobs, which can be told from a
/// `kill -HUP` in that shell only by the terminal, which is gone. A shell that says goodbye to its jobs by HUP before it
/// leaves an open terminal can't be told apart: that is a reload, which loses nothing.
fn action_for(action: SignalAction, sender: Sender, hup_was_ignored: bool) -> SignalAction {
    match (action, sender) {
        (SignalAction::Reload, Sender::Kernel) if hup_was_ignored => SignalAction::Ignore,
        (SignalAction::Reload, Sender::ShellWithoutTerminal) if hup_was_ignored => SignalAction::Reload,
        (SignalAction::Reload, Sender::Kernel | Sender::ShellWithoutTerminal) => {
            SignalAction::Drain(TERMINAL_CLOSED)
        }
        // Of a job of the same group in the background that reads from the terminal or writes to it.
        (SignalAction::AddWorker | SignalAction::RetireWorker, Sender::Kernel) => SignalAction::Ignore,
        (action, _) => action,
    }
}

fn meaning(number: i32) -> (Cow<'static, str>, SignalAction) {
    let known = SIGNALS.iter().find(|(known, _, _)| *known == number);
    known.map_or_else(
        || (format!("RTMIN+{}", number - libc::SIGRTMIN()).into(), SignalAction::Ignore),
        |(_, name, action)| ((*name).into(), *action),
    )
}

fn sender_of(signal: Received, inherited: &Inherited) -> Sender {
    match signal.sender {
        None => Sender::Kernel,
        Some(sender) if inherited.is_shell(sender) && inherited.has_lost_terminal() => Sender::ShellWithoutTerminal,
        Some(_) => Sender::Process,
    }
}

/// A signal's name, and what it does in a process that was started like that.
fn judge(signal: Received, inherited: &Inherited) -> (Cow<'static, str>, SignalAction) {
    let (name, action) = meaning(signal.number);
    (name, action_for(action, sender_of(signal, inherited), inherited.ignores(libc::SIGHUP)))
}

impl Supervisor {
    pub(super) fn take_signals(&mut self) {
        while let Some(signal) = self.signals.next() {
            let (name, action) = judge(signal, &self.plan.inherited);
            match action {
                SignalAction::TakeExits => continue,
                SignalAction::Ignore if !self.ignored_signals.insert(signal.number) => continue,
                SignalAction::Ignore => tracing::warn!(signal = &*name, "ignored; the log says so once"),
                _ => tracing::info!(signal = &*name, "signal"),
            }
            match action {
                SignalAction::Terminate => self.terminate(&format!("signal {name}")),
                SignalAction::Drain(why) => self.drain_once(why),
                SignalAction::Reload => self.reload(),
                SignalAction::AddWorker => self.add_worker(),
                SignalAction::RetireWorker => self.retire_worker(),
                SignalAction::TakeExits | SignalAction::Ignore => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANG_UP: SignalAction = SignalAction::Drain(TERMINAL_CLOSED);

    #[test]
    fn hup_ends_the_run_when_the_terminal_has_closed_and_reloads_otherwise() {
        let hup = |sender, was_ignored| action_for(SignalAction::Reload, sender, was_ignored);
        assert_eq!((hup(Sender::Kernel, false), hup(Sender::Kernel, true)), (HANG_UP, SignalAction::Ignore));
        let by_shell = |was_ignored| hup(Sender::ShellWithoutTerminal, was_ignored);
        assert_eq!((by_shell(false), by_shell(true)), (HANG_UP, SignalAction::Reload));
        for was_ignored in [false, true] {
            assert_eq!(hup(Sender::Process, was_ignored), SignalAction::Reload);
        }
    }

    #[test]
    fn a_terminal_orders_no_workers() {
        for action in [SignalAction::AddWorker, SignalAction::RetireWorker] {
            assert_eq!(action_for(action, Sender::Kernel, false), SignalAction::Ignore);
            assert_eq!(action_for(action, Sender::Process, false), action);
        }
        assert_eq!(action_for(SignalAction::Terminate, Sender::Kernel, true), SignalAction::Terminate);
    }
}
