//! Pictures of several requests in one run of a model, as inference servers do it ("dynamic batching").
//!
//! A thread of its own takes the pictures as they come. It waits for more until the batch is as large as its pictures may have
//! it, or until the first of them has waited for as long as it may; then it has the model's thread compute them together. While
//! that computes, further pictures wait, and their time runs.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio::sync::oneshot;

use super::model::Model;
use super::network::Thread;
use super::{Account, Event, Guess, count};
use crate::sys::clock;
use crate::units::nanoseconds;
use crate::work::loop_wait;
use crate::work::memory::Share;

/// How pictures may be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How many in one run, at most; 1 is none but itself.
    pub most: u64,
    /// How long a picture may wait for others.
    pub delay: Duration,
}

impl Batch {
    /// The largest `most`: an answer takes as long as all pictures of its run.
    pub const MOST: u64 = 32;

    /// None but itself, and otherwise 2 ms, which is about what two or three pictures take.
    pub const DEFAULT: Self = Self { most: 1, delay: Duration::from_millis(2) };

    /// Whether a picture may be in one run with others.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.most > 1
    }
}

/// What a model said of a picture.
#[derive(Debug)]
pub struct Inferred {
    /// The likeliest classes.
    pub top: Vec<Guess>,
    /// How many pictures were in the run.
    pub pictures: u64,
    /// How long the picture had waited for the run.
    pub wait_ns: u64,
    /// How long that took.
    pub run_ns: u64,
}

/// A picture that waits, and the memory that is counted for it.
struct Waiting {
    pixels: Vec<f32>,
    batch: Batch,
    /// Since when (monotonic).
    since_ns: u64,
    answer: oneshot::Sender<Result<(Inferred, u64), String>>,
    _share: Share,
}

impl Waiting {
    /// Until when it may wait for others (monotonic).
    fn until_ns(&self) -> u64 {
        self.since_ns.saturating_add(nanoseconds(self.batch.delay))
    }
}

/// Puts pictures together for a model. Its thread ends when it is dropped, after the pictures that wait.
pub struct Batches(Sender<Waiting>);

impl Batches {
    /// Starts the thread.
    ///
    /// # Errors
    /// The kernel gives none.
    pub fn start(model: &Arc<Model>, thread: &Thread, account: Option<Account>) -> io::Result<Self> {
        let (queue, waiting) = channel();
        let (model, group) = (Arc::clone(model), Arc::clone(&thread.group));
        std::thread::Builder::new().name(format!("w{}-batch", thread.slot)).spawn(move || {
            group.enter();
            let mut next = None;
            while let Some(first) = next.take().or_else(|| waiting.recv().ok()) {
                let batch;
                (batch, next) = gather(first, &waiting);
                run(&model, batch, account.as_ref());
            }
            group.leave();
        })?;
        Ok(Self(queue))
    }

    /// Has a picture computed together with others. Whoever gives up takes it out of the batch that it waits in.
    ///
    /// # Errors
    /// What the runtime says.
    pub async fn run(&self, pixels: Vec<f32>, batch: Batch, share: Share) -> Result<Inferred, String> {
        let (answer, answered) = oneshot::channel();
        let since_ns = clock::monotonic_ns();
        let gone = || "the thread that puts pictures together has ended".to_owned();
        let waiting = Waiting { pixels, batch, since_ns, answer, _share: share };
        self.0.send(waiting).map_err(|_| gone())?;
        let (inferred, ended_ns) = answered.await.map_err(|_| gone())??;
        let _ = loop_wait::was_ready(ended_ns);
        Ok(inferred)
    }
}

/// Waits for the pictures of a run. Returns them, and a picture that came but asks for a smaller run than this one has become.
fn gather(first: Waiting, queue: &Receiver<Waiting>) -> (Vec<Waiting>, Option<Waiting>) {
    let mut batch = vec![first];
    loop {
        batch.retain(|waiting| !waiting.answer.is_closed());
        let most = batch.iter().map(|waiting| waiting.batch.most).min();
        let until_ns = batch.iter().map(Waiting::until_ns).min();
        let (Some(most), Some(until_ns)) = (most, until_ns) else { return (batch, None) };
        if batch.len() as u64 >= most {
            return (batch, None);
        }
        let left_ns = until_ns.saturating_sub(clock::monotonic_ns());
        match queue.recv_timeout(Duration::from_nanos(left_ns)) {
            Ok(next) if batch.len() as u64 >= next.batch.most => return (batch, Some(next)),
            Ok(next) => batch.push(next),
            Err(_) => return (batch, None),
        }
    }
}

/// Runs the model on a batch, and tells each of its pictures what came of it.
fn run(model: &Model, mut batch: Vec<Waiting>, account: Option<&Account>) {
    batch.retain(|waiting| !waiting.answer.is_closed());
    if batch.is_empty() {
        return;
    }
    let pictures = batch.len() as u64;
    let pixels = batch.iter().flat_map(|waiting| &waiting.pixels).copied().collect();
    let asked_ns = clock::monotonic_ns();
    let ran = catch_unwind(AssertUnwindSafe(|| model.run(pixels, batch.len())));
    let ended_ns = clock::monotonic_ns();
    let (top, ran) = match ran.unwrap_or_else(|_| Err("it panicked, as the log says".to_owned())) {
        Ok(ran) => ran,
        Err(reason) => {
            // Who has left meanwhile needs no answer, here and below.
            for waiting in batch {
                let _ = waiting.answer.send(Err(reason.clone()));
            }
            return;
        }
    };
    let begun_ns = asked_ns + ran.waited_ns;
    let wait_ns = batch.iter().map(|waiting| begun_ns.saturating_sub(waiting.since_ns)).sum();
    count(account, Event::Ran { pictures, wait_ns, run_ns: ran.took_ns, cpu_ns: ran.cpu_ns });
    for (waiting, top) in batch.into_iter().zip(top) {
        let wait_ns = begun_ns.saturating_sub(waiting.since_ns);
        let inferred = Inferred { top, pictures, wait_ns, run_ns: ran.took_ns };
        let _ = waiting.answer.send(Ok((inferred, ended_ns)));
    }
}
