//! The admin listener: what the target knows of itself, and the orders one may give it.

use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post, put};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tower::ServiceExt;

use super::live::{Cut, Live};
use crate::control::fault_tallies;
use crate::event::{Event, EventKind};
use crate::fault::Rules;
use crate::http::openapi::operation::Described;
use crate::http::{Refusal, docs_file, docs_page};
use crate::maybe_known::SharedFigure;
use crate::observer::files::marks::Marks;
use crate::observer::reading::processes::Processes;
use crate::scoreboard::Scoreboard;
use crate::snapshot::{Figures, RouteReading, RoutesReader};
use crate::sys::clock;
use access::{Access, Door};
use http_1_0::adapted_to;

pub mod access;
mod events;
mod faults;
mod http_1_0;
mod json;
mod marks;
mod metrics;
mod openapi;
mod order;
mod page;
mod ready;
mod resources;
mod stats;

/// Connections at once; further ones wait, and those that are idle make room for them.
const CONNECTIONS: usize = 64;

/// From a request's first byte to the end of its headers; hyper cuts idle connections after it, too.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

/// What the kernel holds for a client that does not read.
const SEND_BUFFER: usize = 64 * 1024;

/// What hyper holds of a request's head, and of an answer that the client does not read.
const BUFFER: usize = 64 * 1024;

/// How long accepting pauses when the kernel has no descriptor or memory left for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// The admin listener and who may give orders on it.
pub struct Admin {
    /// Where it listens.
    pub listeners: Vec<AdminListener>,
    /// What a write must show. Without one, writes are for loopback and unix sockets only.
    pub token: Option<String>,
}

/// A listening socket, bound already.
pub enum AdminListener {
    /// TCP.
    Tcp {
        /// The socket.
        listener: OwnedFd,
        /// Whether it is bound to a loopback address.
        loopback: bool,
    },
    /// A unix socket; its permissions say who may connect.
    Unix {
        /// The socket.
        listener: OwnedFd,
    },
}

impl AdminListener {
    fn door(&self) -> Door {
        match self {
            Self::Tcp { loopback: true, .. } => Door::Loopback,
            Self::Tcp { loopback: false, .. } => Door::Elsewhere,
            Self::Unix { .. } => Door::Unix,
        }
    }

    /// The same socket for another observer.
    ///
    /// # Errors
    /// What `dup(2)` says.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp { listener, loopback } => Self::Tcp { listener: listener.try_clone()?, loopback: *loopback },
            Self::Unix { listener } => Self::Unix { listener: listener.try_clone()? },
        })
    }
}

/// What the handlers work on.
#[derive(Clone)]
pub struct Target {
    /// Every figure.
    pub board: Arc<Scoreboard>,
    /// Where a worker's CPU is read.
    pub processes: Processes,
    /// `single`, `threads` or `cluster`.
    pub mode: &'static str,
    /// What fault plans are held against, but for the routes, which are those of the scoreboard.
    pub rules: Arc<Rules>,
    /// The last tick, and who is told of the next.
    pub live: Arc<Live>,
    /// Where it is told what happened that belongs into `events.csv`.
    pub events: UnboundedSender<Told>,
    /// Whether a write must show a token.
    pub by_token: bool,
    /// The moments at which phases began.
    pub marks: Arc<Marks>,
    /// When the run began (monotonic).
    pub started_ns: u64,
    /// Where the run's files are, if it has any.
    pub run_directory: Option<Arc<Path>>,
    /// What all accept queues had dropped at the last tick.
    pub listen_drops: Arc<SharedFigure>,
    /// What was answered on each route, read by ticks as well.
    pub routes: RoutesReader,
}

impl Target {
    /// Everything that was counted up to now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let taken = self.processes.snapshot(&self.board);
        let routes = self.routes.read(&self.board).iter().map(|route| RouteReading::clone(route)).collect();
        Figures::of(&taken, routes, self.listen_drops.load(), fault_tallies(&self.board))
    }

    /// A phase begins: which mark it is and when it was put (monotonic); `None` when there is no room for it.
    #[must_use]
    pub fn mark(&self, phase: &str) -> Option<(usize, u64, IsWritten)> {
        let (at_ns, realtime_ns) = (clock::monotonic_ns(), clock::realtime_ns());
        let index = self.marks.put(phase, (at_ns, realtime_ns), &self.figures())?;
        let is_written = self.tell(Event::at((at_ns, realtime_ns), EventKind::Mark(phase.to_owned())));
        Some((index, at_ns, is_written))
    }

    /// Has it written down what happened.
    #[must_use]
    pub fn tell(&self, event: Event) -> IsWritten {
        let (waiting, is_written) = oneshot::channel();
        // When nobody takes it any more, the run is over.
        let _ = self.events.send(Told { event, _waiting: waiting });
        IsWritten(is_written)
    }
}

/// What happened. To drop it says that it is written down.
pub struct Told {
    /// What happened.
    pub event: Event,
    _waiting: oneshot::Sender<Infallible>,
}

/// Whether what was told stands in the files. An answer that promises it waits for this; otherwise an observer that is killed
/// right after the answer would take it along.
pub struct IsWritten(oneshot::Receiver<Infallible>);

impl IsWritten {
    /// Ends when it stands in the files.
    pub async fn wait(self) {
        let _ = self.0.await;
    }
}

/// Begins to serve, on the runtime that the caller has entered.
///
/// # Errors
/// A sentence why a socket can't be used.
pub fn open(admin: Admin, target: &Target) -> Result<(), String> {
    let Admin { listeners, token } = admin;
    faults::watch_expiry(target);
    for listener in listeners {
        let access = Access { door: listener.door(), token: token.clone() };
        serve_on(listener, routes(target.clone(), access))
            .map_err(|error| format!("the admin listener can't be used: {error}"))?;
    }
    Ok(())
}

