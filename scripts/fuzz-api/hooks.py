"""What OpenAPI can't say: parameters that exclude each other, the grammar of delays beyond one of them, and modifiers that
make another response of it than the route's own."""

import re

import schemathesis

EXCLUSIVE = [{"ms", "delay"}, {"ms", "iterations"}]
VALID = re.compile(r"true|false|[0-9.]+([KMGT]i?B|B)?(:[0-9.]+)?|.+,.+")
SIMPLE = re.compile(r"[0-9.]+(ns|us|µs|μs|ms|s|m|h)?(:[0-9.]+)?")


@schemathesis.hook
def filter_case(context, case):
    query = case.query if isinstance(case.query, dict) else {}
    # Also of a case that is wrong elsewhere: what is wrong may be allowed after all.
    if any(VALID.fullmatch(str(query.get(name, "-"))) for name in ("status", "size", "gzip")):
        return False
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive:
        return True
    if any(pair <= set(query) for pair in EXCLUSIVE):
        return False
    delay = query.get("delay")
    return not isinstance(delay, str) or bool(SIMPLE.fullmatch(delay))
