"""What egress_churn.py makes of a cluster beside pona: the API server's client, network namespaces of pods
as another CNI plugin makes them, and pona's plugin as a container runtime calls it.
"""
import base64
import ctypes
import http.client
import json
import os
import pathlib
import random
import re
import ssl
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000
MS_BIND, MNT_DETACH = 4096, 2
libc = ctypes.CDLL(None, use_errno=True)
IP = "/sbin/ip"


class Api:
    """Objects as JSON; what fails by a fault is tried again. One connection for each thread."""

    def __init__(self, kubeconfig):
        config = pathlib.Path(kubeconfig).read_text()
        self.host, self.port = re.search(r"server: https://([^:]+):(\d+)", config).groups()
        authority = base64.b64decode(re.search(r"certificate-authority-data: (\S+)", config)[1]).decode()
        self.tls = ssl.create_default_context(cadata=authority)
        self.own = threading.local()

    def once(self, method, path, body):
        if getattr(self.own, "connection", None) is None:
            self.own.connection = http.client.HTTPSConnection(self.host, int(self.port), timeout=10,
                                                              context=self.tls)
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        data = None if body is None else json.dumps(body)
        try:
            self.own.connection.request(method, path, data, {
                "Authorization": "Bearer admin", "Content-Type": kind})
            answer = self.own.connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            self.own.connection.close()
            self.own.connection = None
            return 0, {}

    def call(self, method, path, body=None, accept=()):
        end = time.monotonic() + 30
        while True:
            status, answer = self.once(method, path, body)
            if 200 <= status < 300 or status in accept:
                return answer
            if status not in (0, 401, 429) and status < 500 or time.monotonic() > end:
                raise RuntimeError(f"{method} {path}: {status} {answer}")
            time.sleep(0.05)


def batch(lines, *options):
    subprocess.run([IP, *options, "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def in_new_namespace(path, work):
    """Makes a network namespace at a path, and does the rest in a thread that is in it."""
    failed = []

    def run():
        try:
            if libc.unshare(CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            pathlib.Path(path).touch()
            own = f"/proc/self/task/{threading.get_native_id()}/ns/net"
            if libc.mount(own.encode(), path.encode(), None, MS_BIND, None) != 0:
                raise OSError(ctypes.get_errno(), "mount")
            work()
        except (OSError, subprocess.CalledProcessError) as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def remove_namespace(path):
    libc.umount2(path.encode(), MNT_DETACH)
    pathlib.Path(path).unlink(missing_ok=True)


class Node:
    def __init__(self, name, netns, work):
        self.name, self.netns, self.work = name, netns, work
        self.socket, self.sandboxes = f"{work}/{name}.sock", f"{work}/{name}.sandboxes"

    def path(self, slot):
        return f"/run/netns/{self.netns}-p{slot}"

    def plug_in(self, slot, four, six):
        """As a CNI plugin before pona's: the namespace, its link, its addresses and its routes."""
        link = f"p{slot}"

        def inside():
            for key in ("disable_ipv6", "accept_dad", "accept_ra"):
                pathlib.Path(f"/proc/sys/net/ipv6/conf/default/{key}").write_text("0")
            pathlib.Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("0")
            batch([f"link add eth0 type veth peer name {link} netns {self.netns}", "link set lo up",
                   f"address add {four}/32 dev eth0", f"address add {six}/128 dev eth0 nodad",
                   "link set eth0 up", "route add 169.254.1.1 dev eth0",
                   "route add default via 169.254.1.1 dev eth0",
                   "route add default via fe80::1 dev eth0"])

        in_new_namespace(self.path(slot), inside)
        batch([f"link set {link} up", f"address add 169.254.1.1/32 dev {link}",
               f"address add fe80::1/64 dev {link} nodad", f"route replace {four} dev {link}",
               f"route replace {six} dev {link}"], "-n", self.netns)

    def unplug(self, slot):
        subprocess.run([IP, "-n", self.netns, "link", "del", f"p{slot}"], check=False,
                       stderr=subprocess.DEVNULL)
        remove_namespace(self.path(slot))

    def cni(self, command, slot, pod, chance: random.Random, kill=0.0):
        """The plugin's exit status and its error, if any; it may be killed at any moment of its life."""
        meta = pod.meta
        result = {"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "sandbox": self.path(slot)}],
                  "ips": [{"address": f"{pod.four}/32", "interface": 0},
                          {"address": f"{pod.six}/128", "interface": 0}]}
        conf = {"cniVersion": "1.0.0", "name": "pods", "type": "pona-cni", "socket": self.socket,
                "stateDir": self.sandboxes, "prevResult": result}
        environment = dict(
            os.environ, CNI_COMMAND=command, CNI_CONTAINERID=pod.container, CNI_IFNAME="eth0",
            CNI_NETNS=self.path(slot), CNI_PATH="/opt/cni/bin",
            CNI_ARGS=f"IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={meta['name']};"
                     f"K8S_POD_UID={meta['uid']}")
        plugin = subprocess.Popen([os.environ["PONA"], "cni"], env=environment, text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if chance.random() < kill:
            killer = threading.Timer(chance.random() * 0.04, plugin.kill)
            killer.start()
        output, _ = plugin.communicate(json.dumps(conf))
        if plugin.returncode == 0:
            return 0, ""
        if plugin.returncode < 0:
            return -1, "killed"  # whatever it may have said before
        try:
            error = json.loads(output)
            return error["code"], f"{error['msg']} {error.get('details', '')}"
        except ValueError:
            return 999, f"exit status {plugin.returncode}: {output}"
