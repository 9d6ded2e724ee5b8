//! Every socket of the target, opened before the first worker starts.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::config::{Address, Config};
use crate::observer::AdminListener;
use crate::supervisor::MakeListener;
use crate::sys::listener::{self, Claim};

/// The target's listeners and the admin's.
pub struct Sockets {
    /// One for each worker; a unix socket is one for all.
    pub listeners: Vec<Arc<OwnedFd>>,
    /// Where they really listen.
    pub address: Address,
    /// The admin's listener.
    pub admin: Option<Arc<AdminListener>>,
    admin_address: Option<Address>,
}

impl Sockets {
    /// Opens all of them.
    ///
    /// # Errors
    /// A sentence for each that can't be opened, with the flag, the address and what to do. No socket file is left.
    pub fn open(config: &Config) -> Result<Self, String> {
        let listen = open(&config.listen, config.backlog, tcp(config));
        let listen = listen.map_err(|error| refusal("--listen", &config.listen, &error));
        let admin = config.admin.as_ref().map(|wanted| {
            open(wanted, config.backlog, listener::tcp_without_stamps)
                .map_err(|error| refusal("--admin", wanted, &error))
        });
        let admin = admin.transpose();
        let ((first, address), admin) = match (listen, admin) {
            (Ok(listen), Ok(admin)) => (listen, admin),
            (Ok((_, address)), Err(sentence)) => {
                remove_file(&address);
                return Err(sentence);
            }
            (Err(sentence), Ok(admin)) => {
                if let Some((_, address)) = admin {
                    remove_file(&address);
                }
                return Err(sentence);
            }
            (Err(one), Err(other)) => return Err(format!("{one}\nerror: {other}")),
        };
        let (admin, admin_address) = admin.unzip();
        let first = Arc::new(first);
        let mut listeners = vec![Arc::clone(&first)];
        for _ in 1..config.workers {
            listeners.push(
                further(&first, &address, config.backlog, tcp(config))
                    .map_err(|error| refusal("--listen", &address, &error))?,
            );
        }
        let admin = admin.zip(admin_address.as_ref()).map(|(listener, address)| {
            Arc::new(match address {
                Address::Tcp(_) => AdminListener::Tcp { listener, loopback: address.is_loopback() },
                Address::Unix(_) => AdminListener::Unix { listener },
            })
        });
        Ok(Self { listeners, address, admin, admin_address })
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
    pub fn remove_files(&self) {
        remove_file(&self.address);
        self.admin_address.iter().for_each(remove_file);
    }
}

/// How a TCP listener is made.
type Tcp = fn(SocketAddr, u32, Claim) -> io::Result<OwnedFd>;

/// How the target's are.
fn tcp(config: &Config) -> Tcp {
    if config.times { listener::tcp } else { listener::tcp_without_stamps }
}

/// The first listener of an address, and where it really listens: port 0 becomes a free one.
fn open(address: &Address, backlog: u32, tcp: Tcp) -> io::Result<(OwnedFd, Address)> {
    match address {
        Address::Tcp(socket) => {
            let listener = tcp(*socket, backlog, Claim::First)?;
            let real = listener::address_of(&listener)?;
            Ok((listener, Address::Tcp(real)))
        }
        Address::Unix(path) => Ok((listener::unix(path)?, address.clone())),
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

fn remove_file(address: &Address) {
    if let Address::Unix(path) = address {
        // Somebody may have removed it already.
        let _ = std::fs::remove_file(path);
    }
}
