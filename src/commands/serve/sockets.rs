//! Every socket of the target, opened before the first worker starts.

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use crate::config::{Address, Addresses, Config};
use crate::maybe_known::MaybeKnown;
use crate::observer::AdminListener;
use crate::supervisor::{MakeListeners, SlotListeners};
use crate::sys::control_socket::DESCRIPTORS;
use crate::sys::listener::{self, Claim};
use crate::sys::passed::{self, Place};
use crate::sys::unix_listener::{self, SocketFile};

/// How often a name with port 0 is tried: the port that one of its addresses gets may be taken on another.
const ATTEMPTS: u32 = 16;

/// Where a sentence about a socket that was passed begins.
const PASSED: &str = "LISTEN_FDS,";

/// The target's listeners and the admin's. Dropped, they leave no socket file of theirs behind, however the run ends.
pub struct Sockets {
    /// Those of each worker.
    pub listeners: Vec<SlotListeners>,
    /// The admin's.
    pub admin: Arc<Vec<AdminListener>>,
    /// What the kernel had dropped at the target's listeners when they were opened, or passed.
    pub drops_before: MaybeKnown,
    entrances: Vec<Entrance>,
    admin_addresses: Vec<Address>,
    files: Vec<SocketFile>,
}

/// An address where the target really listens.
#[derive(Clone)]
struct Entrance {
    address: Address,
    /// The first worker's. The others have one each beside it, or the same, if it is a unix socket or was passed.
    first: Arc<OwnedFd>,
    /// Whether all workers have the same.
    is_shared: bool,
}

impl Sockets {
    /// Opens all of them.
    ///
    /// # Errors
    /// A sentence for each that can't be opened, with the flag, the address and what to do.
    pub fn open(config: &Config) -> Result<Self, String> {
        let mut refusals = Vec::new();
        let mut all = |flag: &str, wanted: &[Address], stamps: bool| {
            let mut opened = Vec::new();
            for address in wanted {
                let flag = if address.is_passed() { PASSED } else { flag };
                match open(address, config.backlog, stamps) {
                    Ok(listeners) => opened.extend(listeners),
                    Err(reason) => refusals.push(format!("{flag} {address}: {reason}")),
                }
            }
            opened
        };
        let listen = all("--listen", &config.listen, !config.without_times);
        let admin = all("--admin", config.admin.as_slice(), false);
        if listen.len() > DESCRIPTORS {
            let flag = if config.sockets_are_passed() { "LISTEN_FDS" } else { "--listen" };
            refusals
                .push(format!("{flag}: these are {} addresses, and there is room for {DESCRIPTORS}", listen.len()));
        }
        if !refusals.is_empty() {
            return Err(refusals.join("\nerror: "));
        }
        let mut files = Vec::new();
        let entrances: Vec<Entrance> = listen
            .into_iter()
            .map(|Opened { listener, address, file }| {
                files.extend(file);
                let is_shared = config.sockets_are_passed() || matches!(address, Address::Unix(_));
                Entrance { address, first: Arc::new(listener), is_shared }
            })
            .collect();
        let drops_before = entrances.iter().map(|entrance| listener::drops(entrance.first.as_fd())).sum();
        let mut listeners = vec![entrances.iter().map(|entrance| Arc::clone(&entrance.first)).collect()];
        for _ in 1..config.workers {
            listeners.push(further(&entrances, config).map_err(|(address, error)| {
                format!("--listen {address}: no socket for another worker: {}", reason(&error))
            })?);
        }
        let mut admin_addresses = Vec::new();
        let admin = admin.into_iter().map(|Opened { listener, address, file }| {
            files.extend(file);
            let loopback = address.is_loopback();
            let is_unix = matches!(address, Address::Unix(_));
            admin_addresses.push(address);
            if is_unix { AdminListener::Unix { listener } } else { AdminListener::Tcp { listener, loopback } }
        });
        let admin = Arc::new(admin.collect());
        Ok(Self { listeners, admin, drops_before, entrances, admin_addresses, files })
    }

    /// Makes the listeners of a further worker.
    pub fn maker(&self, config: &Config) -> MakeListeners {
        let (entrances, config) = (self.entrances.clone(), config.clone());
        Box::new(move || further(&entrances, &config).map_err(|(_, error)| error))
    }

    /// All that there are from the start, each once.
    pub fn every_listener(&self) -> Vec<Arc<OwnedFd>> {
        let mut every: Vec<Arc<OwnedFd>> = Vec::new();
        for listener in self.listeners.iter().flatten() {
            if !every.iter().any(|known| Arc::ptr_eq(known, listener)) {
                every.push(Arc::clone(listener));
            }
        }
        every
    }

