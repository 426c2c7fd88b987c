"""Servers on asyncio, in streams: what its documentation advises for programs.

    python3 bench/peers/python/asyncio_streams.py echo 127.0.0.1:0
    python3 bench/peers/python/asyncio_streams.py http 127.0.0.1:0
    python3 bench/peers/python/asyncio_streams.py broadcast 127.0.0.1:0

echo       The documentation's: read, write, drain.
http       asyncio has no HTTP, so this is written by hand: a head is read up to its blank line and
           answered, date included; of its lines only `Connection: close` is looked for.
broadcast  Each line is written to every client. One that does not read is ended.

asyncio sets TCP_NODELAY by itself.
"""

import asyncio
import email.utils
import platform
import sys
import time

BACKLOG = 4096
UNREAD_MAX = 64 * 1024

REPLY = (
    "HTTP/1.1 200 OK\r\n"
    "date: {}\r\n"
    "content-type: text/plain; charset=utf-8\r\n"
    "content-length: 13\r\n\r\n"
    "Hello, World!"
)

clients = set()
reply = b""
reply_second = 0


def current_reply():
    """The reply with a date that is formatted once a second."""
    global reply, reply_second
    second = int(time.time())
    if second != reply_second:
        reply = REPLY.format(email.utils.formatdate(second, usegmt=True)).encode()
        reply_second = second
    return reply


async def echo(reader, writer):
    while data := await reader.read(16 * 1024):
        writer.write(data)
        await writer.drain()


async def http(reader, writer):
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(current_reply())
        await writer.drain()
        if b"\r\nconnection: close\r\n" in head.lower():
            break


async def broadcast(reader, writer):
    clients.add(writer)
    try:
        while (line := await reader.readline()).endswith(b"\n"):
            for client in clients:
                if client.transport.get_write_buffer_size() > UNREAD_MAX:
                    client.transport.abort()
                else:
                    client.write(line)
    finally:
        clients.discard(writer)


def until_the_end(converse):
    """Runs a conversation, and closes when either side has ended it."""

    async def run(reader, writer):
        try:
            await converse(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            writer.close()

    return run


async def main(kind, address):
    host, _, port = address.rpartition(":")
    converse = {"echo": echo, "http": http, "broadcast": broadcast}[kind]
    server = await asyncio.start_server(until_the_end(converse), host, int(port), backlog=BACKLOG)
    host, port = server.sockets[0].getsockname()
    url = f"http://{host}:{port}/" if kind == "http" else f"tcp://{host}:{port}"
    print(f"listening on {url}", flush=True)
    async with server:
        await server.serve_forever()


if sys.argv[1:] == ["--version"]:
    print(f"Python {platform.python_version()}, asyncio streams")
elif len(sys.argv) == 3 and sys.argv[1] in ("echo", "http", "broadcast"):
    asyncio.run(main(sys.argv[1], sys.argv[2]))
else:
    sys.exit("usage: asyncio_streams.py echo|http|broadcast ADDR:PORT")
