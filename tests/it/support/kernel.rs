//! What the kernel knows of a target's TCP connections: the truth behind what the target says of them.

use std::collections::BTreeSet;

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process};

/// A connection whose local port is the target's.
struct Connection {
    state: TcpState,
    /// 0 until somebody has accepted it, and again once nobody holds it.
    inode: u64,
    /// The client's.
    remote_port: u16,
}

impl Connection {
    fn waits(&self) -> bool {
        self.inode == 0 && matches!(self.state, TcpState::Established | TcpState::CloseWait)
    }
}

fn connections(port: u16) -> Vec<Connection> {
    let all = procfs::net::tcp().unwrap().into_iter();
    let ours = all.filter(|entry| entry.local_address.port() == port && entry.state != TcpState::Listen);
    ours.map(|entry| Connection {
        state: entry.state,
        inode: entry.inode,
        remote_port: entry.remote_address.port(),
    })
    .collect()
}

/// Connections that wait in an accept queue.
pub fn queued(port: u16) -> usize {
    connections(port).iter().filter(|connection| connection.waits()).count()
}

/// Whether all of these clients wait in an accept queue, by their ports. The kernel's list may miss one, or have one twice,
/// while others come and go.
pub fn all_queued(port: u16, clients: &[u16]) -> bool {
    let connections = connections(port);
    let waits =
        |client: &u16| connections.iter().any(|connection| connection.remote_port == *client && connection.waits());
    clients.iter().all(waits)
}

/// Connections that the target's side has closed first, not long ago.
pub fn in_time_wait(port: u16) -> usize {
    connections(port).iter().filter(|connection| connection.state == TcpState::TimeWait).count()
}

/// The sockets of connections to a port, by their inodes, that are open on the side that has opened them.
pub fn opened_to(port: u16) -> BTreeSet<u64> {
    let all = procfs::net::tcp().unwrap().into_iter();
    let theirs = all.filter(|entry| entry.remote_address.port() == port && entry.state == TcpState::Established);
    theirs.map(|entry| entry.inode).filter(|inode| *inode != 0).collect()
}

/// Connections that a process has accepted and not closed.
pub fn held_by(pid: u32, port: u16) -> usize {
    let connections = connections(port);
    let process = Process::new(i32::try_from(pid).unwrap()).unwrap();
    let held = process.fd().unwrap().filter_map(|descriptor| match descriptor.unwrap().target {
        FDTarget::Socket(inode) => Some(inode),
        _ => None,
    });
    held.filter(|inode| connections.iter().any(|connection| connection.inode == *inode)).count()
}
