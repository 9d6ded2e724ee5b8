#!/usr/bin/env python3
"""Runs the examples of a page; called by test-readme.sh.

An example is a fenced block behind a line `<!-- example: NAME -->`. Its lines that begin with `$ ` are commands, which run
in one shell; what follows a command is what it printed. A line `<!-- must say: ONE | OTHER -->` behind the block names what
has to be in the output to the letter.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile

BLOCK = re.compile(
    r"<!-- example: (?P<name>.*?) -->\n```\n(?P<body>.*?)```\n(?:<!-- must say: (?P<must>.*?) -->\n)?", re.DOTALL
)
# Where a reader's target listens: it has the default ports, the one that is tested has free ones.
TARGET, ADMIN = "127.0.0.1:8080", "127.0.0.1:8081"
SECONDS = 30


def commands(body):
    return [line[2:] for line in body.splitlines() if line.startswith("$ ")]


def shape(text):
    """What must not vary: everything but numbers with their units, days and months."""
    text = re.sub(r"date: .*", "date", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ", "TIME", text)
    text = re.sub(r"\d+(\.\d+)?", "#", text)
    text = re.sub(r"#(us|µs|ms|s|k|%)(?!\w)", "#", text)
    return [re.sub(r" +", " ", line).strip() for line in text.splitlines()]


def run(body, program, target, admin, folder):
    """The block with what its commands print now."""
    lines = []
    for command in commands(body):
        lines.append(f"$ {command}")
        here = command.replace(TARGET, target).replace(ADMIN, admin)
        script = f'q() {{ "{program}" "$@"; }}\n{here}\n'
        ran = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env={**os.environ, "QUINTAIN_LISTEN": "127.0.0.1:0", "QUINTAIN_ADMIN": "127.0.0.1:0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            text=True,
            check=False,
        )
        if ran.returncode != 0:
            raise SystemExit(f"exit code {ran.returncode}: {command}")
        printed = ran.stdout.replace("\r", "").replace(target, TARGET).replace(admin, ADMIN)
        printed = re.sub(r"addr=127\.0\.0\.1:\d+ admin=127\.0\.0\.1:\d+", f"addr={TARGET} admin={ADMIN}", printed)
        # In a container the target has its host's name, which is not the reader's.
        host = re.escape(socket.gethostname())
        printed = re.sub(rf"(x-quintain-worker: ){host}/", r"\1", printed)
        printed = re.sub(rf"(runs/[^ /]*Z-[a-z]+)-{host}(?=[ /\n])", r"\1", printed)
        lines.extend(printed.splitlines())
    return "\n".join(lines) + "\n"


def main():
    mode, path, program, target, admin = sys.argv[1:]
    target, admin = target.removeprefix("http://"), admin.removeprefix("http://")
    with open(path, encoding="utf-8") as page:
        text = page.read()
    wrong = 0

    with tempfile.TemporaryDirectory() as folder:

        def look(found):
            nonlocal wrong
            name, body = found["name"], found["body"]
            now = run(body, program, target, admin, folder)
            missing = [one for one in (found["must"] or "").split(" | ") if one not in re.sub(r" +", " ", now)]
            is_same = mode == "--write" or shape(now) == shape(body)
            if missing or not is_same:
                wrong += 1
                print(f"{name}: does not hold; missing: {missing}; it prints\n{now}the page has\n{body}")
            else:
                print(f"  held: {name}")
            return found[0].replace(body, now)

        text = BLOCK.sub(look, text)
    if mode == "--write":
        with open(path, "w", encoding="utf-8") as page:
            page.write(text)
    sys.exit(1 if wrong else 0)


main()
