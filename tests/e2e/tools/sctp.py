#!/usr/bin/env python3
"""SCTP by crafted packets, for kernels without SCTP sockets (RFC 9260: INIT and INIT ACK).

  sctp.py answer                          at the pod: answers each INIT, one line each on what came in
  sctp.py ask SOURCE ADDRESS PORT         at the client: sends an INIT, one line on what came back
A line is "FROM-ADDRESS FROM-PORT TO-PORT good|bad": what the checksum is worth comes last.
"""
import socket
import struct
import sys

INIT, INIT_ACK = 1, 2
PORT = 40132


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def packet(source, target, tag, kind):
    chunk = struct.pack("!BBHIIHHI", kind, 0, 20, 0x12345678, 65536, 1, 1, 1)
    head = struct.pack("!HHI", source, target, tag)
    return head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk


def parse(data):
    sctp = data[(data[0] & 15) * 4:]
    source, target, _, checksum = struct.unpack("!HHII", sctp[:12])
    computed = struct.unpack("!I", struct.pack("<I", crc32c(sctp[:8] + bytes(4) + sctp[12:])))[0]
    tag = struct.unpack("!I", sctp[16:20])[0] if len(sctp) >= 20 else 0
    return source, target, sctp[12], "good" if checksum == computed else "bad", tag


with socket.socket(socket.AF_INET, socket.SOCK_RAW, 132) as sock:
    if sys.argv[1] == "answer":
        print("ready", flush=True)
        while True:
            data, (peer, _) = sock.recvfrom(2000)
            source, target, kind, state, tag = parse(data)
            if kind == INIT:
                print(peer, source, target, state, flush=True)
                sock.sendto(packet(target, source, tag, INIT_ACK), (peer, 0))
    else:
        sock.settimeout(2)
        sock.bind((sys.argv[2], 0))
        sock.sendto(packet(PORT, int(sys.argv[4]), 0, INIT), (sys.argv[3], 0))
        try:
            while True:
                data, (peer, _) = sock.recvfrom(2000)
                source, target, kind, state, _ = parse(data)
                if kind == INIT_ACK:
                    print(peer, source, target, state)
                    break
        except TimeoutError:
            print("timeout")
