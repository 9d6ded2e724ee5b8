//! Telling what is in a picture: it is decoded, resized to what a model takes, and the model is run on it.
//!
//! What runs the model stands behind one small trait (`Network`). A worker's model has a thread of its own, on
//! which one picture or batch is computed at a time; whoever asks waits for it, the worker's loop too unless it is asked
//! for the pool.

mod batch;
mod kept;
mod model;
mod network;
mod picture;

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

pub use batch::Batch;
use batch::{Batches, Inferred};
use kept::Kept;
pub use model::{Given, Model};
use network::Ran;
pub use network::{THREADS_VARIABLE, Thread};
pub use picture::{Picture, Trouble};

use super::cpu::Place;
use super::pool::{Pooled, on_pool};
use super::{loop_hold, memory};
use crate::sys::clock;
use crate::sys::threads::ThreadGroup;
use memory::{Memory, Share};

/// How many classes an answer names, the likeliest first.
pub const NAMED: usize = 3;

/// The model of a run, and what pictures may be.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `--model`; `None` is the one that is a part of the program.
    pub given: Option<Arc<Given>>,
    /// `--max-pixels`
    pub max_pixels: u64,
    /// Which models a worker loads before it serves; the others are loaded by the first request that needs them.
    pub at_start: AtStart,
}

/// Which of a worker's models are there before it serves.
#[derive(Clone, Copy, Debug, Default)]
pub struct AtStart {
    /// The model as it is.
    pub full: bool,
    /// The one in whole numbers of 8 bits.
    pub quantised: bool,
}

/// How a picture is classified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Which thread decodes and resizes, and waits for the model.
    pub place: Place,
    /// Whether the model computes in whole numbers of 8 bits.
    pub quantised: bool,
    /// Whether an answer that was kept will do, and this one is kept.
    pub cached: bool,
    /// Whether the model is run on pictures of other requests at once.
    pub batch: Batch,
}

impl Ask {
    /// What its fields are called in a request's query and in a profile's step, in their order here.
    pub const NAMES: [&'static str; 5] = ["on", "quantised", "cache", "batch", "max_batch_delay"];

    /// What a field may be that is on or off, the usual one first.
    pub const SWITCHED: [(&'static str, bool); 2] = [("off", false), ("on", true)];

    /// What `on` may be, the usual one first.
    #[must_use]
    pub fn places() -> [(&'static str, Place); 2] {
        Place::ALL.map(|place| (place.name(), place))
    }
}

/// A class that a picture may be of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guess {
    /// Its label.
    pub class: Arc<str>,
    /// How likely it is, by the model: of most models 0 to 1.
    pub score: f32,
}

/// A picture that was classified.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Classified {
    /// The likeliest classes, the likeliest first; at most [`NAMED`].
    pub top: Vec<Guess>,
    /// How the picture was encoded.
    pub format: &'static str,
    /// Pixels in a row, as it was sent.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Time to decode it.
    pub decode_ns: u64,
    /// Time to resize it.
    pub resize_ns: u64,
    /// Time that the model took.
    pub infer_ns: u64,
    /// Pictures on which the model was run at once; none where the answer was kept.
    pub batch: u64,
    /// Time that it waited for a thread of the pool, for the model's, and for others of its batch.
    pub pool_ns: u64,
    /// Time that it took to receive the picture.
    pub io_ns: u64,
    /// Whether the answer was kept from an earlier request; `None` where that was not asked for.
    pub kept: Option<bool>,
}

/// Why a picture was not classified.
#[derive(Debug)]
pub enum Failure {
    /// Something is wrong with it.
    Picture(Trouble),
    /// There is no memory to decode it now.
    Memory(memory::Unavailable),
    /// There is no such model: a sentence.
    Model(String),
    /// The model failed.
    Network(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture(trouble) => trouble.fmt(formatter),
            Self::Memory(unavailable) => unavailable.fmt(formatter),
            Self::Model(sentence) => formatter.write_str(sentence),
            Self::Network(reason) => write!(formatter, "the model failed: {reason}"),
        }
    }
}

/// What is counted of a worker's models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A picture was decoded and resized. All in nanoseconds.
    Decoded {
        /// Time to decode it.
        decode_ns: u64,
        /// Time to resize it.
        resize_ns: u64,
        /// CPU time of both.
        cpu_ns: u64,
    },
    /// A model was run. All in nanoseconds.
    Ran {
        /// On so many pictures.
        pictures: u64,
        /// Time that they had waited for it, all together.
        wait_ns: u64,
        /// Time that the run took.
        run_ns: u64,
        /// CPU time of it.
        cpu_ns: u64,
    },
}

