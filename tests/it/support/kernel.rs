//! What the kernel knows of a target's TCP connections: the truth behind what the target says of them.

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process};

/// A connection whose local port is the target's.
struct Connection {
    state: TcpState,
    /// 0 until somebody has accepted it, and again once nobody holds it.
    inode: u64,
}

fn connections(port: u16) -> Vec<Connection> {
    let all = procfs::net::tcp().unwrap().into_iter();
    let ours = all.filter(|entry| entry.local_address.port() == port && entry.state != TcpState::Listen);
    ours.map(|entry| Connection { state: entry.state, inode: entry.inode }).collect()
}

/// Connections that wait in an accept queue.
pub fn queued(port: u16) -> usize {
    let waits = |connection: &&Connection| {
        connection.inode == 0 && matches!(connection.state, TcpState::Established | TcpState::CloseWait)
    };
    connections(port).iter().filter(waits).count()
}

/// Connections that the target's side has closed first, not long ago.
pub fn in_time_wait(port: u16) -> usize {
    connections(port).iter().filter(|connection| connection.state == TcpState::TimeWait).count()
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
