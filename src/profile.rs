//! Profiles: TOML in, routes out.
//!
//! A profile says what a target offers besides its own routes: routes with their steps and answers, the limits they
//! need, the load they are meant for, and the figures of the system that it stands for. [`load()`] is what the command
//! line calls, and HUP again; everything that is wrong is found at once, each mistake with its line and column.

mod builtin;
mod describe;
mod entry;
mod load;
mod overlap;
mod plan;
mod plans;
mod published;
mod rate_limit;
mod read;
mod response;
mod route;
mod signed;
mod switches;

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};

pub use builtin::{BUILT_IN, DEFAULT};
pub use load::{fault_rules, intended, load, published_named};
pub use overlap::{open_parts, other_slash, shape};
pub use plan::{Load, Stage};
pub use published::{Claim, PUBLISHED, Published};
pub use read::{published, published_in, read, summary_of};
pub use response::{OURS, is_bodiless};
pub use signed::{Checked, Issued, Signed};
pub use switches::Switch;

use crate::config::Config;
use crate::delay::Delay;
use crate::distribution::ReadFile;
use crate::fault::{self, Written};
use crate::limit::Limit;
use crate::mistake::Source;
use crate::rate_limit::RateLimit;
use crate::units::Bytes;
use crate::work::cpu::Cpu;
use crate::work::database::Query;
use crate::work::inference::Ask;
use crate::work::io;
use crate::work::memory::Hold;

/// What a target offers, and what it is meant for. The default has no routes of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// The name of a built-in one, or the file.
    pub name: String,
    /// One line.
    pub summary: String,
    /// What `--set` may change, and how it is set.
    pub switches: Vec<Switch>,
    /// In the order of the text.
    pub routes: Vec<Route>,
    /// As understood: nothing is left out that has a default. They begin with the run.
    pub faults: Vec<Written>,
    /// The load that it is meant for.
    pub load: Load,
    /// Figures of the system that it stands for, one set for each of its own measurements.
    pub published: Vec<Published>,
    /// As it was written.
    pub text: String,
}

impl Profile {
    /// All that its text says, as JSON.
    #[must_use]
    pub fn content(&self) -> serde_json::Value {
        // It was read before: it is TOML.
        toml::from_str(&self.text).unwrap_or_default()
    }

    /// Whether any of its routes asks a database.
    #[must_use]
    pub fn needs_database(&self) -> bool {
        self.queries().next().is_some()
    }

    /// Whether any of its routes pipelines its query, which takes a server.
    #[must_use]
    pub fn needs_database_server(&self) -> bool {
        self.queries().any(|query| query.pipelined)
    }

    /// How its routes say what is in a picture.
    pub fn pictures(&self) -> impl Iterator<Item = &Ask> {
        self.routes.iter().flat_map(|route| &route.steps).filter_map(|step| match step {
            Step::Infer(ask) => Some(ask),
            _ => None,
        })
    }

    fn queries(&self) -> impl Iterator<Item = &Query> {
        self.routes.iter().flat_map(|route| &route.steps).filter_map(|step| match step {
            Step::Db(query) => Some(query),
            _ => None,
        })
    }
}

/// A route of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// At least one. HEAD is answered wherever GET is.
    pub methods: Vec<Method>,
    /// A pattern such as `/users/{id}`.
    pub path: String,
    /// Where the path stands in the text, in bytes.
    at: usize,
    /// Its share of the load plan, against those of the other routes.
    pub weight: f64,
    /// How many bytes a request of the load plan sends; `None`: the profile does not say.
    pub request_bytes: Option<u64>,
    /// Done in this order.
    pub steps: Vec<Step>,
    /// What is answered then.
    pub response: Response,
}

impl Route {
    /// Whether it says what is in the picture that is sent.
    #[must_use]
    pub fn reads_picture(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Infer(_)))
    }
}

