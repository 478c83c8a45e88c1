#!/usr/bin/env python3
"""A pod's servers: tells who answers and whom it sees, for every line of TCP and every datagram of UDP.

usage: server.py NAME TCP-PORTS UDP-PORTS      ports: 8080,9000-9010 or "-"
An answer is "NAME PEER PORT": the pod's name, the client's address as it arrives here, and the port it
arrived at. A TCP line "mss" is answered with the segment size that the handshake led to, a TCP line
"push" by a line each 100 ms for as long as the connection lives, whatever the client does, "take N" by N
when N bytes have come, "give N" by N bytes.
"""
import asyncio
import socket
import sys

NAME = sys.argv[1]


def ports(text):
    for part in text.split(",") if text != "-" else []:
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def plain(address):
    return address.removeprefix("::ffff:")


async def serve(reader, writer):
    sock = writer.get_extra_info("socket")
    peer = plain(writer.get_extra_info("peername")[0])
    port = writer.get_extra_info("sockname")[1]
    try:
        while line := await reader.readline():
            if line == b"mss\n":
                size = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
                writer.write(f"{size}\n".encode())
            elif line.startswith(b"take "):
                writer.write(f"{len(await reader.readexactly(int(line[5:])))}\n".encode())
            elif line.startswith(b"give "):
                writer.write(bytes(int(line[5:])))
            elif line == b"push\n":
                while True:
                    writer.write(f"{NAME} {peer} {port}\n".encode())
                    await writer.drain()
                    await asyncio.sleep(0.1)
            else:
                writer.write(f"{NAME} {peer} {port}\n".encode())
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data, peer):
        self.transport.sendto(f"{NAME} {plain(peer[0])} {self.port}\n".encode(), peer)


async def main():
    loop = asyncio.get_running_loop()
    for port in ports(sys.argv[2]):
        sock = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True,
                                    backlog=1024)
        await asyncio.start_server(serve, sock=sock)
    for port in ports(sys.argv[3]):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", port))
        await loop.create_datagram_endpoint(Datagrams, sock=sock)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
