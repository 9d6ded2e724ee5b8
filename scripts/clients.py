#!/usr/bin/env python3
"""Clients that no load generator offers, for soak, crowd and bench. Standard library only.

    clients.py hold URL COUNT [ask]      open COUNT at once, ask once on each if told, print how many, hold until stdin ends
    clients.py burst URL COUNT           open COUNT as fast as the kernel does, ask on each: prints answered, failed, seconds to open
    clients.py hostile URL SECONDS       every kind of bad client at once, until the time is over: prints what was done
"""
import asyncio
import os
import random
import re
import resource
import select
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


def burst(url, count):
    began = time.monotonic()
    clients = []
    for _ in range(int(count)):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(address(url))
        clients.append(client)
    opened = time.monotonic() - began
    answered = 0
    for client in clients:
        client.settimeout(20)
        try:
            wait_for(client)
            client.sendall(REQUEST)
            answered += is_ok(client.recv(4096))
        except OSError:
            pass
    print(answered, len(clients) - answered, f"{opened:.3f}")


def wait_for(client):
    """Until it is connected, or isn't."""
    poll = select.poll()
    poll.register(client, select.POLLOUT)
    poll.poll(20_000)
    if error := client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, os.strerror(error))


async def slowloris(reader, writer):
    for byte in REQUEST[:-4] + b"\r\nX: " + b"x" * 100:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(random.uniform(0.2, 1))


async def half_a_head(reader, writer):
    writer.write(REQUEST[:random.randrange(1, len(REQUEST))])
    await reader.read()


async def half_a_body(reader, writer):
    writer.write(b"POST /health HTTP/1.1\r\nHost: target\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n")
    for _ in range(20):
        writer.write(b"x" * 50)
        await asyncio.sleep(0.5)


async def never_reading(reader, writer):
    # Until neither side's kernel takes any more.
    writer.transport.pause_reading()
    while True:
        writer.write(REQUEST * 200)
        await asyncio.wait_for(writer.drain(), 15)


async def reset(reader, writer):
    writer.write(REQUEST[:random.choice((0, 5, 30, len(REQUEST)))] * random.choice((1, 20)))
    await asyncio.sleep(random.uniform(0, 0.02))
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def noise(reader, writer):
    writer.write(random.choice((b"", b"GET ", REQUEST)) + random.randbytes(random.randrange(1, 5000)))
    await reader.read()


async def flood(reader, writer):
    writer.write(REQUEST * 1000)
    answers = 0
    while answers < 1000:
        answers += (await reader.readuntil(b"\r\n\r\nOK")).count(b"HTTP/1.1 200 ")


async def oversize(reader, writer):
    writer.write(REQUEST[:-2] + b"X: " + b"x" * random.choice((40_000, 1_000_000)))
    await writer.drain()
    await reader.read()


async def many_fields(reader, writer):
    writer.write(REQUEST[:-2] + b"".join(b"X-%d: 1\r\n" % number for number in range(300)) + b"\r\n")
    await reader.read()


async def opened_and_left(reader, writer):
    await asyncio.sleep(random.uniform(1, 20))


async def departed(reader, writer):
    writer.write(b"GET /io?ms=500 HTTP/1.1\r\nHost: target\r\n\r\n")
    await asyncio.sleep(random.uniform(0, 0.4))


# How many of each there are at any time, and how long they rest after each connection.
HOSTILE = {slowloris: (100, 0), half_a_head: (50, 0), half_a_body: (20, 0), never_reading: (10, 1), reset: (10, 0.05),
           noise: (10, 0.1), flood: (2, 0.2), oversize: (4, 0.2), many_fields: (4, 0.2), opened_and_left: (200, 0),
           departed: (10, 0.1)}


async def again_and_again(kind, place, rest, until, done):
    while (left := until - time.monotonic()) > 0:
        writer = None
        try:
            reader, writer = await asyncio.open_connection(*place)
            await asyncio.wait_for(kind(reader, writer), min(left, 40))
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            # That a hostile client is not served is what is hoped for.
            pass
        finally:
            if writer:
                writer.transport.abort() if kind is not reset else writer.close()
        done[kind.__name__] = done.get(kind.__name__, 0) + 1
        await asyncio.sleep(rest * random.uniform(0.5, 1.5))


async def hostile(url, seconds):
    until, done = time.monotonic() + float(seconds), {}
    await asyncio.gather(*(again_and_again(kind, address(url), rest, until, done)
                           for kind, (count, rest) in HOSTILE.items() for _ in range(count)))
    print(", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in done.items()))


if __name__ == "__main__":
    COMMANDS = {"hold": hold, "burst": burst, "hostile": hostile}
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    as_many_descriptors_as_allowed()
    done = COMMANDS[sys.argv[1]](*sys.argv[2:])
    if asyncio.iscoroutine(done):
        asyncio.run(done)
