//! Taking connections from accept queues.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::connections::Connections;
use crate::sys::readiness::Watched;
use crate::sys::{listener, socket};

/// After an error that means "too much is open": how long until the next try.
const PAUSE: Duration = Duration::from_millis(50);

/// Connections taken in a row before those already open get their turn.
const BATCH: usize = 64;

/// Whether a worker takes connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    /// It does.
    #[default]
    Open,
    /// They wait in the kernel's queue, which overflows when there are too many.
    Frozen,
    /// The kernel refuses them: nobody listens.
    Refusing,
}

/// The listeners that this worker accepts from: its own, and those it was lent.
pub struct Acceptors {
    gate: Gate,
    backlog: u32,
    of_slots: HashMap<usize, Vec<Acceptor>>,
}

impl Acceptors {
    /// None yet. `backlog` is for listening again.
    pub fn new(backlog: u32) -> Self {
        Self { gate: Gate::Open, backlog, of_slots: HashMap::new() }
    }

    /// Accepts from a slot's listeners until they are removed, as the gate allows.
    pub async fn add(
        &mut self,
        slot: usize,
        listeners: Vec<OwnedFd>,
        connections: &Arc<Connections>,
    ) -> Result<(), String> {
        let mut acceptors = Vec::with_capacity(listeners.len());
        for listener in listeners {
            let mut acceptor = Acceptor { slot, listener: Arc::new(listener), running: None };
            acceptor.follow(self.gate, self.backlog, connections).await?;
            acceptors.push(acceptor);
        }
        self.of_slots.insert(slot, acceptors);
        Ok(())
    }

    /// Opens or closes all of them. What a listener that is to refuse has in its queue by then is taken. Returns whether
    /// that is new.
    pub async fn set(&mut self, gate: Gate, connections: &Arc<Connections>) -> Result<bool, String> {
        if gate == self.gate {
            return Ok(false);
        }
        self.gate = gate;
        for acceptor in self.of_slots.values_mut().flatten() {
            acceptor.follow(gate, self.backlog, connections).await?;
        }
        Ok(true)
    }

    /// Leaves a slot's listeners to somebody else.
    pub fn remove(&mut self, slot: usize) {
        self.of_slots.remove(&slot);
    }

    /// Leaves all of them, once what is in their queues by then is taken.
    pub async fn stop(&mut self, after: Afterwards, connections: &Arc<Connections>) {
        for acceptor in self.of_slots.drain().flat_map(|(_, acceptors)| acceptors) {
            acceptor.stop(after, connections).await;
        }
    }
}

/// One listener.
struct Acceptor {
    slot: usize,
    listener: Arc<OwnedFd>,
    /// While it accepts: its task, and the way to stop it.
    running: Option<(oneshot::Sender<Afterwards>, JoinHandle<()>)>,
}

impl Acceptor {
    async fn follow(&mut self, gate: Gate, backlog: u32, connections: &Arc<Connections>) -> Result<(), String> {
        if let Some((stop, task)) = self.running.take() {
            drop(stop);
            // It ends by that, and with it the registration, of which there may be only one.
            let _ = task.await;
        }
        let listener = self.listener.as_fd();
        match gate {
            Gate::Open | Gate::Frozen => listener::listen_again(listener, backlog),
            Gate::Refusing => {
                take_all(listener, connections);
                listener::stop_listening(listener)
            }
        }
        .map_err(|error| {
            let what = if gate == Gate::Refusing { "stop listening" } else { "listen again after `refuse`" };
            format!("slot {}'s listener can't {what}: {error}", self.slot)
        })?;
        if gate == Gate::Open {
            let watched = Watched::new(Arc::clone(&self.listener))
                .map_err(|error| format!("slot {}'s listener can't be watched: {error}", self.slot))?;
            let (stop, stopped) = oneshot::channel();
            self.running = Some((stop, tokio::spawn(accept_until(stopped, watched, Arc::clone(connections)))));
        }
        Ok(())
    }

    async fn stop(self, after: Afterwards, connections: &Connections) {
        match (self.running, after) {
            (Some((stop, task)), _) => {
                // The task may have ended already; then there is nothing to wait for.
                let _ = stop.send(after);
                let _ = task.await;
            }
            // What waits there waits for the successor.
            (None, Afterwards::TakenOver) => {}
            (None, Afterwards::Shut) => shut(self.listener.as_fd(), connections),
        }
    }
}

/// What becomes of a listener that a worker leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// Another worker accepts from it, or the service manager's next target.
    TakenOver,
    /// Nobody will: whoever connects is refused at once, and not left to wait for the end of the run.
    Shut,
}

/// What became of a round of accepting.
enum Round {
    /// The queue is empty.
    Empty,
    /// There may be more.
    More,
    /// Nothing can be taken at the moment, for this reason.
    Exhausted(io::Error),
}

/// Accepts until told to stop (then empties the queue first), until the sender is dropped or the listener is shut.
async fn accept_until(
    mut stopped: oneshot::Receiver<Afterwards>,
    listener: Watched<Arc<OwnedFd>>,
    connections: Arc<Connections>,
) {
    // Said once, until everything that waited has been taken: a line each try would fill the disk.
    let mut complained = false;
    loop {
        let mut ready = tokio::select! {
            biased;
            order = &mut stopped => {
                match order {
                    Ok(Afterwards::TakenOver) => take_all(listener.get_ref().as_fd(), &connections),
                    Ok(Afterwards::Shut) => shut(listener.get_ref().as_fd(), &connections),
                    Err(_) => {}
                }
                return;
            }
            ready = listener.readable() => match ready {
                Ok(ready) => ready,
                Err(_) => return,
            },
        };
        match take_batch(listener.get_ref().as_fd(), &connections) {
            // A unix socket is one for all workers: the first that leaves it has shut it, and it stays readable for ever.
            Round::Empty if ready.ready().is_read_closed() => return,
            Round::Empty => {
                complained = false;
                ready.clear_ready();
            }
            Round::More => tokio::task::yield_now().await,
            Round::Exhausted(error) => {
                if !std::mem::replace(&mut complained, true) {
                    tracing::warn!(%error, "accepting pauses; what comes now waits in the queue");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Takes what waits by now, and has whoever comes later refused.
fn shut(listener: BorrowedFd<'_>, connections: &Connections) {
    take_all(listener, connections);
    socket::end(listener);
}

/// Takes what waits by now: a listener that stops listening resets it.
fn take_all(listener: BorrowedFd<'_>, connections: &Connections) {
    while matches!(take_batch(listener, connections), Round::More) {}
}

fn take_batch(listener: BorrowedFd<'_>, connections: &Connections) -> Round {
    for _ in 0..BATCH {
        match listener::accept(listener) {
            Ok(socket) => connections.take(socket),
            Err(error) => {
                if let Some(round) = after_accept_error(error) {
                    return round;
                }
            }
        }
    }
    Round::More
}

/// What an error of `accept(2)` means for the loop, which never ends by one. `None`: take the next.
fn after_accept_error(error: io::Error) -> Option<Round> {
    match Errno::from_io_error(&error) {
        Some(Errno::AGAIN) => Some(Round::Empty),
        // The client was gone before we came: its connection is out of the queue.
        Some(Errno::CONNABORTED | Errno::INTR | Errno::PROTO | Errno::NETUNREACH | Errno::HOSTUNREACH) => None,
        _ => Some(Round::Exhausted(error)),
    }
}

#[cfg(test)]
mod tests;
