//! `HAProxy`'s statistics as CSV (`;csv` behind the page's address, or `show stat` on its socket): no load generator, but an
//! account of what passed through it. It counts from its own start, its checks of servers apart.
//!
//! Answers are those of the servers: what `HAProxy` answers by itself stands at the backend alone.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::load::{Invocation, Load, cannot};
use super::{Account, Failure, Generator, Kind, Served, Statuses, Unit};

/// The adapter.
pub struct HaProxy;

/// With what every version begins its header.
const HEADER: &str = "# pxname,svname,";

/// A row, as far as it is read here. What does not concern a row is an empty cell.
#[derive(Deserialize)]
struct Row {
    #[serde(rename = "# pxname")]
    proxy: String,
    #[serde(rename = "svname")]
    name: String,
    econ: Option<u64>,
    eresp: Option<u64>,
    #[serde(default)]
    cli_abrt: Option<u64>,
    hrsp_2xx: Option<u64>,
    hrsp_3xx: Option<u64>,
    hrsp_4xx: Option<u64>,
    hrsp_5xx: Option<u64>,
    hrsp_other: Option<u64>,
}

impl Row {
    fn is_server(&self) -> bool {
        self.name != "FRONTEND" && self.name != "BACKEND"
    }

    /// By their hundreds; 0 stands for whatever else there was.
    fn statuses(&self) -> [(u16, u64); 5] {
        let Self { hrsp_2xx, hrsp_3xx, hrsp_4xx, hrsp_5xx, hrsp_other, .. } = self;
        let all = [(2, hrsp_2xx), (3, hrsp_3xx), (4, hrsp_4xx), (5, hrsp_5xx), (0, hrsp_other)];
        all.map(|(class, count)| (class, count.unwrap_or(0)))
    }

    fn answered(&self) -> u64 {
        self.statuses().iter().map(|(_, count)| count).sum()
    }
}

impl Generator for HaProxy {
    fn name(&self) -> &'static str {
        "haproxy"
    }

    fn unit(&self) -> Unit {
        Unit::Milliseconds
    }

    fn invocation(&self, _load: &Load, _url: &str) -> Result<Invocation, String> {
        Err(cannot("haproxy", "is a balancer and sends what others ask for; name a load generator", "with"))
    }

    fn recognise(&self, content: &str) -> bool {
        content.trim_start().starts_with(HEADER)
    }

    fn parse(&self, content: &str, _beside: &[Option<String>]) -> Result<Account, String> {
        if !content.ends_with('\n') {
            return Err("is cut off: the last line of HAProxy's statistics has no end".to_owned());
        }
        let rows: Result<Vec<Row>, csv::Error> =
            csv::Reader::from_reader(content.trim_start().as_bytes()).deserialize().collect();
        let rows = rows.map_err(|error| format!("is no CSV of HAProxy's statistics: {error}"))?;
        let asked: Vec<&Row> = rows.iter().filter(|row| row.is_server() && row.answered() > 0).collect();
        let mut proxies: Vec<&str> = asked.iter().map(|row| row.proxy.as_str()).collect();
        proxies.dedup();
        let proxy = match *proxies {
            [proxy] => proxy,
            [] => rows.iter().find(|row| row.is_server()).map(|row| row.proxy.as_str()).ok_or(
                "has no server: ask HAProxy for the statistics of the backend whose servers are the instances",
            )?,
            _ => {
                return Err(format!(
                    "has several backends that were asked ({}): leave the lines of one of them, with the header",
                    proxies.join(", ")
                ));
            }
        };
        let servers: Vec<&Row> = rows.iter().filter(|row| row.is_server() && row.proxy == proxy).collect();
        let backend = rows.iter().find(|row| row.name == "BACKEND" && row.proxy == proxy);
        let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
        for (class, count) in servers.iter().flat_map(|row| row.statuses()) {
            *statuses.entry(class).or_default() += count;
        }
        let answered = statuses.values().sum();
        let sum = |of: fn(&Row) -> Option<u64>| match backend {
            Some(backend) => of(backend).unwrap_or(0),
            None => servers.iter().filter_map(|row| of(row)).sum(),
        };
        let failures = Failure::named([
            (Kind::Refused, "econ: connections to a server that failed", sum(|row| row.econ)),
            (Kind::Broken, "eresp: answers of a server that broke off", sum(|row| row.eresp)),
            (Kind::OwnEnd, "cli_abrt: clients that left", sum(|row| row.cli_abrt)),
        ]);
        // It has a class for each hundred that it counts; another one is in none.
        let is_known = statuses.remove(&0).unwrap_or(0) == 0;
        let account = Account {
            answered: Some(answered),
            statuses: if is_known { Statuses::Classes(statuses) } else { Statuses::Unknown },
            failures: Some(failures),
            servers: servers
                .iter()
                .map(|row| Served { name: row.name.clone(), answered: row.answered() })
                .collect(),
            ..Account::of(self.name(), self.unit())
        };
        Ok(Account { ended: account.failed().map(|failed| answered + failed), ..account })
    }
}
