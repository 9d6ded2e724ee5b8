//! One connection, from its first byte to its end: HTTP/1.1 by a loop of our own.
//!
//! ```text
//! read → head → (bad: refuse) → an instant answer, or else an exchange → what is left of the body → the next one
//! ```
//!
//! A turn of the loop works in buffers that belong to the worker's thread; a connection keeps bytes of its own only of
//! what is incomplete. So an idle connection costs its task and its socket. A turn that has to wait for something ends,
//! and what it waits for is boxed: an [`exchange`], what the client hasn't taken, a refusal.

mod exchange;
pub mod figure;
pub mod gate;
pub mod handler;
pub mod instant;
pub mod record;
pub mod request;

use std::cell::RefCell;
use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::http::StatusCode;
use bytes::{Buf, BytesMut};

use super::error::Refusal;
use super::route::Routes;
use super::target::Target;
use crate::http::about::docs;
use crate::scoreboard::{Outcome, Rejection};
use crate::sys::clock;
use crate::wire::{
    Answered, BadHead, BodyLength, Connection, Ending, Head, Outgoing, Progress, Room, go_away, parse, parse_whole,
    push_instant,
};
use exchange::Asked;

/// How much is read at once, as long as nothing is incomplete.
const INPUT: usize = 64 * 1024;

/// How much room there is for more of a head that is incomplete.
const MORE: usize = 4 * 1024;

/// Answered in a row before other connections get their turn.
const IN_A_ROW: usize = 32;

/// How much of what nobody asked for is read, so that a last answer arrives.
const LINGER_BYTES: usize = 1024 * 1024;

