//! Connections that have ended and whose ports the kernel keeps for a while.

use crate::maybe_known::MaybeKnown;

/// How many TCP connections of this network namespace, of whatever program, are in `TIME_WAIT`. To tell those of a port the
/// kernel would list each connection, which costs much where there are many.
#[must_use]
pub fn time_wait() -> MaybeKnown {
    let text = std::fs::read_to_string("/proc/self/net/sockstat").ok();
    text.and_then(|text| time_wait_in(&text)).into()
}

/// `TCP: inuse 5 orphan 0 tw 3 alloc 8 mem 1`, among others.
fn time_wait_in(sockstat: &str) -> Option<u64> {
    let mut fields = sockstat.lines().find_map(|line| line.strip_prefix("TCP:"))?.split_whitespace();
    fields.find(|field| *field == "tw")?;
    fields.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_among_the_others() {
        let sockstat = "sockets: used 9\nTCP: inuse 5 orphan 0 tw 3 alloc 8 mem 1\nUDP: inuse 0 mem 0\nFRAG: inuse 0 memory 0\n";
        assert_eq!(time_wait_in(sockstat), Some(3));
        assert_eq!((time_wait_in("TCP: inuse 5"), time_wait_in("UDP: tw 3"), time_wait_in("")), (None, None, None));
    }

    #[test]
    fn this_kernel_tells_it_if_it_keeps_the_file() {
        let is_there = std::path::Path::new("/proc/self/net/sockstat").exists();
        assert_eq!(time_wait() != MaybeKnown::UNKNOWN, is_there);
    }
}
