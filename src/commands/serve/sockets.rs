//! Every socket of the target, opened before the first worker starts.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::config::{Address, Config};
use crate::observer::AdminListener;
use crate::supervisor::MakeListener;
use crate::sys::listener::{self, Claim};
use crate::sys::unix_listener::{self, SocketFile};

/// The target's listeners and the admin's. Dropped, they leave no socket file of theirs behind, however the run ends.
pub struct Sockets {
    /// One for each worker; a unix socket is one for all.
    pub listeners: Vec<Arc<OwnedFd>>,
    /// Where they really listen.
    pub address: Address,
    /// The admin's listener.
    pub admin: Option<Arc<AdminListener>>,
    admin_address: Option<Address>,
    files: Vec<SocketFile>,
}

impl Sockets {
    /// Opens all of them.
    ///
    /// # Errors
    /// A sentence for each that can't be opened, with the flag, the address and what to do.
    pub fn open(config: &Config) -> Result<Self, String> {
        let listen = open(&config.listen, config.backlog, tcp(config));
        let listen = listen.map_err(|error| refusal("--listen", &config.listen, &error));
        let admin = config.admin.as_ref().map(|wanted| {
            open(wanted, config.backlog, listener::tcp_without_stamps)
                .map_err(|error| refusal("--admin", wanted, &error))
        });
        let (listen, admin) = match (listen, admin.transpose()) {
            (Ok(listen), Ok(admin)) => (listen, admin),
            (Ok(_), Err(sentence)) | (Err(sentence), Ok(_)) => return Err(sentence),
            (Err(one), Err(other)) => return Err(format!("{one}\nerror: {other}")),
        };
        let Opened { listener, address, file } = listen;
        let mut files: Vec<SocketFile> = file.into_iter().collect();
        let first = Arc::new(listener);
        let mut listeners = vec![Arc::clone(&first)];
        for _ in 1..config.workers {
            listeners.push(
                further(&first, &address, config.backlog, tcp(config))
                    .map_err(|error| refusal("--listen", &address, &error))?,
            );
        }
        let admin = admin.map(|Opened { listener, address, file }| {
            files.extend(file);
            let listener = match address {
                Address::Tcp(_) => AdminListener::Tcp { listener, loopback: address.is_loopback() },
                Address::Unix(_) => AdminListener::Unix { listener },
            };
            (Arc::new(listener), address)
        });
        let (admin, admin_address) = admin.unzip();
        Ok(Self { listeners, address, admin, admin_address, files })
    }

    /// Makes a listener for a further worker.
    pub fn maker(&self, config: &Config) -> MakeListener {
        let (first, address) = (Arc::clone(&self.listeners[0]), self.address.clone());
        let (backlog, tcp) = (config.backlog, tcp(config));
        Box::new(move || further(&first, &address, backlog, tcp))
    }

    /// The admin's address, or `off`.
    pub fn admin_address(&self) -> String {
        self.admin_address.as_ref().map_or_else(|| "off".to_owned(), ToString::to_string)
    }

    /// A `--while` command with `{url}` and `{admin}` filled in.
    pub fn fill_in(&self, line: &str) -> String {
        let admin = self.admin_address.as_ref().map_or_else(String::new, Address::url);
        line.replace("{url}", &self.address.url()).replace("{admin}", &admin)
    }

    /// Removes the files of unix sockets.
    pub fn remove_files(&mut self) {
        self.files.clear();
    }
}

/// A listener that is open.
struct Opened {
    listener: OwnedFd,
    /// Where it really listens: port 0 has become a free one.
    address: Address,
    /// Of a unix socket.
    file: Option<SocketFile>,
}

/// How a TCP listener is made.
type Tcp = fn(SocketAddr, u32, Claim) -> io::Result<OwnedFd>;

/// How the target's are.
fn tcp(config: &Config) -> Tcp {
    if config.times { listener::tcp } else { listener::tcp_without_stamps }
}

/// Opens the first listener of an address.
fn open(address: &Address, backlog: u32, tcp: Tcp) -> io::Result<Opened> {
    match address {
        Address::Tcp(socket) => {
            let listener = tcp(*socket, backlog, Claim::First)?;
            let real = listener::address_of(&listener)?;
            Ok(Opened { listener, address: Address::Tcp(real), file: None })
        }
        Address::Unix(path) => {
            let (listener, file) = unix_listener::unix(path, backlog)?;
            Ok(Opened { listener, address: address.clone(), file: Some(file) })
        }
    }
}

/// A further listener beside the first.
fn further(first: &Arc<OwnedFd>, address: &Address, backlog: u32, tcp: Tcp) -> io::Result<Arc<OwnedFd>> {
    match address {
        Address::Tcp(socket) => tcp(*socket, backlog, Claim::Join).map(Arc::new),
        Address::Unix(_) => Ok(Arc::clone(first)),
    }
}

fn refusal(flag: &str, address: &Address, error: &io::Error) -> String {
    let what_to_do = match error.kind() {
        io::ErrorKind::AddrInUse => "another program has it; choose another, or port 0 for any free one",
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has this address",
        io::ErrorKind::PermissionDenied => {
            "this user may not; choose a port above 1023 or a directory it may write"
        }
        _ => "it can't be listened on",
    };
    format!("{flag} {address}: {what_to_do} ({error})")
}
