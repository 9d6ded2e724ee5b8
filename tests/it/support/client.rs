//! An HTTP client on a plain socket: what is sent and received is what the test says.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::sockopt;
use serde_json::Value;

/// A response, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// A figure of `Server-Timing`, in milliseconds.
    pub fn timing(&self, name: &str) -> f64 {
        let timings = self.header("server-timing").expect("a workload says what it did");
        let one = timings.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix(";dur="));
        one.unwrap_or_else(|| panic!("no {name} in {timings}")).parse().unwrap()
    }

    /// Slot and generation of the worker that did the work.
    pub fn worker(&self) -> (usize, u64) {
        let name = self.header("x-quintain-worker").expect("a workload says whose work it is");
        // A target in a container has its host's name before it.
        let worker = name.rsplit_once('/').map_or(name, |(_, worker)| worker);
        let (slot, generation) = worker.split_once('.').unwrap();
        (slot.parse().unwrap(), generation.parse().unwrap())
    }

    /// Whether `Server-Timing` has this name.
    pub fn is_timed(&self, name: &str) -> bool {
        let timings = self.header("server-timing").unwrap_or("");
        timings.split(", ").any(|part| part.split(';').next() == Some(name))
    }

    pub fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// One connection.
pub struct Client {
    socket: Socket,
    unread: Vec<u8>,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Client {
    /// To `127.0.0.1:8080`, `[::1]:8080` or `unix:/path`, as the ready line has it.
    pub fn connect(address: &str) -> io::Result<Self> {
        let socket = match address.strip_prefix("unix:") {
            Some(path) => Socket::Unix(UnixStream::connect(path)?),
            None => Socket::Tcp(TcpStream::connect(address)?),
        };
        if let Socket::Tcp(socket) = &socket {
            socket.set_nodelay(true)?;
        }
        let client = Self { socket, unread: Vec::new() };
        client.give_up_after(Duration::from_secs(40))?;
        Ok(client)
    }

    /// Its own port: of a TCP connection.
    pub fn port(&self) -> u16 {
        match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().unwrap().port(),
            Socket::Unix(_) => panic!("a unix socket has no port"),
        }
    }

    /// How long a read may take.
    pub fn give_up_after(&self, time: Duration) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(socket) => socket.set_read_timeout(Some(time)),
            Socket::Unix(socket) => socket.set_read_timeout(Some(time)),
        }
    }

    /// How long a write may take that the other side does not read: of a TCP connection.
    pub fn refuse_to_wait(&self, time: Duration) {
        match &self.socket {
            Socket::Tcp(socket) => socket.set_write_timeout(Some(time)).unwrap(),
            Socket::Unix(_) => panic!("not needed there"),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(socket) => socket.write_all(bytes.as_ref()),
            Socket::Unix(socket) => socket.write_all(bytes.as_ref()),
        }
    }

    pub fn get(&mut self, path: &str) -> io::Result<Response> {
        self.request("GET", path)
    }

    pub fn request(&mut self, method: &str, path: &str) -> io::Result<Response> {
        self.send(format!("{method} {path} HTTP/1.1\r\nHost: target\r\n\r\n"))?;
        self.receive_after(method)
    }

    /// Sends a body, with its length and these header lines besides.
    pub fn send_post(&mut self, path: &str, headers: &str, body: &[u8]) -> io::Result<()> {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: target\r\nContent-Length: {length}\r\n{headers}\r\n");
        self.send([head.as_bytes(), body].concat())
    }

    /// Sends the last byte of an upload that `Target::begin_upload` has started, and receives the answer.
    pub fn end_upload(&mut self) -> io::Result<Response> {
        self.send("2")?;
        self.receive()
    }

    pub fn receive(&mut self) -> io::Result<Response> {
        self.receive_after("GET")
    }

    /// The response to a request with this method: HEAD has a length and no body.
    pub fn receive_after(&mut self, method: &str) -> io::Result<Response> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more()?;
        };
        let head = String::from_utf8_lossy(&self.unread[..end]).into_owned();
        self.unread.drain(..end);
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let mut response = Response { status: status.unwrap_or(0), headers, body: Vec::new() };
        let length = response.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if method != "HEAD" {
            while self.unread.len() < length {
                self.read_more()?;
            }
            response.body = self.unread.drain(..length).collect();
        }
        Ok(response)
    }

    /// The response to a GET, whose body may come in chunks.
    pub fn receive_whole(&mut self) -> io::Result<Response> {
        let mut response = self.receive()?;
        if response.header("transfer-encoding") != Some("chunked") {
            return Ok(response);
        }
        loop {
            let line = loop {
                match self.unread.windows(2).position(|end| end == b"\r\n") {
                    Some(line) => break line,
                    None => self.read_more()?,
                }
            };
            let size = usize::from_str_radix(std::str::from_utf8(&self.unread[..line]).unwrap(), 16).unwrap();
            while self.unread.len() < line + 2 + size + 2 {
                self.read_more()?;
            }
            let chunk: Vec<u8> = self.unread.drain(..line + 2 + size + 2).collect();
            if size == 0 {
                return Ok(response);
            }
            response.body.extend(&chunk[line + 2..line + 2 + size]);
        }
    }

    /// At least one more byte.
    pub fn read_more(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        loop {
            let read = match &mut self.socket {
                Socket::Tcp(socket) => socket.read(&mut bytes),
                Socket::Unix(socket) => socket.read(&mut bytes),
            };
            match read {
                // A machine that was paused says so to whoever reads with a timeout.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    self.unread.extend(&bytes[..length]);
                    return Ok(());
                }
            }
        }
    }

    /// What was received beyond the last response.
    pub fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// Everything until the other side closes.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.read_more() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(std::mem::take(&mut self.unread));
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub fn end_sending(&self) {
        match &self.socket {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Write),
            Socket::Unix(socket) => socket.shutdown(Shutdown::Write),
        }
        .unwrap();
    }

    /// Closes with a reset: of a TCP connection.
    pub fn reset(self) {
        match &self.socket {
            Socket::Tcp(socket) => sockopt::set_socket_linger(socket, Some(Duration::ZERO)).unwrap(),
            Socket::Unix(_) => panic!("a unix socket has no reset"),
        }
    }
}
