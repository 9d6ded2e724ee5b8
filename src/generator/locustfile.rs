//! The Locust file of a load: which routes users ask for, by their weights, and how many users there are over time.

use std::fmt::Write;

/// Several routes by their weights, and stages of users.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mix {
    /// At least one.
    pub routes: Vec<Weighted>,
    /// One after the other; without any, the command line says how many users there are and for how long.
    pub stages: Vec<Crowd>,
    /// Ends the load after so many requests.
    pub requests: Option<u64>,
}

/// A route and its share of the requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted {
    /// Such as `GET`.
    pub method: String,
    /// What varies in it stands in braces.
    pub path: String,
    /// Against those of the others.
    pub weight: f64,
    /// How many bytes are sent.
    pub body_bytes: u64,
}

/// Users of one stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crowd {
    /// How many.
    pub users: u64,
    /// New ones a second.
    pub spawn_rate: f64,
    /// How long; `None` has no end by itself.
    pub seconds: Option<f64>,
}

impl Mix {
    /// One path, as it is written.
    pub(super) fn of_path(path: &str) -> Self {
        let path = path.replace('{', "%7B").replace('}', "%7D");
        Self {
            routes: vec![Weighted { method: "GET".to_owned(), path, weight: 1.0, body_bytes: 0 }],
            ..Self::default()
        }
    }

    /// The Python text. What varies in a path is a number. A load of so many requests ends when the last of them is
    /// answered, so that none is given up.
    #[must_use]
    pub fn locustfile(&self) -> String {
        // A JSON string is a Python string, too.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let routes: Vec<String> = self
            .routes
            .iter()
            .map(|Weighted { method, path, body_bytes, weight: _ }| {
                format!("    ({}, {}, body({body_bytes})),", quoted(method), quoted(path))
            })
            .collect();
        let weights: Vec<String> = self.routes.iter().map(|one| one.weight.to_string()).collect();
        let requests = self.requests.map_or_else(|| "None".to_owned(), |count| count.to_string());
        let shape = if self.stages.is_empty() { "" } else { "LoadTestShape, " };
        let mut text = format!(
            "import itertools
import random
import re

from locust import HttpUser, {shape}constant, task
from locust.exception import StopUser


def body(size):
    return (b\"quintain\" * (size // 8 + 1))[:size] or None


ROUTES = [
{}
]
WEIGHTS = [{}]
# After so many the load ends; None has no such end.
REQUESTS = {requests}
VARYING = re.compile(r\"\\{{[^}}]*\\}}\")
asked = itertools.count()
answered = itertools.count(1)


class Client(HttpUser):
    wait_time = constant(0)

    @task
    def ask(self):
        if REQUESTS is not None and next(asked) >= REQUESTS:
            raise StopUser()
        [(method, path, data)] = random.choices(ROUTES, WEIGHTS)
        here = VARYING.sub(lambda _: str(random.randrange(1, 1000)), path)
        self.client.request(method, here, data=data, name=path)
        if next(answered) == REQUESTS:
            self.environment.runner.quit()
",
            routes.join("\n"),
            weights.join(", ")
        );
        if self.stages.is_empty() {
            return text;
        }
        let stage = |Crowd { users, spawn_rate, seconds }: &Crowd| {
            let seconds = seconds.map_or_else(|| "float(\"inf\")".to_owned(), |seconds| seconds.to_string());
            format!("({users}, {spawn_rate}, {seconds}), ")
        };
        let stages: String = self.stages.iter().map(stage).collect();
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "

class Stages(LoadTestShape):
    # Users, new users a second, seconds.
    stages = [{}]

    def tick(self):
        ends = 0
        for users, spawn_rate, seconds in self.stages:
            ends += seconds
            if self.get_run_time() < ends:
                return users, spawn_rate
        return None
",
            stages.trim_end_matches(", ")
        );
        text
    }
}