/// One piece of work that a route does.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Computes, on the worker's loop or on its pool.
    Cpu(Cpu),
    /// Waits without computing: as long as the request's index on its route draws, if it draws a delay.
    Io {
        /// How long.
        delay: Delay,
        /// What waits.
        mode: io::Mode,
    },
    /// Takes memory, touches it, holds it, gives it back.
    Mem(Hold),
    /// Asks the database.
    Db(Query),
    /// Says what is in the picture that is sent.
    Infer(Ask),
    /// Takes a token, or ends the request with a 429 if there is none.
    RateLimit {
        /// How often a token comes, and how many can be taken at once.
        limit: RateLimit,
        /// Whose bucket it is.
        scope: Scope,
    },
    /// Answers with what a worker has kept, if it has, and otherwise keeps what the other steps come to.
    Cache {
        /// How many different answers there are. A request's key is the remainder of its index, divided by this.
        keys: u64,
        /// For how long one is kept.
        time: Duration,
    },
    /// Gives the client a signed value.
    Issue(Signed<Issued>),
    /// Refuses a request that does not show one.
    Check(Signed<Checked>),
    /// Adds so many bytes to the body.
    Bytes(u64),
}

/// Whose requests take from one bucket of tokens, whichever worker they come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of one method of the route.
    Route,
    /// Those of all routes of the profile.
    Profile,
}

/// What a route answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// 200 to 599.
    pub status: StatusCode,
    /// How many bytes the body has; `None`: what was done, as JSON.
    pub size: Option<u64>,
    /// Beside those that every workload answers with.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Response {
    /// Whether its body is what was done.
    #[must_use]
    pub fn tells_what_was_done(&self) -> bool {
        self.size.is_none() && !is_bodiless(self.status)
    }
}

/// A route that every target offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Its method.
    pub method: String,
    /// Its path's pattern.
    pub path: String,
    /// Whether a profile's route can't take its place.
    pub is_fixed: bool,
}

/// What a profile is held to.
#[derive(Clone)]
pub struct Rules<'a> {
    /// Of a wait.
    pub delay: Limit<Duration>,
    /// Of computing.
    pub cpu: Limit<Duration>,
    /// Of a response's body.
    pub bytes: Limit<Bytes>,
    /// Of a request's body.
    pub body: Limit<Bytes>,
    /// Of what a request takes.
    pub memory: Limit<Bytes>,
    /// Of what a query is about.
    pub db_rows: Limit<u64>,
    /// `--seed`
    pub seed: u64,
    /// `--set`: each `NAME=VALUE`, and where it was given.
    pub switches: &'a [(Source, String)],
    /// What is served anyway.
    pub offered: &'a [Offered],
    /// How many routes there can be in all.
    pub room: usize,
    /// Reads the files that delays name.
    pub read: Option<ReadFile<'a>>,
    /// What its fault plans are held to, but for the routes.
    pub faults: fault::Rules,
}

impl<'a> Rules<'a> {
    /// No limits: while those of the configuration are mistaken, nothing can be held to them.
    #[must_use]
    pub fn without_limits(offered: &'a [Offered], room: usize) -> Self {
        Self {
            delay: Limit::unnamed(Duration::MAX),
            cpu: Limit::unnamed(Duration::MAX),
            bytes: Limit::unnamed(Bytes(u64::MAX)),
            body: Limit::unnamed(Bytes(u64::MAX)),
            memory: Limit::unnamed(Bytes(u64::MAX)),
            db_rows: Limit::unnamed(u64::MAX),
            seed: 0,
            switches: &[],
            offered,
            room,
            read: None,
            faults: fault::Rules::none(),
        }
    }

    fn limited_by(self, config: &Config) -> Self {
        Self {
            delay: config.max_delay,
            cpu: config.max_cpu,
            bytes: config.max_bytes,
            body: config.max_body,
            memory: config.max_mem,
            db_rows: config.db_rows,
            seed: config.seed,
            faults: fault_rules(config),
            ..self
        }
    }
}

#[cfg(test)]
mod tests;
