//! The document of the target: its routes, each as it describes itself.

use bytes::Bytes;

use super::operation::Document;
use crate::config::VERSION_AND_COMMIT;
use crate::http::routes;
use crate::http::target::Target;
use crate::profile::{Profile, shape as shape_of};

/// The document of a target with this profile.
pub fn document(profile: &Profile, target: &Target) -> Bytes {
    let config = &target.config;
    let mut document = Document::default();
    let mut spellings: Vec<String> = Vec::new();
    let mut routes = routes(profile);
    // Who takes every method takes what is left.
    routes.sort_by_key(|route| route.method == "ANY");
    for route in routes {
        // Two methods of one pattern may name its parts differently: the first one's names stand for both.
        let known = spellings.iter().find(|known| shape_of(known) == shape_of(&route.path)).cloned();
        let path = known.unwrap_or_else(|| route.path.clone());
        spellings.push(path.clone());
        let path = path.replace("{*", "{");
        document.add(&route.method, &path, || route.describe(&path, config));
    }
    let says = format!(
        "A load-test target, mode {}. HEAD is answered wherever GET is, and is not listed, nor is OPTIONS *, which is \
         answered as OPTIONS / is. A path without parameters is the same with a slash behind it. A path that is not here is \
         404, a method that a path does not take 405. Limits are those of this run (`x-limit` names the flag that sets \
         one): a value over one is refused, never cut down. A parameter that is unknown, or comes twice, is 400. Fault \
         plans on the admin listener can make any route but /health, /healthz and /readyz answer otherwise.",
        config.mode
    );
    super::text(&document.finish("quintain", VERSION_AND_COMMIT, &says, false))
}
