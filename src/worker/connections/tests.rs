//! Connections that are broken on purpose, over real sockets, with routes whose responses have faults: what arrives,
//! how it ends, and what is counted.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Instant;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::Frame;
use tokio::sync::oneshot;

use super::*;
use crate::config::{Addresses, Config};
use crate::http::openapi::operation::Described;
use crate::http::{ResponseFault, Route, Routes, UNMATCHED};
use crate::scoreboard::{Scoreboard, SeatState};
use crate::snapshot::{self, RouteReading, Snapshot};
use crate::sys::listener::{self, Claim};
use crate::sys::readiness::Watched;
use crate::work::inference::Inference;

/// More than a socket's buffers hold.
const LARGE: usize = 12 * 1024 * 1024;

const DRIPPING: Duration = Duration::from_millis(200);

/// Ten bytes in two parts, of a length that nobody is told.
struct Chunked(u8);

impl http_body::Body for Chunked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0 += 1;
        let parts: [Option<&str>; 3] = [Some("01234"), Some("56789"), None];
        Poll::Ready(parts[usize::from(self.0 - 1)].map(|part| Ok(Frame::data(Bytes::from(part)))))
    }
}

fn with(body: impl Into<Body>, fault: ResponseFault) -> Response {
    let mut response = Response::new(body.into());
    response.extensions_mut().insert(fault);
    response
}

fn table() -> Vec<Route> {
    let truncate = |bytes| ResponseFault::Truncate { bytes };
    let drip = ResponseFault::Drip { delay: DRIPPING };
    let routes = [
        Route::get("/health", || async { "OK" }),
        Route::get("/large", || async { vec![b'~'; LARGE] }),
        Route::get("/empty", || async { ResponseFault::Empty.alone() }),
        Route::get("/reset", || async { ResponseFault::Reset.alone() }),
        Route::get("/malformed", || async { ResponseFault::Malformed.alone() }),
        Route::get("/truncate/0", move || async move { with("0123456789", truncate(0)) }),
        Route::get("/truncate/4", move || async move { with("0123456789", truncate(4)) }),
        Route::get("/truncate/10", move || async move { with("0123456789", truncate(10)) }),
        Route::get("/truncate/large", move || async move { with(vec![b'~'; LARGE], truncate(LARGE as u64 - 1)) }),
        Route::get("/truncate/chunked/0", move || async move { with(Body::new(Chunked(0)), truncate(0)) }),
        Route::get("/truncate/chunked/5", move || async move { with(Body::new(Chunked(0)), truncate(5)) }),
        Route::get("/truncate/chunked/7", move || async move { with(Body::new(Chunked(0)), truncate(7)) }),
        Route::get("/truncate/chunked/10", move || async move { with(Body::new(Chunked(0)), truncate(10)) }),
        Route::get("/drip", move || async move { with("0123456789abcdefghijklm", drip) }),
        Route::get("/drip/short", move || async move { with("012", drip) }),
        Route::get("/drip/nothing", move || async move { with("", drip) }),
        Route::get("/drip/chunked", move || async move { with(Body::new(Chunked(0)), drip) }),
    ];
    routes.map(|route| route.described_by(|_| Described::new("Of a test"))).into()
}

