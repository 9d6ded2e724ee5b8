//! How a worker ended, in words and out of them: `signal 9: killed by the kernel for memory (limit 64MiB), 2 requests lost`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::maybe_known::MaybeKnown;
use crate::sys::process::Exit;
use crate::units::Bytes;
use crate::units::shown::{amount, float};

/// How a worker ended, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerEnd {
    /// What the kernel said, or the thread.
    pub exit: Exit,
    /// Who has sent SIGKILL, where that ended it.
    pub killer: Option<Killer>,
    /// Requests that were in flight, and got no answer.
    pub lost: MaybeKnown,
}

/// Who has sent SIGKILL to a process that it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Killer {
    /// The supervisor itself.
    Supervisor,
    /// The kernel, for want of memory.
    KernelForMemory(MemoryLimit),
    /// Somebody, and not the kernel for want of memory.
    Somebody,
    /// Nobody can tell: there is no count of what the kernel has killed for want of memory.
    Unknown,
}

/// The limit of memory that a control group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemoryLimit {
    /// So many bytes.
    Bytes(u64),
    /// None.
    Without,
    /// Nobody can tell.
    Unknown,
}

const FOR_MEMORY: &str = "killed by the kernel for memory";
const NO_LIMIT: &str = "the control group has no limit";
const LIMIT: &str = "limit ";

impl WorkerEnd {
    /// Whether it ended as it was told to.
    #[must_use]
    pub fn is_ordered(self) -> bool {
        self.exit == Exit::Status(0)
    }

    /// The limit at which the kernel has killed it for want of memory, if it has.
    #[must_use]
    pub fn killed_for_memory(self) -> Option<MemoryLimit> {
        if let Some(Killer::KernelForMemory(limit)) = self.killer { Some(limit) } else { None }
    }
}

impl fmt::Display for WorkerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exit, killer, lost } = self;
        exit.fmt(f)?;
        killer.map_or(Ok(()), |killer| write!(f, ": {killer}"))?;
        lost.get().map_or(Ok(()), |lost| write!(f, ", {} lost", amount(float(lost), "request")))
    }
}

impl fmt::Display for Killer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Supervisor => f.write_str("sent by the supervisor"),
            Self::KernelForMemory(limit) => write!(f, "{FOR_MEMORY} ({limit})"),
            Self::Somebody => f.write_str("by whom isn't known; not by the kernel for memory"),
            Self::Unknown => f.write_str(
                "by whom isn't known; the control group's count of memory kills (oom_kill) can't be read",
            ),
        }
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(limit) => write!(f, "{LIMIT}{}", Bytes(*limit)),
            Self::Without => f.write_str(NO_LIMIT),
            Self::Unknown => write!(f, "{LIMIT}unknown"),
        }
    }
}

impl From<MaybeKnown<Option<u64>>> for MemoryLimit {
    fn from(limit: MaybeKnown<Option<u64>>) -> Self {
        limit.get().map_or(Self::Unknown, |limit| limit.map_or(Self::Without, Self::Bytes))
    }
}

/// What can't be read is unknown, as is what an earlier version has not written.
impl From<&str> for WorkerEnd {
    fn from(text: &str) -> Self {
        let count = |words: &str| words.split(' ').next()?.replace(',', "").parse::<u64>().ok();
        let (ending, lost) =
            text.strip_suffix(" lost").and_then(|text| text.rsplit_once(", ")).unwrap_or((text, ""));
        let lost = count(lost).into();
        let (exit, killer) = ending.split_once(": ").map_or((ending, None), |(exit, killer)| (exit, Some(killer)));
        Self { exit: exit.into(), killer: killer.map(Killer::from), lost }
    }
}

impl From<&str> for Killer {
    fn from(text: &str) -> Self {
        if let Some(limit) = text.strip_prefix(FOR_MEMORY) {
            let limit = limit.trim_start_matches([' ', '(']).trim_end_matches(')');
            let bytes = limit.strip_prefix(LIMIT).and_then(|bytes| bytes.parse().ok());
            return Self::KernelForMemory(match bytes {
                Some(Bytes(bytes)) => MemoryLimit::Bytes(bytes),
                None if limit == NO_LIMIT => MemoryLimit::Without,
                None => MemoryLimit::Unknown,
            });
        }
        let told = [Self::Supervisor, Self::Somebody];
        told.into_iter().find(|killer| killer.to_string() == text).unwrap_or(Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_read_as_it_was_written() {
        let limits = [
            MemoryLimit::Bytes(64 << 20),
            MemoryLimit::Bytes(67_108_865),
            MemoryLimit::Without,
            MemoryLimit::Unknown,
        ];
        let killers = limits.map(Killer::KernelForMemory).into_iter();
        let killers =
            killers.chain([Killer::Supervisor, Killer::Somebody, Killer::Unknown]).map(Some).chain([None]);
        for killer in killers {
            for exit in [Exit::Status(0), Exit::Status(3), Exit::Signal(9), Exit::Panic, Exit::Unknown] {
                for lost in [0, 1, 12_345].map(MaybeKnown::known).into_iter().chain([MaybeKnown::UNKNOWN]) {
                    let end = WorkerEnd { exit, killer, lost };
                    assert_eq!(WorkerEnd::from(&*end.to_string()), end, "{end}");
                    assert_eq!(end.is_ordered(), exit == Exit::Status(0));
                }
            }
        }
    }

    #[test]
    fn the_limit_is_a_clause() {
        let said = |limit: MaybeKnown<Option<u64>>| Killer::KernelForMemory(limit.into()).to_string();
        let known = MaybeKnown::known;
        assert_eq!(said(known(Some(64 << 20))), "killed by the kernel for memory (limit 64MiB)");
        assert_eq!(said(MaybeKnown::UNKNOWN), "killed by the kernel for memory (limit unknown)");
        assert_eq!(said(known(None)), "killed by the kernel for memory (the control group has no limit)");
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        for text in ["", "whatever", "signal nine, some requests lost", "exit status: ?"] {
            let end = WorkerEnd::from(text);
            assert_eq!((end.exit, end.lost), (Exit::Unknown, MaybeKnown::UNKNOWN), "{text}");
            assert!(!end.is_ordered() && end.killed_for_memory().is_none());
        }
    }
}
