//! Taking connections from accept queues.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
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

/// The listeners that this worker accepts from: its own, and those it was lent.
#[derive(Default)]
pub struct Acceptors(HashMap<usize, Acceptor>);

/// One listener's task, and the way to stop it.
struct Acceptor {
    stop: oneshot::Sender<Afterwards>,
    task: JoinHandle<()>,
}

impl Acceptors {
    /// Accepts from a slot's listener until it is removed.
    pub fn add(&mut self, slot: usize, listener: OwnedFd, connections: &Arc<Connections>) -> Result<(), String> {
        let listener =
            Watched::new(listener).map_err(|error| format!("slot {slot}'s listener can't be watched: {error}"))?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept_until(stopped, listener, Arc::clone(connections)));
        self.0.insert(slot, Acceptor { stop, task });
        Ok(())
    }

    /// Leaves a slot's listener to somebody else.
    pub fn remove(&mut self, slot: usize) {
        self.0.remove(&slot);
    }

    /// Leaves all of them, once what is in their queues by then is taken.
    pub async fn stop(&mut self, after: Afterwards) {
        for (_, Acceptor { stop, task }) in self.0.drain() {
            // The task may have ended already; then there is nothing to wait for.
            let _ = stop.send(after);
            let _ = task.await;
        }
    }
}

/// What becomes of a listener that a worker leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// Another worker accepts from it.
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
    listener: Watched<OwnedFd>,
    connections: Arc<Connections>,
) {
    // Said once, until everything that waited has been taken: a line each try would fill the disk.
    let mut complained = false;
    loop {
        let mut ready = tokio::select! {
            biased;
            order = &mut stopped => {
                if let Ok(afterwards) = order {
                    while matches!(take_batch(&listener, &connections), Round::More) {}
                    if afterwards == Afterwards::Shut {
                        socket::end(listener.get_ref().as_fd());
                    }
                }
                return;
            }
            ready = listener.readable() => match ready {
                Ok(ready) => ready,
                Err(_) => return,
            },
        };
        match take_batch(&listener, &connections) {
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

fn take_batch(listener: &Watched<OwnedFd>, connections: &Connections) -> Round {
    for _ in 0..BATCH {
        match listener::accept(listener.get_ref().as_fd()) {
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