/// Called with every event, on the worker's loop and on its other threads.
pub type Account = Arc<dyn Fn(Event) + Send + Sync>;

/// A model that a worker has loaded, and what puts pictures together for it, once one has asked for that.
struct Loaded {
    model: Arc<Model>,
    batches: OnceLock<Batches>,
}

/// A worker's models.
#[derive(Default)]
pub struct Inference {
    settings: Settings,
    /// Where the models' threads enter.
    threads: Arc<ThreadGroup>,
    slot: usize,
    full: OnceLock<Result<Loaded, String>>,
    quantised: OnceLock<Result<Loaded, String>>,
    kept: Kept,
    /// `None` where nothing is counted.
    account: Option<Account>,
}

impl Inference {
    /// For the worker of this slot. Models are loaded when they are first needed.
    #[must_use]
    pub fn new(settings: &Settings, slot: usize, threads: &Arc<ThreadGroup>, account: Account) -> Self {
        Self {
            settings: settings.clone(),
            threads: Arc::clone(threads),
            slot,
            full: OnceLock::new(),
            quantised: OnceLock::new(),
            kept: Kept::default(),
            account: Some(account),
        }
    }

    /// Loads the models that the settings want at the start.
    ///
    /// # Errors
    /// A sentence: what is wrong with the model.
    pub fn prepare(&self) -> Result<(), String> {
        let AtStart { full, quantised } = self.settings.at_start;
        for (is_wanted, quantised) in [(full, false), (quantised, true)] {
            if is_wanted {
                self.loaded(quantised)?;
            }
        }
        Ok(())
    }

    fn thread(&self) -> Thread {
        Thread { slot: self.slot, group: Arc::clone(&self.threads) }
    }

    fn place(&self, quantised: bool) -> &OnceLock<Result<Loaded, String>> {
        if quantised { &self.quantised } else { &self.full }
    }

    /// A model, and how long it was waited for: whoever is the first to need it has it loaded, on the loop.
    fn found(&self, quantised: bool) -> Result<(&Loaded, u64), String> {
        if self.place(quantised).get().is_some() {
            return Ok((self.loaded(quantised)?, 0));
        }
        let begun_ns = clock::monotonic_ns();
        let loaded = self.loaded(quantised)?;
        let ended_ns = clock::monotonic_ns();
        loop_hold::held(begun_ns, ended_ns);
        Ok((loaded, ended_ns.saturating_sub(begun_ns)))
    }

    fn loaded(&self, quantised: bool) -> Result<&Loaded, String> {
        let load = || {
            let model = Model::load(self.settings.given.as_deref(), quantised, &self.thread())?;
            Ok(Loaded { model: Arc::new(model), batches: OnceLock::new() })
        };
        self.place(quantised).get_or_init(load).as_ref().map_err(String::clone)
    }

