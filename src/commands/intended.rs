//! The load that a profile is meant for, as a mix that a generator follows; used by `compare` and `profiles --locustfile`.

use http::Method;

use crate::generator::{Crowd, Mix, Weighted};
use crate::profile::{Profile, Stage};
use crate::units::shown::float;

/// So many bytes are sent where a profile does not say how many, by methods that send some.
const UNSAID: u64 = 64;

fn sends_a_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

/// The routes with a weight, and the stages of `[load]`. `None`: the profile has no load, or no route with a weight.
///
/// # Errors
/// A sentence about a load that no generator here can follow.
pub fn mix(profile: &Profile) -> Result<Option<Mix>, String> {
    let weighted = profile.routes.iter().filter(|route| route.weight > 0.0);
    let routes: Vec<Weighted> = weighted
        .flat_map(|route| {
            let methods = float(route.methods.len() as u64);
            let of = move |method: &Method| Weighted {
                method: method.to_string(),
                path: route.path.clone(),
                weight: route.weight / methods,
                body_bytes: route.request_bytes.unwrap_or(if sends_a_body(method) { UNSAID } else { 0 }),
            };
            route.methods.iter().map(of)
        })
        .collect();
    if routes.is_empty() || profile.load.is_empty() {
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
    let requests = profile.load.iter().find_map(|stage| match stage {
        Stage::Requests { requests, .. } => Some(*requests),
        Stage::Users { .. } => None,
    });
    if requests.is_some() && profile.load.len() > 1 {
        return Err(format!("{}: [load] with several stages is followed where each has a duration", profile.name));
    }
    Ok(Some(Mix { routes, stages: profile.load.iter().map(crowd).collect(), requests }))
}
