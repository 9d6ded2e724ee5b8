#!/usr/bin/env python3
"""Clients that no load generator offers, for drills, soak, crowd and peers. Standard library only.

    clients.py queue URL COUNT SECONDS   open COUNT connections, wait, then ask on each in turn: prints the answers
    clients.py hold URL COUNT [ask]      open COUNT at once, ask once on each if told, print how many, hold until stdin ends
    clients.py hostile URL SECONDS       every kind of bad client at once, until the time is over: prints what was done
    clients.py garbage PID               write garbage over the scoreboard seat of a worker
"""
import asyncio
import os
import random
import re
import resource
import socket
import struct
import sys
import time
from urllib.parse import urlsplit

REQUEST = b"GET /health HTTP/1.1\r\nHost: target\r\n\r\n"


def address(url):
    parts = urlsplit(url)
    return parts.hostname, parts.port


def as_many_descriptors_as_allowed():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def is_ok(answer):
    return answer.startswith(b"HTTP/1.1 200 ")


def queue(url, count, seconds):
    clients = [socket.create_connection(address(url), timeout=20) for _ in range(int(count))]
    time.sleep(float(seconds))
    answered = 0
    for client in clients:
        client.sendall(REQUEST)
        answered += is_ok(client.recv(4096))
        client.close()
    print(answered)


async def held(place, ask):
    reader, writer = await asyncio.open_connection(*place)
    if ask:
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
        await reader.readexactly(length)
        if not is_ok(head):
            raise ConnectionError(head)
    return writer


async def hold(url, count, *ask):
    began = time.monotonic()
    place = address(url)
    tried = await asyncio.gather(*(held(place, bool(ask)) for _ in range(int(count))), return_exceptions=True)
    failed = sum(isinstance(one, Exception) for one in tried)
    print(len(tried) - failed, failed, f"{time.monotonic() - began:.3f}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def beat_of(memory, start, end):
    """Where a worker keeps its beat: the one number in its seat that follows the monotonic clock."""
    def recent():
        now, found = time.monotonic_ns(), set()
        for page in range(start, end, 1 << 20):
            memory.seek(page)
            piece = memory.read(min(1 << 20, end - page))
            # The slots' shared memory is mostly untouched; a number of this age has these top bytes.
            for at in range(0, len(piece), 128):
                if 0 <= now - int.from_bytes(piece[at:at + 8], "little") < 150_000_000:
                    found.add(page + at)
        return found

    found = recent()
    for _ in range(4):
        time.sleep(0.3)
        found &= recent()
    return found


def garbage(pid):
    slots = []
    for line in open(f"/proc/{pid}/maps"):
        if "/dev/zero" in line:
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            slots.append((end - start, start))
    size, start = max(slots)
    counters, length = 128, 256 * 1024
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        found = sorted(beat_of(memory, start, start + min(size, 64 << 20)))
        for beat in found:
            memory.seek(beat - counters)
            memory.write(random.Random(7).randbytes(length))
    if not found:
        sys.exit("no seat was found")
    print(length * len(found))


if __name__ == "__main__":
    COMMANDS = {"queue": queue, "hold": hold, "garbage": garbage}
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    as_many_descriptors_as_allowed()
    done = COMMANDS[sys.argv[1]](*sys.argv[2:])
    if asyncio.iscoroutine(done):
        asyncio.run(done)