    /// What puts pictures together for a model.
    fn batches<'l>(&self, loaded: &'l Loaded) -> Result<&'l Batches, Failure> {
        let Loaded { model, batches } = loaded;
        if let Some(batches) = batches.get() {
            return Ok(batches);
        }
        model.takes_several().map_err(Failure::Model)?;
        let started = Batches::start(model, &self.thread(), self.account.clone());
        let started =
            started.map_err(|error| Failure::Network(format!("there is no thread for batches: {error}")))?;
        Ok(batches.get_or_init(|| started))
    }

    /// Says what is in an encoded picture, whose memory is counted already. `memory` is what the worker may hold; the decoded
    /// picture is a part of it.
    ///
    /// # Errors
    /// Why it could not be said.
    pub async fn run(&self, ask: Ask, encoded: (Bytes, Share), memory: &Memory) -> Result<Classified, Failure> {
        if !ask.cached {
            return self.classified(ask, encoded, memory).await;
        }
        let key = self.kept.key(&encoded.0, ask.quantised);
        if let Some(kept) = self.kept.get(&key) {
            return Ok(kept);
        }
        let classified = self.classified(ask, encoded, memory).await?;
        self.kept.put(key, &classified);
        Ok(Classified { kept: Some(false), ..classified })
    }

    async fn classified(
        &self,
        ask: Ask,
        (encoded, mut share): (Bytes, Share),
        memory: &Memory,
    ) -> Result<Classified, Failure> {
        let Ask { place, quantised, batch, cached: _ } = ask;
        let (loaded, load_ns) = self.found(quantised).map_err(Failure::Model)?;
        let batches = batch.is_shared().then(|| self.batches(loaded)).transpose()?;
        let picture = Picture::open(encoded, self.settings.max_pixels).map_err(Failure::Picture)?;
        let (model, account) = (Arc::clone(&loaded.model), self.account.clone());
        // In a batch, the model's input is there twice: alone, and beside the others.
        let input_bytes = 2 * model.input().bytes();
        let side = model.input().side();
        share.grow(picture.needs_bytes(side) + input_bytes, memory).map_err(Failure::Memory)?;
        let (prepared, inferred, pool_ns) = match batches {
            None => {
                let work = move || {
                    let (prepared, pixels) = prepare(&model, picture, account.as_ref())?;
                    let inferred = infer(&model, pixels, account.as_ref())?;
                    if place == Place::Loop {
                        // The model's own thread computed meanwhile.
                        loop_hold::blocked(inferred.wait_ns + inferred.run_ns);
                    }
                    drop(share);
                    Ok((prepared, inferred))
                };
                let (done, pool_ns) = on(place, work).await;
                let (prepared, inferred) = done?;
                (prepared, inferred, pool_ns)
            }
            Some(batches) => {
                let work = move || {
                    let (prepared, pixels) = prepare(&model, picture, account.as_ref())?;
                    share.shrink_to(input_bytes);
                    Ok((prepared, pixels, share))
                };
                let (done, pool_ns) = on(place, work).await;
                let (prepared, pixels, share) = done?;
                let inferred = batches.run(pixels, batch, share).await.map_err(Failure::Network)?;
                (prepared, inferred, pool_ns)
            }
        };
        let Inferred { top, pictures, wait_ns, run_ns } = inferred;
        let pool_ns = load_ns + pool_ns + wait_ns;
        Ok(Classified { top, infer_ns: run_ns, batch: pictures, pool_ns, ..prepared })
    }
}

/// Works on the loop, which is held meanwhile, or on a thread of the pool; with how long it waited for one.
async fn on<T: Send + 'static>(place: Place, work: impl FnOnce() -> T + Send + 'static) -> (T, u64) {
    match place {
        Place::Loop => {
            let begun_ns = clock::monotonic_ns();
            let done = work();
            loop_hold::held(begun_ns, clock::monotonic_ns());
            (done, 0)
        }
        Place::Pool => {
            let Pooled { done, pool_ns, loop_ns: _ } = on_pool(work).await;
            (done, pool_ns)
        }
    }
}

fn count(account: Option<&Account>, event: Event) {
    if let Some(account) = account {
        account(event);
    }
}

/// Decodes and resizes a picture, on the calling thread. Returns what is known of it then, and the model's input.
fn prepare(model: &Model, picture: Picture, account: Option<&Account>) -> Result<(Classified, Vec<f32>), Failure> {
    let (begun_ns, begun_cpu_ns) = (clock::monotonic_ns(), clock::thread_cpu_ns());
    let (format, width, height) = (picture.format(), picture.width(), picture.height());
    let mut decoded = picture.decode().map_err(Failure::Picture)?;
    let between_ns = clock::monotonic_ns();
    let input = model.input();
    let pixels = decoded.resized(input.width, input.height).map_err(Failure::Network)?;
    drop(decoded);
    let decode_ns = between_ns.saturating_sub(begun_ns);
    let resize_ns = clock::monotonic_ns().saturating_sub(between_ns);
    let cpu_ns = clock::thread_cpu_ns().saturating_sub(begun_cpu_ns);
    count(account, Event::Decoded { decode_ns, resize_ns, cpu_ns });
    Ok((Classified { format, width, height, decode_ns, resize_ns, ..Classified::default() }, pixels))
}

/// Runs the model on one picture; the calling thread waits for the model's.
fn infer(model: &Model, pixels: Vec<f32>, account: Option<&Account>) -> Result<Inferred, Failure> {
    let (mut top, ran) = model.run(pixels, 1).map_err(Failure::Network)?;
    let Ran { waited_ns: wait_ns, took_ns: run_ns, cpu_ns, scores: _ } = ran;
    count(account, Event::Ran { pictures: 1, wait_ns, run_ns, cpu_ns });
    Ok(Inferred { top: top.pop().unwrap_or_default(), pictures: 1, wait_ns, run_ns })
}
