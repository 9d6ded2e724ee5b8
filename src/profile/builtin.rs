//! The profiles that come with the program.

/// What is served when nothing is said.
pub const DEFAULT: &str = "default";

/// Name and text of each, in the order in which they are listed.
pub const BUILT_IN: [(&str, &str); 7] = [
    (DEFAULT, include_str!("builtin/default.toml")),
    ("baseline", include_str!("builtin/baseline.toml")),
    ("node-cluster", include_str!("builtin/node-cluster.toml")),
    ("flask-locust", include_str!("builtin/flask-locust.toml")),
    ("image-inference", include_str!("builtin/image-inference.toml")),
    ("market", include_str!("builtin/market.toml")),
    ("stall-drill", include_str!("builtin/stall-drill.toml")),
];
