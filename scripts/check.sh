#!/usr/bin/env bash
# Everything that must hold: format, lints, dependencies, documentation, tests.
# Installs the two tools that Rust's own toolchain lacks (into target/tools) and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" </dev/null

begun=$SECONDS
step() { printf '%s== %s%s (%d s)\n' "$bold" "$1" "$plain" "$((SECONDS - begun))"; }

tools=$PWD/target/tools
export PATH="$tools/bin:$PATH"
tool() { # name version
    if ! "$1" --version 2>/dev/null | grep -qF "$2"; then
        step "installing $1 $2"
        # A debug build: they run for seconds, and compile in half of the time.
        cargo install --quiet --locked --debug --root "$tools" "$1@$2"
    fi
}

step "format"
cargo fmt --check

step "lints"
cargo clippy --quiet --release --all-targets --locked -- -D warnings

step "dependencies: licences, sources, duplicates, none unused"
tool cargo-deny 0.20.2
tool cargo-machete 0.9.2
# The advisory database is a git repository, which not every machine can reach: advisories are left to those that can.
cargo-deny --log-level error check bans licenses sources
cargo-machete

step "features: none is the tests' alone, or the program would be built twice"
built_for() { cargo tree --locked --prefix none --format '{p} {f}' --edges "$1" | sed 's/ (\*)$//' | sort -u; }
alone=$(comm -23 <(built_for normal,build) <(built_for normal,build,dev))
[ -z "$alone" ] || { echo "with other features for the tests, which Cargo.toml can give to the program as well: $alone" >&2; exit 1; }

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --release --no-deps --locked

step "tests: the README's second command"
cargo test --release --locked

step "all of it held"
