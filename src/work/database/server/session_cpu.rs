//! CPU of the server's process that serves one connection: known where the server runs on this machine, in sight of
//! `/proc`. What the server's other processes do, as its writer and its vacuum, is not in it.

use std::fs;

use tokio_postgres::{Client, Error};

use crate::sys::procfs::ThreadFile;
use crate::work::database::connections::UsedCpu;

/// How long a look at a busy process is good for: one after each short query would be 4 % of the target's CPU.
const BETWEEN_LOOKS_NS: u64 = 10_000_000;

/// The process, and what it had used when it was looked at last.
pub struct SessionCpu {
    file: ThreadFile,
    ran_ns: u64,
    /// When that was (monotonic).
    looked_ns: u64,
    /// Queries that were answered since then.
    queries: u64,
}

impl SessionCpu {
    /// That of the connection's process; `None` where it can't be found.
    pub async fn of(session: &Client) -> Result<Option<Self>, Error> {
        let row = session.query_one("SELECT pg_backend_pid(), coalesce(inet_client_port(), -1)", &[]).await?;
        let (process, port): (i32, i32) = (row.try_get(0)?, row.try_get(1)?);
        Ok(u32::try_from(process).ok().and_then(|process| Self::of_process(process, port)))
    }

    /// A process of this number is the server's if its title says so, with the port of this end: a server elsewhere, or in a
    /// container, numbers its processes by itself.
    fn of_process(process: u32, port: i32) -> Option<Self> {
        let title = fs::read(format!("/proc/{process}/cmdline")).ok()?;
        if !is_of_session(&String::from_utf8_lossy(&title), port) {
            return None;
        }
        let mut file = ThreadFile::of(process, process)?;
        let ran_ns = file.read()?.ran_ns;
        Some(Self { file, ran_ns, looked_ns: 0, queries: 0 })
    }

    /// Counts a query that was answered at this time (monotonic). At times looks at the process, and says what it has used for
    /// the queries since the last look.
    pub fn answered(&mut self, now_ns: u64) -> Option<UsedCpu> {
        self.queries += 1;
        if now_ns.saturating_sub(self.looked_ns) < BETWEEN_LOOKS_NS {
            return None;
        }
        let ran_ns = self.file.read()?.ran_ns;
        let used = UsedCpu { queries: self.queries, ns: ran_ns.saturating_sub(self.ran_ns) };
        (self.ran_ns, self.looked_ns, self.queries) = (ran_ns, now_ns, 0);
        Some(used)
    }
}

/// `postgres: USER DATABASE HOST(PORT) STATE`, or `[local]` for a socket in the file system, which has no port.
fn is_of_session(title: &str, port: i32) -> bool {
    let peer = if port < 0 { "[local]".to_owned() } else { format!("({port})") };
    title.starts_with("postgres:") && title.contains(&peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_another_connection_is_none_of_ours() {
        let title = "postgres: 15/main: quintain quintain 127.0.0.1(54321) idle";
        assert!(is_of_session(title, 54321));
        assert!(!is_of_session(title, 5432) && !is_of_session(title, -1));
        assert!(is_of_session("postgres: quintain quintain [local] idle", -1));
        assert!(!is_of_session("nginx: worker (54321)", 54321) && !is_of_session("", 0));
    }
}
