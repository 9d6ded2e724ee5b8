"""What OpenAPI can't say: parameters that exclude each other, the grammar of delays beyond one of them, and modifiers that
make another response of it than the route's own."""

import re

import schemathesis

EXCLUSIVE = [{"ms", "delay"}, {"ms", "iterations"}]
SIMPLE = re.compile(r"[0-9.]+(ns|us|µs|μs|ms|s|m|h)?(:[0-9.]+)?")


@schemathesis.hook
def filter_case(context, case):
    query = case.query if isinstance(case.query, dict) else {}
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive:
        return True
    if {"status", "size", "gzip"} & set(query):
        return False
    if any(pair <= set(query) for pair in EXCLUSIVE):
        return False
    delay = query.get("delay")
    return not isinstance(delay, str) or bool(SIMPLE.fullmatch(delay))
