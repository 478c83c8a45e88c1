#!/usr/bin/env python3
"""What the client's kernel learns of the path.

  path_mtu.py ADDRESS PORT SIZE     sends UDP that may not be fragmented, until the kernel knows better
  path_mtu.py --mss ADDRESS PORT    the segment size that TCP's handshake led to
"""
import socket
import sys
import time

IP_MTU_DISCOVER, IP_MTU, IPV6_MTU_DISCOVER, IPV6_MTU, DO = 10, 14, 23, 24, 2

if sys.argv[1] == "--mss":
    with socket.create_connection((sys.argv[2], int(sys.argv[3])), timeout=2) as sock:
        print(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
    sys.exit()

address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
six = ":" in address
level = socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP
with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.setsockopt(level, IPV6_MTU_DISCOVER if six else IP_MTU_DISCOVER, DO)
    sock.connect((address, port))
    for _ in range(20):
        try:
            sock.send(bytes(size))
        except OSError:
            break
        time.sleep(0.05)
    print(sock.getsockopt(level, IPV6_MTU if six else IP_MTU))
