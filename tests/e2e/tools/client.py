#!/usr/bin/env python3
"""The outside client: asks once, holds connections open, or connects without pause.

  client.py tcp|udp ADDRESS PORT   one line each: the answer, or refused, timeout, unreachable, reset;
                                   past the routes by --device (SO_BINDTODEVICE), --unicast-if
                                   (IP_UNICAST_IF) or, of UDP, --pktinfo (IP_PKTINFO)
  client.py hold ADDRESS PORT      --count connections, used each 100 ms until --stop exists; --idle:
                                   used at first, and when it does
  client.py bulk ADDRESS PORT      --bytes there, then back; says of each what came, or timeout
  client.py load ADDRESS PORT      --count workers that connect, ask and close until --stop exists
"""
import argparse
import collections
import os
import socket
import sys
import time


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["tcp", "udp", "hold", "load", "bulk"])
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--source", default="")
    parser.add_argument("--device", default="")
    parser.add_argument("--unicast-if", default="")
    parser.add_argument("--pktinfo", default="")
    parser.add_argument("--source-port", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=1.0)
    parser.add_argument("--say", default="who")
    parser.add_argument("--stop", default="")
    parser.add_argument("--limit", type=float, default=60.0)
    parser.add_argument("--idle", action="store_true")
    parser.add_argument("--bytes", type=int, default=2_000_000)
    return parser.parse_args()


ARGS = options()
if ARGS.mode not in ("tcp", "udp"):  # those are run thousands of times
    import asyncio
FAMILY = socket.AF_INET6 if ":" in ARGS.address else socket.AF_INET


def ask(kind):
    with socket.socket(FAMILY, kind) as sock:
        sock.settimeout(ARGS.timeout)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if ARGS.source or ARGS.source_port:
                sock.bind((ARGS.source, ARGS.source_port))
            if ARGS.device:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, ARGS.device.encode() + b"\0")
            if ARGS.unicast_if:
                option = (41, 76) if FAMILY == socket.AF_INET6 else (0, 50)  # IPV6_/IP_UNICAST_IF
                sock.setsockopt(*option, socket.if_nametoindex(ARGS.unicast_if).to_bytes(4, "big"))
            if ARGS.pktinfo:
                index = socket.if_nametoindex(ARGS.pktinfo).to_bytes(4, sys.byteorder)
                told = (41, 50, bytes(16) + index) if FAMILY == socket.AF_INET6 else (0, 8, index + bytes(8))
                sock.sendmsg([f"{ARGS.say}\n".encode()], [told], 0, (ARGS.address, ARGS.port))
                return sock.recv(1000).decode().strip()
            sock.connect((ARGS.address, ARGS.port))
            sock.sendall(f"{ARGS.say}\n".encode())
            return sock.recv(1000).decode().strip() or "closed"
        except ConnectionRefusedError:
            return "refused"
        except ConnectionResetError:
            return "reset"
        except PermissionError:  # what a packet filter of this host answers to UDP
            return "forbidden"
        except TimeoutError:
            return "timeout"
        except OSError as error:
            return "unreachable" if error.errno in (101, 113) else f"error {error}"


def going_on(begun):
    return time.monotonic() - begun < ARGS.limit and not os.path.exists(ARGS.stop)


async def connect():
    return await asyncio.open_connection(ARGS.address, ARGS.port, family=FAMILY)


async def exchange(reader, writer):
    writer.write(b"who\n")
    return (await reader.readline()).split()


async def hold():
    open_ones = [await connect() for _ in range(ARGS.count)]
    first = [(await asyncio.wait_for(exchange(*one), 5))[0] for one in open_ones]
    print("open", flush=True)
    broken = set()
    begun = time.monotonic()

    async def use(number):
        while ARGS.idle and going_on(begun):
            await asyncio.sleep(0.1)
        while ARGS.idle or going_on(begun):
            try:
                # Longer than a retransmission or two, shorter than what a user would bear.
                answer = await asyncio.wait_for(exchange(*open_ones[number]), 8)
                if not answer or answer[0] != first[number]:
                    raise ConnectionError
            except (OSError, asyncio.TimeoutError):
                broken.add(number)
                return
            if ARGS.idle:
                return
            await asyncio.sleep(0.1)

    await asyncio.gather(*(use(number) for number in range(ARGS.count)))
    print(f"{ARGS.count - len(broken)} alive, {len(broken)} broken")


async def bulk():
    async def there(reader, writer):
        writer.write(f"take {ARGS.bytes}\n".encode() + bytes(ARGS.bytes))
        return (await reader.readline()).decode().strip()

    async def back(reader, writer):
        writer.write(f"give {ARGS.bytes}\n".encode())
        return len(await reader.readexactly(ARGS.bytes))

    for way in there, back:
        try:
            reader, writer = await asyncio.wait_for(connect(), ARGS.timeout)
        except asyncio.TimeoutError:
            print(way.__name__, "timeout", flush=True)
            continue
        try:
            came = await asyncio.wait_for(way(reader, writer), ARGS.timeout)
        except asyncio.TimeoutError:
            came = "timeout"
        print(way.__name__, came, flush=True)
        writer.transport.abort()


async def load():
    pods = collections.Counter()
    failures = collections.Counter()
    begun = time.monotonic()

    async def work():
        while going_on(begun):
            at = time.monotonic()
            try:
                reader, writer = await asyncio.wait_for(connect(), 5)
                answer = await asyncio.wait_for(exchange(reader, writer), 5)
                pods[answer[0].decode()] += 1
                writer.close()
            except (OSError, asyncio.TimeoutError, IndexError) as error:
                failures[type(error).__name__] += 1
            # A first segment that was lost is repeated after a second.
            if time.monotonic() - at > 0.9:
                failures["slow"] += 1
            await asyncio.sleep(0.004)

    await asyncio.gather(*(work() for _ in range(ARGS.count)))
    print(f"{sum(pods.values())} connections, {sum(failures.values())} failures,"
          f" {len(pods)} pods {dict(failures) or ''}")


if ARGS.mode == "hold":
    asyncio.run(hold())
elif ARGS.mode == "bulk":
    asyncio.run(bulk())
elif ARGS.mode == "load":
    asyncio.run(load())
else:
    for _ in range(ARGS.count):
        print(ask(socket.SOCK_STREAM if ARGS.mode == "tcp" else socket.SOCK_DGRAM))
    sys.exit(0)
