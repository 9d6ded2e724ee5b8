//! What the kernel counts of TCP, for `run.json`: before a run and after it.

use serde::{Deserialize, Serialize};

use crate::maybe_known::MaybeKnown;

/// Counters of this network namespace, so of every program in it, since it was made. Only `time_wait` can fall.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TcpCounters {
    /// Connections that programs here have opened.
    pub active_opens: MaybeKnown,
    /// Connections that listeners here have been asked for.
    pub passive_opens: MaybeKnown,
    /// Attempts, of either kind, that came to nothing.
    pub attempt_fails: MaybeKnown,
    /// Open connections that were reset, by either side.
    pub established_resets: MaybeKnown,
    /// Resets that were sent.
    pub resets_sent: MaybeKnown,
    /// Segments that were sent again.
    pub retransmitted: MaybeKnown,
    /// Connections that found an accept queue full.
    pub listen_overflows: MaybeKnown,
    /// Connections that a listener dropped for any reason, a full accept queue among them.
    pub listen_drops: MaybeKnown,
    /// Connections that skipped `TIME_WAIT` because `tcp_max_tw_buckets` were in it.
    pub time_wait_overflows: MaybeKnown,
    /// Connections in `TIME_WAIT` now. The kernel tells those of one port only with a list of all connections.
    pub time_wait: MaybeKnown,
}

impl TcpCounters {
    /// Reads them; what this kernel does not tell is unknown.
    #[must_use]
    pub fn read() -> Self {
        let file = |name| std::fs::read_to_string(format!("/proc/self/net/{name}")).unwrap_or_default();
        Self::parse(&file("snmp"), &file("netstat"), &file("sockstat"))
    }

    fn parse(snmp: &str, netstat: &str, sockstat: &str) -> Self {
        let tcp = |name| counter(snmp, "Tcp:", name);
        let extension = |name| counter(netstat, "TcpExt:", name);
        Self {
            active_opens: tcp("ActiveOpens"),
            passive_opens: tcp("PassiveOpens"),
            attempt_fails: tcp("AttemptFails"),
            established_resets: tcp("EstabResets"),
            resets_sent: tcp("OutRsts"),
            retransmitted: tcp("RetransSegs"),
            listen_overflows: extension("ListenOverflows"),
            listen_drops: extension("ListenDrops"),
            time_wait_overflows: extension("TCPTimeWaitOverflow"),
            time_wait: time_wait(sockstat),
        }
    }
}

/// `snmp` and `netstat` have two lines for each protocol: the names, and the values in the same order.
fn counter(text: &str, protocol: &str, name: &str) -> MaybeKnown {
    let lines = text.lines().filter_map(|line| line.strip_prefix(protocol)).map(str::split_whitespace);
    let value = match lines.collect::<Vec<_>>().as_slice() {
        [names, values] => {
            names.clone().zip(values.clone()).find(|(found, _)| *found == name).map(|(_, value)| value)
        }
        _ => None,
    };
    value.and_then(|value| value.parse().ok()).into()
}

/// `TCP: inuse 5 orphan 0 tw 3 alloc 8 mem 1`, among others.
fn time_wait(sockstat: &str) -> MaybeKnown {
    let fields = sockstat.lines().find_map(|line| line.strip_prefix("TCP:")).map(str::split_whitespace);
    let value = fields.and_then(|mut fields| fields.find(|field| *field == "tw").and_then(|_| fields.next()));
    value.and_then(|value| value.parse().ok()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNMP: &str = "Ip: Forwarding DefaultTTL\nIp: 2 64\nTcp: MaxConn ActiveOpens PassiveOpens\nTcp: -1 7 9\n";
    const NETSTAT: &str =
        "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 2 3\nIpExt: InNoRoutes\nIpExt: 4\n";
    const SOCKSTAT: &str = "sockets: used 9\nTCP: inuse 5 orphan 0 tw 3 alloc 8 mem 1\nUDP: inuse 0 mem 0\n";

    #[test]
    fn each_counter_is_found_by_its_name_and_a_missing_one_is_unknown() {
        let expected = TcpCounters {
            active_opens: 7.into(),
            passive_opens: 9.into(),
            listen_overflows: 2.into(),
            listen_drops: 3.into(),
            time_wait: 3.into(),
            ..TcpCounters::default()
        };
        assert_eq!(TcpCounters::parse(SNMP, NETSTAT, SOCKSTAT), expected);
        assert_eq!(TcpCounters::parse("", "", ""), TcpCounters::default());
        assert_eq!(TcpCounters::parse("Tcp: ActiveOpens\n", "", "UDP: tw 3\n"), TcpCounters::default());
        assert_eq!(counter(SNMP, "Tcp:", "MaxConn"), MaybeKnown::UNKNOWN, "what says that there is no limit");
    }

    #[test]
    fn a_record_of_before_a_counter_leaves_it_unknown() {
        let read: TcpCounters = serde_json::from_str(r#"{"active_opens": 7, "listen_drops": null}"#).unwrap();
        assert_eq!(read, TcpCounters { active_opens: 7.into(), ..TcpCounters::default() });
    }

    #[test]
    fn this_kernel_tells_what_it_keeps_a_file_for() {
        let read = TcpCounters::read();
        for (file, counter) in
            [("snmp", read.passive_opens), ("netstat", read.listen_drops), ("sockstat", read.time_wait)]
        {
            let is_there = std::path::Path::new("/proc/self/net").join(file).exists();
            assert_eq!(counter != MaybeKnown::UNKNOWN, is_there, "{file}: {read:?}");
        }
    }
}
