//! Ordering faults, and what a seed makes of them.

use quintain::partition::{Partition, Spacing};
use quintain::units::Rate;
use serde_json::{Value, json};

use super::client::Response;
use super::target::Target;

pub const SPACINGS: [Spacing; 3] = [Spacing::Even, Spacing::Shuffled, Spacing::Random];

impl Target {
    /// A request to `/faults` on the admin listener.
    pub fn faults(&self, method: &str, body: &str) -> Response {
        let (host, length) = (&self.ready["admin"], body.len());
        let mut client = self.admin();
        let head = format!("{method} /faults HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n");
        client.send(head + body).unwrap();
        client.receive().unwrap()
    }

    /// Orders these plans and no others; the answer's.
    pub fn order_faults(&self, plans: &Value) -> Value {
        let answer = self.faults("PUT", &json!({ "faults": plans }).to_string());
        assert_eq!(answer.status, 200, "{plans}: {}", answer.text());
        answer.json()["faults"].clone()
    }

    /// The plans in force, but for what changes from one look to the next.
    pub fn faults_in_force(&self) -> Value {
        ageless(self.faults("GET", "").json()["faults"].clone())
    }
}

/// Plans without their ages.
pub fn ageless(mut plans: Value) -> Value {
    for plan in plans.as_array_mut().unwrap() {
        assert!(plan.as_object_mut().unwrap().remove("age_ms").unwrap().is_u64(), "{plan}");
    }
    plans
}

/// Statuses with rates, of which a plan can be made and its outcome foretold.
pub struct Statuses<'a> {
    pub spacing: Spacing,
    pub seed: u64,
    pub kinds: &'a [(u16, &'a str)],
}

impl Statuses<'_> {
    /// The plan, for a route.
    pub fn plan(&self, route: &str) -> Value {
        let Self { spacing, seed, kinds } = self;
        let kind = |(code, rate): &(u16, &str)| {
            let rate: Value = serde_json::from_str(rate).unwrap();
            json!({"kind": "status", "code": code, "rate": rate})
        };
        let kinds: Vec<Value> = kinds.iter().map(kind).collect();
        json!({"route": route, "spacing": spacing.name(), "seed": seed, "kinds": kinds})
    }

    /// The status of the request that draws each index from 0, where 200 is what the handler says.
    pub fn foretold(&self, requests: u64) -> Vec<u16> {
        let rates: Vec<Rate> = self.kinds.iter().map(|(_, rate)| rate.parse().unwrap()).collect();
        let partition = Partition::new(self.spacing, self.seed, &rates).unwrap();
        (0..requests).map(|index| partition.kind_at(index).map_or(200, |kind| self.kinds[kind].0)).collect()
    }
}
