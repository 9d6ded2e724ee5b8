#!/usr/bin/env bash
# Runs the target under a seccomp filter for each thing that a kernel or a sandbox may lack: arrival stamps, shared ports,
# newer system calls, processes and threads. What is lost without what stands in docs/running.md.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
cargo test --release --locked --test it -- --nocapture missing_features::
