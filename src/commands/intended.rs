//! The load that a profile is meant for, as a mix that a generator follows; used by `compare` and `profiles --locustfile`.

use http::Method;

use crate::generator::{Body, Crowd, Mix, Request, Weighted};
use crate::profile::{Load, Profile, Route, Stage};
use crate::units::shown::float;

/// So many bytes are sent where a profile does not say how many, by methods that send some.
const UNSAID: u64 = 64;

fn sends_a_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

/// The routes with a weight, the login, and the stages of `[load]`. `None`: the profile has no load, or no route with a weight.
///
/// # Errors
/// A sentence about a load that no generator here can follow.
pub fn mix(profile: &Profile) -> Result<Option<Mix>, String> {
    let Load { stages, think: (least, most), login, also } = &profile.load;
    let of_profile = profile.routes.iter().flat_map(|route| {
        let methods = float(route.methods.len() as u64);
        let of = move |method| Weighted { request: request(route, method), weight: route.weight / methods };
        route.methods.iter().map(of)
    });
    let besides = also.iter().map(|(method, path, weight)| Weighted {
        request: Request { method: method.to_string(), path: path.clone(), body: Body::Bytes(0) },
        weight: *weight,
    });
    let routes: Vec<Weighted> = of_profile.chain(besides).filter(|one| one.weight > 0.0).collect();
    if routes.is_empty() || stages.is_empty() {
        return Ok(None);
    }
    let crowd = |stage: &Stage| match *stage {
        Stage::Requests { requests: _, concurrency } => {
            Crowd { users: concurrency, spawn_rate: float(concurrency), seconds: None }
        }
        Stage::Users { users, spawn_rate, duration } => {
            Crowd { users, spawn_rate, seconds: Some(duration.as_secs_f64()) }
        }
    };
    let requests = stages.iter().find_map(|stage| match stage {
        Stage::Requests { requests, .. } => Some(*requests),
        Stage::Users { .. } => None,
    });
    if requests.is_some() && stages.len() > 1 {
        return Err(format!("{}: [load] with several stages is followed where each has a duration", profile.name));
    }
    let login = login.as_ref().and_then(|(method, path)| {
        let mut routes = profile.routes.iter();
        Some(request(routes.find(|route| route.path == *path && route.methods.contains(method))?, method))
    });
    let think_s = (least.as_secs_f64(), most.as_secs_f64());
    Ok(Some(Mix { routes, login, think_s, stages: stages.iter().map(crowd).collect(), requests }))
}

fn request(route: &Route, method: &Method) -> Request {
    let unsaid = if sends_a_body(method) { UNSAID } else { 0 };
    Request {
        method: method.to_string(),
        path: route.path.clone(),
        body: if route.reads_picture() {
            Body::Picture
        } else {
            Body::Bytes(route.request_bytes.unwrap_or(unsaid))
        },
    }
}