thread_local! {
    /// Of the worker that runs on this thread: what is read, and what is written.
    static BUFFERS: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// A connection being served.
pub struct Stack {
    routes: Arc<Routes>,
    target: Target,
    connection: Arc<Connection>,
    /// Read, and not served: of a head that is incomplete, or behind a request that is served.
    held: BytesMut,
    /// Of the head in `held`.
    progress: Progress,
    /// Whether a head has come; until then a connection may turn out to speak another protocol.
    is_opened: bool,
}

/// How a turn of the loop ends.
enum Turn {
    /// Others get theirs.
    Yield,
    /// There is nothing more to come, or nobody to send it to.
    Closed,
    /// An answer that the socket hasn't taken to its end.
    Unsent(Box<Unsent>),
    /// What is no request, and its answer.
    Refused(Box<(Rejection, Vec<u8>)>),
    /// A request that needs more than a few bytes.
    Exchange(Asked),
}

/// What became of a request that may be answered at once.
enum AtOnce {
    /// It needs more.
    Cannot,
    Answered,
    Ends(Turn),
}

/// The rest of an answer, and the record that ends with it.
struct Unsent {
    rest: Outgoing,
    ending: Ending,
    /// Whether the connection goes on after it.
    goes_on: bool,
}

impl Stack {
    /// Serves this connection.
    #[must_use]
    pub fn new(routes: Arc<Routes>, target: Target, connection: Arc<Connection>) -> Self {
        Self { routes, target, connection, held: BytesMut::new(), progress: Progress::default(), is_opened: false }
    }

    /// To its end.
    pub async fn serve(mut self) {
        loop {
            let goes_on = match poll_fn(|context| self.poll_turn(context)).await {
                Turn::Yield => {
                    tokio::task::yield_now().await;
                    true
                }
                Turn::Closed => false,
                Turn::Unsent(unsent) => Box::pin(self.send_rest(unsent)).await,
                Turn::Refused(refused) => {
                    let (reason, answer) = *refused;
                    Box::pin(self.refuse(reason, answer)).await;
                    false
                }
                Turn::Exchange(asked) => Box::pin(self.exchange(asked)).await,
            };
            if !goes_on {
                break;
            }
        }
        if self.connection.has_unread() || !self.held.is_empty() {
            Box::pin(self.connection.linger(LINGER_BYTES)).await;
        } else if Arc::strong_count(&self.connection) > 1 {
            // Work that was given up may hold it for longer: its client must not wait for that to learn of the end.
            self.connection.end_sending();
        }
    }

    /// Reads, and answers what can be answered at once.
    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<Turn> {
        BUFFERS.with_borrow_mut(|(input, output)| {
            let mut budget = IN_A_ROW;
            if !self.held.is_empty() && !self.progress.is_begun() {
                let turn = self.take_held(output, &mut budget);
                if let Some(turn) = turn {
                    return Poll::Ready(turn);
                }
            }
            loop {
                if self.held.is_empty() {
                    self.held = BytesMut::new();
                    input.clear();
                    input.reserve(INPUT);
                    if !matches!(ready!(self.connection.poll_receive(context, input)), Ok(1..)) {
                        return Poll::Ready(Turn::Closed);
                    }
                    let (taken, turn) = self.take(input, output, &mut budget);
                    self.held.extend_from_slice(&input[taken..]);
                    if let Some(turn) = turn {
                        return Poll::Ready(turn);
                    }
                } else {
                    self.held.reserve(MORE);
                    if !matches!(ready!(self.connection.poll_receive(context, &mut self.held)), Ok(1..)) {
                        // Half a request is none.
                        self.held.clear();
                        return Poll::Ready(Turn::Closed);
                    }
                    if let Some(turn) = self.take_held(output, &mut budget) {
                        return Poll::Ready(turn);
                    }
                }
            }
        })
    }

    fn take_held(&mut self, output: &mut Vec<u8>, budget: &mut usize) -> Option<Turn> {
        let held = std::mem::take(&mut self.held);
        let (taken, turn) = self.take(&held, output, budget);
        self.held = held;
        self.held.advance(taken);
        turn
    }

    /// Takes requests from the start of `bytes` until one is incomplete or ends the turn. Returns how many bytes that are.
    fn take(&mut self, bytes: &[u8], output: &mut Vec<u8>, budget: &mut usize) -> (usize, Option<Turn>) {
        let mut taken = 0;
        while taken < bytes.len() {
            let Some(left) = budget.checked_sub(1) else { return (taken, Some(Turn::Yield)) };
            *budget = left;
            let rest = &bytes[taken..];
            let mut room: Room<'_> = [const { MaybeUninit::uninit() }; _];
            let whole = if self.progress.is_begun() { None } else { parse_whole(rest, &mut room) };
            let (head, end) = match whole {
                Some(whole) => whole,
                None => match self.parse(rest, &mut room) {
                    Ok(Some(parsed)) => parsed,
                    Ok(None) => return (taken, None),
                    Err(bad) => return (taken, Some(self.refused(bad, rest))),
                },
            };
            self.is_opened = true;
            taken += end;
            let now_ns = clock::monotonic_ns();
            self.target.follow_orders();
            match self.answer_at_once(&head, now_ns, output) {
                AtOnce::Answered => {}
                AtOnce::Ends(turn) => return (taken, Some(turn)),
                AtOnce::Cannot => return (taken, Some(self.asked(&head, &rest[..end], now_ns))),
            }
        }
        (taken, None)
    }

    /// A head that may be incomplete or wrong, and where it ends.
    fn parse<'h, 'b>(
        &mut self,
        bytes: &'b [u8],
        room: &'h mut Room<'b>,
    ) -> Result<Option<(Head<'h, 'b>, usize)>, BadHead> {
        let Some(end) = self.progress.find_end(bytes)? else {
            self.progress.check(bytes)?;
            if self.progress.has_begun() {
                self.connection.head_begun();
            }
            return Ok(None);
        };
        self.progress = Progress::default();
        Ok(Some((parse(&bytes[..end], room)?, end)))
    }

    /// Writes the answer to a request that needs no more than that.
    fn answer_at_once(&self, head: &Head<'_, '_>, head_ns: u64, output: &mut Vec<u8>) -> AtOnce {
        let Self { routes, target, connection, .. } = self;
        if head.method != "GET"
            || head.body != BodyLength::Known(0)
            || docs::sends(head)
            || target.faults().are_active()
            || target.closes_connections()
            || connection.seat().in_flight() >= target.config.max_inflight.most as u64
            || connection.is_suspected()
        {
            return AtOnce::Cannot;
        }
        let Some((route, make)) = routes.instant(head.target) else { return AtOnce::Cannot };
        let Ok(instant) = make(target) else { return AtOnce::Cannot };
        connection.seat().started();
        output.clear();
        let form = Answered { is_http_11: head.is_http_11, is_head: false, keep_alive: head.keep_alive };
        push_instant(output, instant.headers, &instant.body, form);
        let sent = connection.send_now(output);
        let (arrival_ns, stamped) = connection.arrival();
        let outcome = Outcome::Answered(StatusCode::OK.as_u16());
        if sent.as_ref().is_ok_and(|sent| *sent < output.len()) {
            connection.head_parsed(head_ns);
        }
        if stamped {
            connection.add_behind(arrival_ns, head_ns);
        }
        let ending = Ending { route, outcome, fault: None, head_ns, arrival_ns, stamped, loop_ns: 0 };
        match sent {
            Ok(sent) if sent == output.len() => {
                connection.end_request(ending);
                if head.keep_alive { AtOnce::Answered } else { AtOnce::Ends(Turn::Closed) }
            }
            Ok(sent) => {
                let mut rest = Outgoing::default();
                rest.write(|small| small.extend_from_slice(&output[sent..]));
                AtOnce::Ends(Turn::Unsent(Box::new(Unsent { rest, ending, goes_on: head.keep_alive })))
            }
            Err(_) => {
                connection.end_request(Ending { outcome: Outcome::ClientGone, ..ending });
                AtOnce::Ends(Turn::Closed)
            }
        }
    }

    async fn send_rest(&self, unsent: Box<Unsent>) -> bool {
        let connection = &*self.connection;
        let mut unsent = Ended { connection, unsent, is_sent: false };
        unsent.is_sent = poll_fn(|context| connection.poll_send(context, &mut unsent.unsent.rest)).await.is_ok();
        unsent.is_sent && unsent.unsent.goes_on
    }

    /// How a turn ends with a request that needs more, whose head has these bytes.
    fn asked(&self, head: &Head<'_, '_>, bytes: &[u8], head_ns: u64) -> Turn {
        match Asked::of(head, bytes, head_ns, self) {
            Ok(asked) => Turn::Exchange(asked),
            Err((reason, refusal)) => {
                Turn::Refused(Box::new((reason, refusal.as_last_answer(head.method != "HEAD"))))
            }
        }
    }

    /// What is answered to a head that is none.
    fn refused(&self, bad: BadHead, bytes: &[u8]) -> Turn {
        let (reason, status, sentence) = bad.answer();
        let reason = Rejection::of_opening(bytes).filter(|_| !self.is_opened).unwrap_or(reason);
        let answer = match bad {
            BadHead::Http2 => go_away(&sentence),
            _ => Refusal::new(status, sentence).as_last_answer(!bytes.trim_ascii_start().starts_with(b"HEAD ")),
        };
        Turn::Refused(Box::new((reason, answer)))
    }

    /// Answers what never was a request: not started, counted as rejected. Whatever the client goes on to send, what it
    /// means is in doubt.
    async fn refuse(&mut self, reason: Rejection, answer: Vec<u8>) {
        let connection = &self.connection;
        connection.seat().rejected(reason);
        connection.leave_unread();
        self.connection.send_last(&answer).await;
    }
}

/// An answer of which the rest is being sent. Whoever gives up on it leaves the client without it.
struct Ended<'a> {
    connection: &'a Connection,
    unsent: Box<Unsent>,
    is_sent: bool,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let Self { connection, unsent, is_sent } = self;
        let mut ending = unsent.ending;
        if !*is_sent || connection.had_left() {
            ending.outcome = Outcome::ClientGone;
        }
        connection.end_request(ending);
    }
}