/// A worker's connections, without the worker.
struct Served {
    address: SocketAddr,
    board: Arc<Scoreboard>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Served {
    fn start() -> Self {
        let board = Scoreboard::map(1).unwrap();
        board.head().routes.append("", UNMATCHED.1);
        for route in table() {
            board.head().routes.append(&route.method, &route.path);
        }
        board.slots()[0].occupy(0, 1, 1);
        board.slots()[0].roster(0).set_state(SeatState::Live);
        let seat = SeatWriter::new(Arc::clone(&board), 0, 0);
        let listener = listener::tcp("127.0.0.1:0".parse().unwrap(), 16, Claim::First).unwrap();
        let address = listener::address_of(&listener).unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve_all(listener, seat, stopped));
        });
        Self { address, board, stop, thread }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Waits until all is at rest and compares the route's record: answered with 200, broken; no other ends.
    fn counted(&self, path: &str, answered: u64, broken: u64) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let totals = Snapshot::without_cpu(&self.board).totals();
            let now = totals.gauges();
            if now.in_flight == 0 && now.connections == 0 {
                let routes = snapshot::routes(&self.board);
                let finished: u64 = routes.iter().map(RouteReading::finished).sum();
                let errors: u64 = routes.iter().map(|route| route.counts.broken).sum();
                assert_eq!((totals.counts.finished, totals.counts.errors), (finished, errors), "{routes:?}");
                assert_eq!((totals.counts.started, totals.counts.rejected), (finished, 0), "{routes:?}");
                let route = routes.iter().find(|route| route.path == path).unwrap();
                let seen =
                    (route.statuses.get(&200).copied().unwrap_or(0), route.counts.broken, route.counts.client_gone);
                assert_eq!(seen, (answered, broken, 0), "{path}");
                return;
            }
            assert!(Instant::now() < deadline, "no rest: {totals:?}");
            std::thread::yield_now();
        }
    }

    fn end(self) {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

async fn serve_all(listener: OwnedFd, seat: SeatWriter, mut stop: oneshot::Receiver<()>) {
    let seat = Arc::new(seat);
    let config = Config::of(&[("max-connections", "100"), ("keep-alive-timeout", "0")]);
    let target = Target::new(&config, Addresses::default(), Arc::clone(&seat), None, Inference::default());
    let routes = Arc::new(Routes::new(table(), &target));
    let connections = Connections::new(seat, target, routes, Gauge::default());
    let listener = Watched::new(listener).unwrap();
    loop {
        let mut ready = tokio::select! {
            _ = &mut stop => return,
            ready = listener.readable() => ready.unwrap(),
        };
        match listener::accept(listener.get_ref().as_fd()) {
            Ok(socket) => connections.take(socket),
            Err(_) => ready.clear_ready(),
        }
    }
}

fn request(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: target\r\n\r\n")
}

/// Everything until the end, and how it ended.
fn read(stream: &mut TcpStream) -> (Vec<u8>, io::Result<()>) {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).map(|_| ());
    (bytes, end)
}

fn ask(served: &Served, sent: &str) -> (String, io::Result<()>) {
    let mut stream = served.connect();
    stream.write_all(sent.as_bytes()).unwrap();
    let (bytes, end) = read(&mut stream);
    (String::from_utf8(bytes).unwrap(), end)
}

fn is_reset(end: &io::Result<()>) -> bool {
    end.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
}

/// What follows the head of the only response.
fn body(response: &str) -> &str {
    response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {response}")).1
}

/// What each of many waiting connections costs in its task.
#[test]
fn a_connection_that_has_sent_nothing_has_a_small_task() {
    fn size<S, F>(_: fn(S) -> F) -> usize {
        size_of::<F>()
    }
    assert!(size(Stack::serve) <= 256, "{} bytes", size(Stack::serve));
}

#[test]
fn empty_is_an_end_without_a_byte() {
    let served = Served::start();
    for method in ["GET", "HEAD"] {
        let (answer, end) = ask(&served, &request(method, "/empty"));
        assert_eq!((answer.as_str(), end.is_ok()), ("", true), "{method}");
    }
    served.counted("/empty", 0, 2);
    served.end();
}

#[test]
fn reset_is_a_reset_without_a_byte() {
    let served = Served::start();
    for method in ["GET", "HEAD"] {
        let (answer, end) = ask(&served, &request(method, "/reset"));
        assert!(answer.is_empty() && is_reset(&end), "{method} {answer} {end:?}");
    }
    served.counted("/reset", 0, 2);
    served.end();
}

