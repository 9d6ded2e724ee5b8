//! Load, and what became of it on the client's side.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use super::client::Client;
use super::wait_for;

/// What the clients did and saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests written, whole or in part.
    pub sent: u64,
    /// Whole responses.
    pub answered: u64,
    /// Of those, with another status than 200.
    pub not_ok: u64,
    /// Requests that got no whole response.
    pub failed: u64,
    /// Connections that could not be opened.
    pub refused: u64,
}

impl Tally {
    /// Beside a load: requests of which each one was answered.
    pub fn and_answered(self, answered: u64) -> Self {
        Self { sent: self.sent + answered, answered: self.answered + answered, ..self }
    }

    fn add(&mut self, other: Self) {
        let Self { sent, answered, not_ok, failed, refused } = other;
        self.sent += sent;
        self.answered += answered;
        self.not_ok += not_ok;
        self.failed += failed;
        self.refused += refused;
    }
}

/// How a client uses connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One connection until the target closes it.
    KeepAlive,
    /// A new one for each request.
    NewConnection,
}

/// Clients that run until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Tally>>,
}

impl Load {
    /// So many clients of each style, asking for `path`.
    pub fn start(address: &str, path: &str, each: usize) -> Self {
        Self::with(address, path, &[Style::KeepAlive, Style::NewConnection].repeat(each))
    }

    /// A client of each of these styles.
    pub fn with(address: &str, path: &str, styles: &[Style]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU64::new(0));
        let clients = styles.iter().map(|&style| {
            let (address, path) = (address.to_owned(), path.to_owned());
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            thread::spawn(move || ask_until(&stop, &answered, &address, &path, style))
        });
        Self { clients: clients.collect(), stop, answered }
    }

    /// Waits for so many more answers.
    pub fn answers(&self, more: u64) {
        let wanted = self.answered.load(Relaxed) + more;
        wait_for("more answers", || (self.answered.load(Relaxed) >= wanted).then_some(()));
    }

    /// Lets each client finish its request.
    pub fn stop(self) -> Tally {
        self.stop.store(true, Relaxed);
        let mut sum = Tally::default();
        for client in self.clients {
            sum.add(client.join().unwrap());
        }
        sum
    }
}

fn ask_until(stop: &AtomicBool, answers: &AtomicU64, address: &str, path: &str, style: Style) -> Tally {
    let mut tally = Tally::default();
    let mut open: Option<Client> = None;
    while !stop.load(Relaxed) {
        let Some(mut client) = open.take().or_else(|| Client::connect(address).ok()) else {
            tally.refused += 1;
            continue;
        };
        tally.sent += 1;
        match client.get(path) {
            Ok(response) => {
                tally.answered += 1;
                tally.not_ok += u64::from(response.status != 200);
                answers.fetch_add(1, Relaxed);
                open = (style == Style::KeepAlive && !response.closes()).then_some(client);
            }
            Err(_) => tally.failed += 1,
        }
    }
    tally
}
