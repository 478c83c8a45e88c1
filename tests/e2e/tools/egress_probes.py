#!/usr/bin/env python3
"""The traffic of many pods and the ears outside, in one process: pods send to a server beyond the cluster
all the time, and what arrives there is taken from the wire and judged.

usage: egress_probes.py OUTSIDE-NETNS SERVER,SERVER6 BORN,BORN6 NAT-POD-ADDRESS,…
BORN are the prefixes of pods that ask for an Egress from their creation on: none of their own addresses
may ever be seen outside. Of a pod that begins to ask while it runs, its own address may be seen until a
packet of it has come by a NAT pod, and not after that. So each datagram tells its pod, the number of the
pod's wish ("asks" or not, counted up before the cluster hears of the change) and its own number.

Requests are lines of JSON on stdin, each with one line of JSON as its answer:
  {"op": "add", "key": KEY, "netns": PATH, "asks": BOOL}   {"op": "wish", "key": KEY, "asks": BOOL}
  {"op": "remove", "key": KEY}   {"op": "send", "key": KEY}: one datagram of each family, now
  {"op": "ask", "targets": [ADDRESS…]}: by whom each pod's UDP and TCP gets there, as the server sees it
  {"op": "report"}
"""
import ctypes
import ipaddress
import json
import os
import resource
import select
import socket
import struct
import sys
import time

outside, servers, born, nat_pods = sys.argv[1:]
SERVERS = servers.split(",")
BORN = [ipaddress.ip_network(text) for text in born.split(",")]
NAT_PODS = {ipaddress.ip_address(text).packed for text in nat_pods.split(",")}
OUT = {ipaddress.ip_address(text).packed for text in SERVERS}
UDP_PORT, TCP_PORT = 5353, 8080
PACE = 0.4  # seconds between a pod's datagrams
CONNECT_EVERY = 8  # turns of a pod
FIRST_PORT, PORTS = 10000, 20000  # below those that the kernel chooses
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
home = os.open("/proc/self/ns/net", os.O_RDONLY)
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def within(path, make):
    """Sockets belong to the namespace that they are made in, and stay in it."""
    namespace = os.open(path, os.O_RDONLY)
    try:
        if libc.setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            return make()
        finally:
            libc.setns(home, CLONE_NEWNET)
    finally:
        os.close(namespace)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def open_socket(address, kind):
    sock = socket.socket(family_of(address), kind | socket.SOCK_NONBLOCK)
    if kind == socket.SOCK_STREAM:
        # Nothing of it may speak after it is closed.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return sock


class Pod:
    def __init__(self, key, netns, asks):
        self.key, self.netns, self.asks = key, netns, asks
        self.wish = self.number = self.turn = 0
        self.port = FIRST_PORT
        self.next = time.monotonic()
        self.udp = within(netns, lambda: [(at, open_socket(at, socket.SOCK_DGRAM)) for at in SERVERS])
        self.tcp = []

    def question(self, address, kind):
        """A socket for one question. By UDP, by a port of its own: where a server has answered an earlier
        one from another address than was asked, that is a connection that came in, and what is sent by
        its port to that address is a reply and leaves the way it came."""
        sock = open_socket(address, kind)
        if kind == socket.SOCK_DGRAM:
            self.port = FIRST_PORT + (self.port + 1 - FIRST_PORT) % PORTS
            sock.bind(("::" if ":" in address else "0.0.0.0", self.port))
        return sock

    def send(self):
        self.number += 1
        text = f"{self.key} {self.wish} {int(self.asks)} {self.number}\n".encode()
        for address, sock in self.udp:
            try:
                while True:  # an answer, or an error that came back
                    sock.recv(1000)
            except OSError:
                pass
            try:
                sock.sendto(text, (address, UDP_PORT))
            except OSError:
                pass  # refused: that is what fences are for
        self.turn += 1
        if self.turn % CONNECT_EVERY == 0:
            self.connect()

    def connect(self):
        self.hang_up()
        self.tcp = within(self.netns, lambda: [open_socket(at, socket.SOCK_STREAM) for at in SERVERS])
        for address, sock in zip(SERVERS, self.tcp):
            sock.connect_ex((address, TCP_PORT))

    def hang_up(self):
        for sock in self.tcp:
            sock.close()
        self.tcp = []

    def close(self):
        self.hang_up()
        for _, sock in self.udp:
            sock.close()