fn serve_on(listener: AdminListener, routes: Router) -> io::Result<()> {
    match listener {
        AdminListener::Tcp { listener, loopback: _ } => {
            let listener = std::net::TcpListener::from(listener);
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            tokio::spawn(serve(routes, async move || {
                let (stream, _) = listener.accept().await?;
                // Only what the client has not read: the kernel would buffer megabytes for one that never reads.
                let socket = socket2::SockRef::from(&stream);
                socket.set_send_buffer_size(SEND_BUFFER)?;
                // hyper waits for ever for a client that does not read its answer; the kernel need not.
                socket.set_tcp_user_timeout(Some(HEADERS_WITHIN))?;
                Ok(stream)
            }));
        }
        AdminListener::Unix { listener } => {
            let listener = std::os::unix::net::UnixListener::from(listener);
            listener.set_nonblocking(true)?;
            let listener = UnixListener::from_std(listener)?;
            tokio::spawn(serve(routes, async move || listener.accept().await.map(|(stream, _)| stream)));
        }
    }
    Ok(())
}

/// A route of this listener.
struct Route {
    method: &'static str,
    path: &'static str,
    handler: MethodRouter<Target>,
    /// Describes it, given whether a write needs the token.
    describe: fn(bool) -> Described,
}

/// Every route there is.
fn table() -> Vec<Route> {
    let route = |method, path, handler, describe| Route { method, path, handler, describe };
    vec![
        route("GET", "/", get(page::page), openapi::page),
        route("GET", "/stats", get(stats::stats), stats::describe),
        route("GET", "/events", get(events::events), events::describe),
        route("GET", "/metrics", get(metrics::metrics), metrics::describe),
        route("GET", "/resources.csv", get(resources::resources), resources::describe),
        route("POST", "/marks", post(marks::post), marks::describe),
        route("GET", "/health", get(async || "ok\n"), openapi::health),
        route("POST", "/ready", post(ready::ready), ready::describe),
        route("GET", "/faults", get(faults::get), faults::describe_get),
        route("PUT", "/faults", put(faults::put), faults::describe_put),
        route("DELETE", "/faults", delete(faults::delete), faults::describe_delete),
        route("GET", "/openapi.json", get(openapi::document), openapi::this),
        route("GET", "/docs", get(docs_page), openapi::docs),
        route("GET", "/docs/{file}", get(docs_file), openapi::docs_file),
    ]
}

/// What there is, behind the rules of who may ask.
fn routes(target: Target, access: Access) -> Router {
    let routes =
        table().into_iter().fold(page::files(), |router, Route { path, handler, .. }| router.route(path, handler));
    routes
        .fallback(async |request: Request| no_such_path(request.uri().path()))
        .method_not_allowed_fallback(async |request: Request| wrong_method(request.method()))
        .with_state(target)
        .layer(middleware::from_fn_with_state(Arc::new(access), guard))
}

async fn guard(State(access): State<Arc<Access>>, request: Request, next: Next) -> Result<Response, Refusal> {
    access.check(request.version(), request.method(), request.uri(), request.headers())?;
    let version = request.version();
    Ok(adapted_to(version, next.run(request).await))
}

/// Takes connections for ever, at most so many at once. Who waits for a place has the others leave after their answer: a
/// scraper would keep its connection, and its place, until its next scrape.
async fn serve<Stream>(routes: Router, mut accept: impl AsyncFnMut() -> io::Result<Stream>)
where
    Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (crowd, crowded) = watch::channel(false);
    let mut complained = false;
    loop {
        match accept().await {
            Ok(stream) => {
                complained = false;
                crowd.send_replace(places.available_permits() == 0);
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                crowd.send_replace(false);
                tokio::spawn(connection(stream, routes.clone(), crowded.clone(), place));
            }
            // The client gave up before it was its turn.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if !std::mem::replace(&mut complained, true) {
                    tracing::warn!("the admin listener can't take connections for now: {error}");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection<Stream>(
    stream: Stream,
    routes: Router,
    mut crowded: watch::Receiver<bool>,
    place: OwnedSemaphorePermit,
) where
    Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let cut = Cut::default();
    let known = cut.clone();
    let asked = Arc::new(Notify::new());
    let asks = Arc::clone(&asked);
    let routes = routes.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        asks.notify_one();
        request.extensions_mut().insert(known.clone());
        request
    });
    let mut served = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_WITHIN)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes))
    );
    // hyper ends a connection that has not asked yet without a word.
    let mut is_to_leave = pin!(async {
        asked.notified().await;
        let _ = crowded.wait_for(|crowded| *crowded).await;
    });
    let mut stays = true;
    loop {
        tokio::select! {
            served = &mut served => {
                if let Err(error) = served {
                    tracing::debug!("an admin connection ended: {error}");
                }
                break;
            }
            // hyper waits for a client that does not read, whatever becomes of the answer's body.
            () = cut.wanted() => {
                tracing::debug!("an admin connection was cut: the client does not read");
                break;
            }
            () = &mut is_to_leave, if stays => {
                stays = false;
                // At once if it is idle. Who listens to the events goes on.
                served.as_mut().graceful_shutdown();
            }
        }
    }
    drop(place);
}

fn no_such_path(path: &str) -> Refusal {
    let routes: Vec<String> = table().iter().map(|Route { method, path, .. }| format!("{method} {path}")).collect();
    Refusal::not_here(format!("there is no {path} here"), routes.join(", "))
}

/// axum adds `Allow`.
fn wrong_method(method: &Method) -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("this path does not take {method}; see the Allow header"))
}
