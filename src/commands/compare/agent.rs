//! The HTTP agent by which `quintain compare` asks what it has started.

use std::time::Duration;

use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

/// An agent whose requests may take so long in each stage: to connect, to be sent, to be answered, to read the answer's body.
///
/// The look-up of the host's name has no limit: with one, or with one on the whole request, ureq starts a thread for each
/// request, and that would cost CPU while a target is measured.
pub fn limited(limit: Duration) -> ConfigBuilder<AgentScope> {
    let limit = Some(limit);
    ureq::Agent::config_builder()
        .timeout_connect(limit)
        .timeout_send_request(limit)
        .timeout_send_body(limit)
        .timeout_recv_response(limit)
        .timeout_recv_body(limit)
}