    /// What the kernel has refused to the target's listeners.
    pub fn missing(&self, config: &Config) -> BTreeSet<&'static str> {
        let of_one = |Entrance { first, is_shared, .. }: &Entrance| {
            listener::missing(first, !config.without_times, !is_shared)
        };
        self.entrances.iter().flat_map(of_one).collect()
    }

    /// Where the target and its admin routes really listen.
    pub fn addresses(&self) -> Addresses {
        let target = self.entrances.iter().map(|entrance| entrance.address.clone()).collect();
        Addresses { target, admin: self.admin_addresses.clone() }
    }

    /// A `--while` command with `{url}` and `{admin}` filled in.
    pub fn fill_in(&self, line: &str) -> String {
        let url = |address: Option<&Address>| address.map_or_else(String::new, Address::url);
        let listen = url(self.entrances.first().map(|entrance| &entrance.address));
        line.replace("{url}", &listen).replace("{admin}", &url(self.admin_addresses.first()))
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
fn tcp(stamps: bool) -> Tcp {
    if stamps { listener::tcp } else { listener::tcp_without_stamps }
}

/// Opens the first listeners of an address: more than one for a name that stands for several.
fn open(address: &Address, backlog: u32, stamps: bool) -> Result<Vec<Opened>, String> {
    let tcp = tcp(stamps);
    match address {
        Address::Tcp(place) => open_tcp(*place, backlog, tcp).map(|one| vec![one]).map_err(|error| reason(&error)),
        Address::Name(name, port) => open_name(address, (name, *port), backlog, tcp),
        Address::Unix(path) => {
            let (listener, file) = unix_listener::unix(path, backlog).map_err(|error| reason(&error))?;
            Ok(vec![Opened { listener, address: address.clone(), file: Some(file) }])
        }
        Address::Passed(descriptor) => {
            let (listener, place) = passed::take(*descriptor, stamps)?;
            let address = match place {
                Place::Tcp(address) => Address::Tcp(address),
                Place::Unix(path) => Address::Unix(path),
            };
            Ok(vec![Opened { listener, address, file: None }])
        }
    }
}

fn open_tcp(place: SocketAddr, backlog: u32, tcp: Tcp) -> io::Result<Opened> {
    let listener = tcp(place, backlog, Claim::First)?;
    let real = listener::address_of(&listener)?;
    Ok(Opened { listener, address: Address::Tcp(real), file: None })
}

/// Opens every address that a name stands for, all on one port. Of `localhost` one that the machine lacks is left out:
/// many have no IPv6.
fn open_name(address: &Address, name: (&str, u16), backlog: u32, tcp: Tcp) -> Result<Vec<Opened>, String> {
    let known = address.known();
    let may_lack = !known.is_empty();
    let places = if may_lack { known } else { look_up(name)? };
    let mut attempt = 1;
    loop {
        match open_together(&places, may_lack, backlog, tcp) {
            Err((_, error)) if name.1 == 0 && error.kind() == io::ErrorKind::AddrInUse && attempt < ATTEMPTS => {
                attempt += 1;
            }
            opened => return opened.map_err(|(place, error)| format!("{place}: {}", reason(&error))),
        }
    }
}

/// Asks the system, as every program does.
fn look_up(name: (&str, u16)) -> Result<Vec<SocketAddr>, String> {
    let found = name.to_socket_addrs().map_err(|error| format!("the name can't be looked up ({error})"))?;
    let mut places: Vec<SocketAddr> = Vec::new();
    // A name server may say one twice.
    for place in found.filter(|place| place.port() == name.1) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if places.is_empty() { Err("the name has no address".to_owned()) } else { Ok(places) }
}

fn open_together(
    places: &[SocketAddr],
    may_lack: bool,
    backlog: u32,
    tcp: Tcp,
) -> Result<Vec<Opened>, (SocketAddr, io::Error)> {
    let (mut opened, mut lacking): (Vec<Opened>, _) = (Vec::new(), None);
    for place in places {
        let mut place = *place;
        if let Some(Opened { address: Address::Tcp(first), .. }) = opened.first() {
            place.set_port(first.port());
        }
        match open_tcp(place, backlog, tcp) {
            Ok(one) => opened.push(one),
            Err(error) if may_lack && is_lacking(&error) => {
                tracing::info!(%place, %error, "this machine lacks an address of localhost, and it is left out");
                lacking = Some((place, error));
            }
            Err(error) => return Err((place, error)),
        }
    }
    lacking.filter(|_| opened.is_empty()).map_or(Ok(opened), Err)
}

/// Whether the machine has no such address, or does not speak that family.
fn is_lacking(error: &io::Error) -> bool {
    let no_family = rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::AFNOSUPPORT);
    no_family || error.kind() == io::ErrorKind::AddrNotAvailable
}

/// Listeners of another worker: one beside the first of each address, or the same where all workers share it.
fn further(entrances: &[Entrance], config: &Config) -> Result<SlotListeners, (Address, io::Error)> {
    let tcp = tcp(!config.without_times);
    let listeners = entrances.iter().map(|Entrance { address, first, is_shared }| match address {
        Address::Tcp(place) if !is_shared => {
            tcp(*place, config.backlog, Claim::Join).map(Arc::new).map_err(|error| (address.clone(), error))
        }
        _ => Ok(Arc::clone(first)),
    });
    listeners.collect()
}

fn reason(error: &io::Error) -> String {
    let what_to_do = match error.kind() {
        io::ErrorKind::AddrInUse => "another program has it; choose another, or port 0 for any free one",
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has this address",
        io::ErrorKind::PermissionDenied => {
            "this user may not; choose a port above 1023 or a directory it may write"
        }
        _ => "it can't be listened on",
    };
    format!("{what_to_do} ({error})")
}