class Ears:
    """All that comes to the servers' host, below its network stack."""

    def __init__(self):
        self.sock = within(outside, lambda: socket.socket(
            socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(3)))
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.leaks, self.fenced = [], {}
        self.packets = self.by_nat = self.own = self.lost = 0

    def take(self):
        for _ in range(2000):
            try:
                packet, peer = self.sock.recvfrom(200)
            except BlockingIOError:
                return
            if peer[2] == socket.PACKET_OUTGOING:
                continue
            if peer[1] == 0x0800:
                head, source, to, protocol = (packet[0] & 15) * 4, packet[12:16], packet[16:20], packet[9]
            elif peer[1] == 0x86DD:
                head, source, to, protocol = 40, packet[8:24], packet[24:40], packet[6]
            else:
                continue
            if to in OUT:
                self.judge(source, protocol, packet[head:])

    def judge(self, source, protocol, rest):
        self.packets += 1
        by_nat = source in NAT_PODS
        self.by_nat += by_nat
        self.own += not by_nat
        if not by_nat:
            address = ipaddress.ip_address(source)
            if any(address.version == net.version and address in net for net in BORN):
                # Servers answer from their first address, whichever was asked: where the one that was
                # asked is no destination of an Egress, the answer comes in from a closed one, meets no
                # socket, and is told so the way it came.
                seen = f" {address} {UDP_PORT}\n".encode()
                if protocol not in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6) or seen not in rest:
                    self.leak(source, protocol, rest)
                return
        if protocol != socket.IPPROTO_UDP:
            return
        try:
            key, wish, asks, number = rest[8:].decode().split()
        except ValueError:
            return
        what = (key, int(wish), len(source))
        if by_nat:
            self.fenced[what] = max(int(number), self.fenced.get(what, 0))
        elif asks == "1" and what in self.fenced and int(number) > self.fenced[what]:
            self.leak(source, protocol, rest)

    def leak(self, source, protocol, rest):
        text = f"{ipaddress.ip_address(source)} protocol {protocol} {rest[8:60]!r}"
        print(f"{time.strftime('%T')} leak: {text}", file=sys.stderr, flush=True)
        self.leaks.append(text)

    def report(self):
        self.take()
        statistics = self.sock.getsockopt(263, 6, 8)  # SOL_PACKET, PACKET_STATISTICS
        self.lost += struct.unpack("II", statistics)[1]
        return {"packets": self.packets, "by_nat": self.by_nat, "own": self.own, "lost": self.lost,
                "leaks": self.leaks}


pods, ears = {}, Ears()


def ask(targets):
    """{KEY: {"udp ADDRESS": SOURCE}}; without a source where nothing answers or all is refused."""
    waiting, answers = select.epoll(), {}
    open_ones = {}
    for pod in pods.values():
        answers[pod.key] = {}
        for kind, word, port in ((socket.SOCK_DGRAM, "udp", UDP_PORT), (socket.SOCK_STREAM, "tcp", TCP_PORT)):
            for target, sock in zip(targets, within(
                    pod.netns, lambda pod=pod, kind=kind: [pod.question(at, kind) for at in targets])):
                try:
                    sock.connect((target, port))
                except BlockingIOError:
                    pass
                except OSError:
                    sock.close()
                    continue
                open_ones[sock.fileno()] = (sock, pod.key, f"{word} {target}")
                waiting.register(sock.fileno(), select.EPOLLOUT)
        ears.take()
    end = again = time.monotonic()
    end += 4
    while open_ones and time.monotonic() < end:
        if time.monotonic() > again + 1:
            # So many at once are more than a server's queue takes.
            again = time.monotonic()
            for number, (sock, _, what) in open_ones.items():
                if what.startswith("udp"):
                    waiting.modify(number, select.EPOLLOUT)
        for number, event in waiting.poll(0.1):
            sock, key, what = open_ones[number]
            try:
                if event & (select.EPOLLERR | select.EPOLLHUP):
                    raise OSError
                if event & select.EPOLLOUT:
                    sock.send(b"who\n")
                    waiting.modify(number, select.EPOLLIN)
                    continue
                answers[key][what] = sock.recv(1000).decode().split()[1]
            except (OSError, IndexError):
                pass
            waiting.unregister(number)
            open_ones.pop(number)[0].close()
        ears.take()
    for sock, *_ in open_ones.values():
        sock.close()
    return answers


def serve(request):
    op, key = request["op"], request.get("key")
    if op == "add":
        pods[key] = Pod(key, request["netns"], request["asks"])
    elif op == "wish":
        pods[key].wish += 1
        pods[key].asks = request["asks"]
    elif op == "remove":
        if key in pods:
            pods.pop(key).close()
    elif op == "send":
        pods[key].send()
    elif op == "ask":
        return ask(request["targets"])
    elif op == "report":
        return ears.report()
    return {}


def main():
    waiting = select.epoll()
    waiting.register(0, select.EPOLLIN)
    waiting.register(ears.sock.fileno(), select.EPOLLIN)
    unread = b""
    while True:
        waiting.poll(0.02)
        ears.take()
        if select.select([0], [], [], 0)[0]:
            more = os.read(0, 65536)
            if not more:
                return
            *lines, unread = (unread + more).split(b"\n")
            for line in lines:
                try:
                    answer = serve(json.loads(line))
                except OSError as error:
                    answer = {"error": str(error)}
                sys.stdout.write(json.dumps(answer) + "\n")
                sys.stdout.flush()
        now = time.monotonic()
        for pod in pods.values():
            if now >= pod.next:
                pod.next = now + PACE
                pod.send()
                ears.take()


print("{}", flush=True)
main()