/// Whether or not all of the request's body has come, and whatever comes behind it.
#[test]
fn what_nobody_has_read_changes_nothing() {
    let served = Served::start();
    let rest = "x".repeat(100_000);
    for (length, behind) in
        [(5, ""), (100_000, ""), (200_000, ""), (100_000 - 37, "GET / HTTP/1.1\r\nHost: target\r\n\r\n")]
    {
        for path in ["/empty", "/reset", "/malformed", "/truncate/4"] {
            let mut stream = served.connect();
            let head = format!("GET {path} HTTP/1.1\r\nHost: target\r\nContent-Length: {length}\r\n\r\n");
            let body = &rest[..length.min(rest.len()).min(if length == 5 { 2 } else { length })];
            let sent = stream.write_all((head + body + behind).as_bytes());
            let (bytes, end) = read(&mut stream);
            if path == "/reset" {
                // It may come before all is sent, and is told once.
                assert!(bytes.is_empty() && (is_reset(&sent) || is_reset(&end)), "{length} {sent:?} {end:?}");
            } else {
                assert!(sent.is_ok() && end.is_ok(), "{path} {length} {sent:?} {end:?}");
            }
        }
    }
    served.counted("/reset", 0, 4);
    served.counted("/empty", 0, 4);
    served.end();
}

#[test]
fn malformed_is_a_200_whose_chunks_make_no_sense() {
    let served = Served::start();
    let (answer, end) = ask(&served, &request("GET", "/malformed"));
    assert!(end.is_ok(), "{end:?}");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\r\ntransfer-encoding: chunked\r\n"),
        "{answer}"
    );
    let size = body(&answer).split("\r\n").next().unwrap();
    assert!(!size.is_empty() && u64::from_str_radix(size, 16).is_err(), "{size}");
    served.counted("/malformed", 0, 1);
    served.end();
}

#[test]
fn truncate_sends_the_whole_head_and_so_many_bytes() {
    let served = Served::start();
    for (path, arrives) in [("/truncate/0", ""), ("/truncate/4", "0123")] {
        let (answer, end) = ask(&served, &request("GET", path));
        assert!(end.is_ok() && answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer} {end:?}");
        assert!(answer.contains("\r\ncontent-length: 10\r\n"), "{answer}");
        assert_eq!(body(&answer), arrives);
        served.counted(path, 0, 1);
    }
    for (path, arrives) in [
        ("/truncate/chunked/0", ""),
        ("/truncate/chunked/5", "5\r\n01234\r\n"),
        ("/truncate/chunked/7", "5\r\n01234\r\n2\r\n56\r\n"),
    ] {
        let (answer, end) = ask(&served, &request("GET", path));
        assert!(end.is_ok() && answer.contains("\r\ntransfer-encoding: chunked\r\n"), "{answer} {end:?}");
        assert_eq!(body(&answer), arrives);
        served.counted(path, 0, 1);
    }
    let mut stream = served.connect();
    stream.write_all(request("GET", "/truncate/large").as_bytes()).unwrap();
    let (bytes, end) = read(&mut stream);
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    assert!(end.is_ok() && bytes.len() - head == LARGE - 1, "{end:?} {}", bytes.len());
    served.counted("/truncate/large", 0, 1);
    served.end();
}

#[test]
fn what_is_not_longer_is_not_truncated_and_the_connection_goes_on() {
    let served = Served::start();
    let mut stream = served.connect();
    let last = "GET /health HTTP/1.1\r\nHost: target\r\nConnection: close\r\n\r\n";
    let sent = [
        request("GET", "/truncate/10"),
        request("HEAD", "/truncate/4"),
        request("GET", "/truncate/chunked/10"),
        last.to_owned(),
    ];
    stream.write_all(sent.concat().as_bytes()).unwrap();
    let (bytes, end) = read(&mut stream);
    let text = String::from_utf8(bytes).unwrap();
    assert!(end.is_ok() && text.matches("HTTP/1.1 200 OK\r\n").count() == 4, "{text} {end:?}");
    assert!(
        text.contains("0123456789HTTP/1.1") && text.contains("0\r\n\r\nHTTP/1.1") && text.ends_with("OK"),
        "{text}"
    );
    served.counted("/truncate/10", 1, 0);
    served.counted("/truncate/4", 1, 0);
    served.counted("/truncate/chunked/10", 1, 0);
    served.end();
}

