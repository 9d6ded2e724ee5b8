//! The Locust file of a load: which routes users ask for, by their weights, and how many users there are over time.
//!
//! A generated head says what the load is; `locustfile.py` does it.

/// Several routes by their weights, and stages of users.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mix {
    /// At least one.
    pub routes: Vec<Weighted>,
    /// What each user sends first, once, and again when an answer is 401.
    pub login: Option<Request>,
    /// How long a user waits before the next request, in seconds: at least, at most.
    pub think_s: (f64, f64),
    /// One after the other; without any, the command line says how many users there are and for how long.
    pub stages: Vec<Crowd>,
    /// Ends the load after so many requests, logins not counted.
    pub requests: Option<u64>,
}

/// A request that users send.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// What varies in it stands in braces.
    pub path: String,
    /// What is sent with it.
    pub body: Body,
}

/// What a request sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// So many bytes, whatever they are.
    Bytes(u64),
    /// A picture, in a form.
    Picture,
}

/// A request and its share of all.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted {
    /// The request.
    pub request: Request,
    /// Against those of the others.
    pub weight: f64,
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

impl Request {
    /// As a tuple in Python.
    fn python(&self) -> String {
        let Self { method, path, body } = self;
        // A JSON string is a Python string, too.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let body = match body {
            Body::Bytes(bytes) => format!("body({bytes})"),
            Body::Picture => "PICTURE".to_owned(),
        };
        format!("({}, {}, {body})", quoted(method), quoted(path))
    }
}

impl Crowd {
    /// As a tuple in Python.
    fn python(&self) -> String {
        let Self { users, spawn_rate, seconds } = self;
        let seconds = seconds.map_or_else(|| "float(\"inf\")".to_owned(), |seconds| seconds.to_string());
        format!("({users}, {spawn_rate}, {seconds})")
    }
}

impl Mix {
    /// One path, as it is written.
    pub(super) fn of_path(path: &str) -> Self {
        let path = path.replace('{', "%7B").replace('}', "%7D");
        let request = Request { method: "GET".to_owned(), path, body: Body::Bytes(0) };
        Self { routes: vec![Weighted { request, weight: 1.0 }], ..Self::default() }
    }

    /// The Python text. A name in braces stands for the value that an earlier answer to the same user had under it, or else for
    /// a number. A load of so many requests ends when the last of them is answered, so that none is given up.
    #[must_use]
    pub fn locustfile(&self) -> String {
        let Self { routes, login, think_s: (least_s, most_s), stages, requests } = self;
        let none = || "None".to_owned();
        let tuples: Vec<String> = routes.iter().map(|one| one.request.python()).collect();
        let weights: Vec<String> = routes.iter().map(|one| one.weight.to_string()).collect();
        let stages: Vec<String> = stages.iter().map(Crowd::python).collect();
        format!(
            "import functools
import json
import logging
import os
import pathlib
import random
import re
import sys
from urllib.parse import quote
from urllib.request import Request, urlopen

import gevent
from locust import HttpUser, LoadTestShape, between, events, task
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner


def body(size):
    return (b\"quintain\" * (size // 8 + 1))[:size] or None


# Sent in a form: one of the pictures in the directory PICTURES, each as often as the others.
PICTURE = object()

ROUTES = [
    {},
]
WEIGHTS = [{}]
# Sent by each user first; None: there is no login.
LOGIN = {}
# Seconds between an answer and the next request, from and to.
THINK = ({least_s}, {most_s})
# Users, new users a second, seconds. Without any, the command line says them.
STAGES = [{}]
# After so many the load ends; None has no such end.
REQUESTS = {}

VARYING = re.compile(r\"{{\\*?([^}}]*)}}\")
NAMES = {{name for _, path, _ in ROUTES for name in VARYING.findall(path)}}
{}",
            tuples.join(",\n    "),
            weights.join(", "),
            login.as_ref().map_or_else(none, Request::python),
            stages.join(", "),
            requests.map_or_else(none, |count| count.to_string()),
            include_str!("locustfile.py"),
        )
    }
}
