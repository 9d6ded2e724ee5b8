//! quintain: a load-test target that tells the truth.
//!
//! This is the inside, for whoever changes it; the README and `docs` are for whoever uses it.
//!
//! ```text
//!       cli ── config ── everything checked, every mistake named at once
//!                  │
//!    supervisor    starts, waits, decides; owns every listening socket; never serves
//!       ├── worker 0 … N-1     one listener + one seat on the scoreboard + one single-threaded runtime, each
//!       └── observer           reads the scoreboard once a tick: CSV, live page, /metrics, /stats; publishes standing orders
//!                  │
//!               scoreboard     shared memory, in which who may write what is fixed
//! ```
//!
//! A [`worker`] is the same thing in every mode. In `single` and `threads` it is a thread of this process, in
//! `cluster` a pre-forked process; the [`supervisor`] is the main thread or a process of one thread, and runs the
//! same loop either way. The [`observer`] is never on a worker's thread.
//!
//! # The rooms, from the bottom up
//!
//! A room uses those above it in this list, never those below; a test reads the sources and holds that.
//!
//! | room | what it is |
//! |---|---|
//! | [`run_files`] | what a run leaves: names and headers of its files |
//! | [`page`] | what the live page and a report are both made of: colours, plots, words |
//! | [`units`], [`spelling`] | durations, bytes and rates as people write them; the nearest name to a misspelt one |
//! | [`mistake`] | what is wrong with something that a user wrote, where, and what is allowed |
//! | [`maybe_known`] | a figure that may be unknown: its sums are known when all their parts are |
//! | [`statistics`] | estimates and intervals from few paired measurements |
//! | [`sys`] | the kernel, and all the `unsafe` there is |
//! | [`histogram`] | a latency histogram in shared memory |
//! | [`partition`] | which index gets what, exactly, by rates and a seed |
//! | [`rate_limit`] | how many requests are let through a second, exactly |
//! | [`distribution`] | how long a delay is, drawn by an index |
//! | [`phase`] | what phases are called, and a plan of them |
//! | [`generator`] | load generators: what each writes, and the account that it becomes |
//! | [`shares`], [`delay`] | values and delays with percentages, and which requests get them: one grammar everywhere |
//! | [`fault`] | plans of faults: which request gets what |
//! | [`scoreboard`] | seats, base, roster, route table: who writes what |
//! | [`snapshot`], [`sample`] | one reading of all of it; the difference of two, with rates |
//! | [`columns`] | the columns of a run's tables, each with its unit, meaning and cell |
//! | [`event`] | what happens to a run: kinds, their words, and what is read out of those |
//! | [`control`] | the messages between the roles, and the orders page |
//! | [`work`] | computing, waiting, memory, bodies and a database, done and measured |
//! | [`wire`] | a connection's socket and HTTP/1.1 on it: arrival stamps, heads, bodies, answers, breaks on purpose |
//! | [`config`] | the settings, resolved and typed, all mistakes at once |
//! | [`profile`] | TOML in, routes out, all mistakes at once; the built-in ones |
//! | [`http`] | the route table, handlers, parameters, refusals, the record of a request, and all of that as `OpenAPI` |
//! | [`recording`] | a run as its directory tells it, however long or damaged |
//! | [`findings`] | from a recording to sentences with their evidence |
//! | [`comparison`] | two arrangements under the same load: changes, intervals, a verdict |
//! | [`verification`] | a load generator's account against a recording: what agrees, and who is wrong |
//! | [`report`] | a run or a comparison as HTML or Markdown |
//! | [`supervisor`], [`worker`], [`observer`] | the roles, which don't know each other |
//! | [`commands`] | a command each; `serve` hands the supervisor its worker and observer as functions |
//! | [`cli`] | the only reader of arguments and environment |
//!
//! # Two pipelines
//!
//! A request: `bytes → head → record(start) → limits → route → faults → parameters → work → response → bytes →
//! record(end)`; read `http/stack.rs` from top to bottom, and `http/stack/exchange.rs` behind it.
//!
//! A figure: `seat → snapshot → sample::between(earlier, later) → row`; read the tick in `observer.rs`. And afterwards
//! `row → recording → finding → report`; read `commands/report.rs`.
//!
//! # The account
//!
//! `in_flight = started − finished − lost` is derived and never negative. When nothing was killed and the clients
//! waited for their last answers, sent = started = finished = sum of the statuses = sum of the CSV's deltas.

pub mod cli;
pub mod columns;
pub mod commands;
pub mod comparison;
pub mod config;
pub mod control;
pub mod delay;
pub mod distribution;
pub mod event;
pub mod fault;
pub mod findings;
pub mod generator;
pub mod histogram;
pub mod http;
pub mod limit;
pub mod maybe_known;
pub mod mistake;
pub mod named_file;
pub mod observer;
pub mod page;
pub mod partition;
pub mod phase;
pub mod profile;
pub mod rate_limit;
pub mod recording;
pub mod report;
pub mod run_files;
pub mod sample;
pub mod scoreboard;
pub mod shares;
pub mod snapshot;
pub mod spelling;
pub mod statistics;
pub mod supervisor;
pub mod sys;
pub mod units;
pub mod verification;
pub mod wire;
pub mod work;
pub mod worker;