#[test]
fn answers_to_earlier_requests_arrive_whole() {
    let served = Served::start();
    for (number, path) in ["/empty", "/reset", "/malformed", "/truncate/4"].into_iter().enumerate() {
        let mut stream = served.connect();
        let hidden = request("GET", "/health");
        let sent = [request("GET", "/health"), request("GET", "/large"), request("GET", path), hidden];
        stream.write_all(sent.concat().as_bytes()).unwrap();
        let (bytes, end) = read(&mut stream);
        assert_eq!(is_reset(&end), path == "/reset", "{path} {end:?}");
        let length = bytes.len();
        let rest: Vec<u8> = bytes.into_iter().filter(|byte| *byte != b'~').collect();
        assert_eq!(length - rest.len(), LARGE, "{path}");
        let heads = String::from_utf8(rest).unwrap().matches("HTTP/1.1 ").count();
        assert_eq!(heads, if matches!(path, "/empty" | "/reset") { 2 } else { 3 }, "{path}");
        served.counted(path, 0, 1);
        let answered = number as u64 + 1;
        served.counted("/large", answered, 0);
        served.counted("/health", answered, 0);
    }
    served.end();
}

/// Pieces, each with the time of its arrival since the head's.
fn pieces(served: &Served, path: &str) -> (String, Vec<Duration>) {
    let mut stream = served.connect();
    let sent = format!("GET {path} HTTP/1.1\r\nHost: target\r\nConnection: close\r\n\r\n");
    let asked = Instant::now();
    stream.write_all(sent.as_bytes()).unwrap();
    let (mut text, mut times) = (String::new(), Vec::new());
    let mut buffer = [0; 4096];
    loop {
        let length = match stream.read(&mut buffer) {
            // A machine that was paused says so to whoever reads with a timeout.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            read => read.unwrap(),
        };
        if length == 0 {
            return (text, times);
        }
        text += std::str::from_utf8(&buffer[..length]).unwrap();
        times.push(asked.elapsed());
    }
}

#[test]
fn a_drip_comes_in_ten_pieces_the_last_of_them_at_the_end() {
    let served = Served::start();
    for (path, whole, most) in [
        ("/drip", "0123456789abcdefghijklm", 10),
        ("/drip/short", "012", 3),
        ("/drip/chunked", "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", 3),
    ] {
        let (answer, times) = pieces(&served, path);
        assert_eq!(body(&answer), whole, "{path}");
        // On a busy machine some arrive together; none is early.
        assert!(times.len() >= 2 && times.len() <= 1 + most, "{path} {times:?}");
        assert!(*times.last().unwrap() >= DRIPPING, "{path} {times:?}");
        assert!(times[0] < *times.last().unwrap(), "{path} {times:?}");
        served.counted(path, 1, 0);
    }
    let (answer, _) = pieces(&served, "/drip/nothing");
    assert_eq!(body(&answer), "");
    let (answer, end) = ask(&served, "HEAD /drip HTTP/1.1\r\nHost: target\r\nConnection: close\r\n\r\n");
    assert!(end.is_ok() && answer.contains("content-length: 23") && body(&answer).is_empty(), "{answer}");
    served.counted("/drip", 2, 0);
    served.end();
}

#[test]
fn who_leaves_before_the_break_is_gone_and_not_broken() {
    let served = Served::start();
    let mut stream = served.connect();
    stream.write_all(request("GET", "/truncate/large").as_bytes()).unwrap();
    stream.read_exact(&mut [0; 100]).unwrap();
    drop(stream);
    let deadline = Instant::now() + Duration::from_secs(20);
    while Snapshot::without_cpu(&served.board).totals().counts.finished == 0 {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    let routes = snapshot::routes(&served.board);
    let route = routes.iter().find(|route| route.path == "/truncate/large").unwrap();
    assert_eq!((route.counts.client_gone, route.counts.broken, route.statuses.len()), (1, 0, 0));
    served.end();
}
