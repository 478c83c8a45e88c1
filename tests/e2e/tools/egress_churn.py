#!/usr/bin/env python3
"""A minute of a cluster with two nodes, two Egresses and up to 200 client pods, in which everything comes,
changes, dies and fails; and what must be true in the end. Plays scheduler, kubelet, container runtime and
the controllers of Services; pona's controller, agents, plugin and NAT pods are the real ones.

usage: egress_churn.py KUBECONFIG WORK NETNS-PREFIX SECONDS SEED
The environment's PONA is under test. Hosts of egress_churn.bats are network namespaces PREFIX-node1,
-node2, -out, -nat1, -nat2 and -nat3. The first BORN slots are of pods that ask for an Egress from their
creation on (and may change to another one), the others ask now and then. A slot is a name, addresses and
a path of a network namespace: all of them are used again at once. The seed decides what is done; when it
happens is also the machine's.
"""
import faulthandler
import json
import os
import random
import subprocess
import sys
import threading
import time

from egress_chaos import Chaos, EGRESSES, NATS, SERVER4, SERVER6
from egress_node import Api, Node
from egress_verdict import settle

kubeconfig, work, prefix, seconds, seed = sys.argv[1:]
SLOTS, BORN, WORKERS = 200, 100, 6
PODS = "/api/v1/namespaces/default/pods"


class Pod:
    """One life of a slot."""

    def __init__(self, slot, node, egresses, life):
        kind = 1 if slot < BORN else 2
        self.slot, self.node, self.egresses = slot, node, egresses
        self.four, self.six = f"10.64.{kind}.{slot % BORN + 1}", f"fd00:64::{kind}:{slot % BORN + 1:x}"
        self.life, self.container = life, ""
        self.meta = {"name": f"p{slot}", "namespace": "default"}
        # What there is of it: an object, a network namespace that the plugin has heard of, traffic.
        self.object = self.plugged = self.running = self.finished = False

    @property
    def born(self):
        return self.slot < BORN

    @property
    def key(self):
        return f"{self.slot}.{self.life}"

    def asks(self):
        return self.egresses if self.object and self.running and not self.finished else []


class Probes:
    def __init__(self):
        self.lock = threading.Lock()
        nats = ",".join(address for _, four, six in NATS.values() for address in (four, six))
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "egress_probes.py"),
             f"/run/netns/{prefix}-out", f"{SERVER4},{SERVER6}", "10.64.1.0/24,fd00:64::1:0/112", nats],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def do(self, op, **more):
        with self.lock:
            self.process.stdin.write(json.dumps({"op": op, **more}) + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"probes: {op} {more}: {answer['error']}")
        return answer


class Cluster:
    def __init__(self):
        self.api, self.probes = Api(kubeconfig), Probes()
        self.work, self.prefix, self.kubeconfig = work, prefix, kubeconfig
        self.nodes = [Node(f"node{n}", f"{prefix}-node{n}", work) for n in (1, 2)]
        self.pods = [None] * SLOTS
        self.lives = [0] * SLOTS
        self.locks = [threading.Lock() for _ in range(SLOTS)]
        self.counts, self.errors = {}, []
        self.filled = threading.Barrier(WORKERS + 1)  # the churn begins with all slots in use
        self.over = threading.Event()

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1


def wish(chance):
    return chance.choice([["a"], ["b"], ["a"], ["a", "b"]])


class Kubelet(threading.Thread):
    """One of those who work at pods; each slot has one at a time."""

    def __init__(self, cluster, chance, slots):
        super().__init__()
        self.cluster, self.chance, self.slots = cluster, chance, slots

    def run(self):
        try:
            for slot in self.slots:
                self.create(slot)
            self.cluster.filled.wait()
            while not self.cluster.over.is_set():
                self.step(self.chance.choice(self.slots))
                time.sleep(self.chance.random() * 0.1)
            for slot in self.slots:  # what a kubelet was in the middle of
                pod = self.cluster.pods[slot]
                if pod and not pod.object:
                    self.destroy(pod, "object first")
        except Exception as error:  # the test fails with it
            self.cluster.errors.append(f"{type(error).__name__}: {error}")
            self.cluster.filled.abort()
            raise

    def step(self, slot):
        pod, what = self.cluster.pods[slot], self.chance.random()
        if pod is None:
            self.create(slot)
        elif pod.finished:
            self.destroy(pod, "object last")
        elif what < 0.5:
            how = self.chance.choice(["object last", "object first", "namespace first", "finished"])
            self.destroy(pod, how)
            if self.chance.random() < 0.8 and self.cluster.pods[slot] is None:
                self.create(slot)
        else:
            self.annotate(pod)

    def create(self, slot):
        chance, cluster = self.chance, self.cluster
        cluster.lives[slot] += 1
        asks = slot < BORN or chance.random() < 0.3
        pod = Pod(slot, chance.choice(cluster.nodes), wish(chance) if asks else [], cluster.lives[slot])
        body = {"apiVersion": "v1", "kind": "Pod",
                "metadata": pod.meta | {"annotations": self.annotations(pod)},
                "spec": {"nodeName": pod.node.name, "containers": [{"name": "main", "image": "main"}]}}
        pod.meta = cluster.api.call("POST", PODS, body)["metadata"]
        pod.object = True
        cluster.pods[slot] = pod
        self.start_pod(pod)

    def start_pod(self, pod):
        """As a kubelet: what does not succeed is taken down and tried again as another sandbox."""
        for attempt in range(1000):
            pod.container = f"c-{pod.slot}-{pod.life}-{attempt}"
            pod.node.plug_in(pod.slot, pod.four, pod.six)
            code, error = pod.node.cni("ADD", pod.slot, pod, self.chance, kill=0.1)
            if code == 0:
                break
            self.cluster.count(f"ADD {'killed' if code == -1 else 'refused'}")
            self.unplug(pod)
            if attempt > 200:
                raise RuntimeError(f"pod {pod.meta['name']} never starts: {error}")
            time.sleep(0.2)
        self.cluster.count("pods")
        pod.plugged = pod.running = True
        self.cluster.probes.do("add", key=pod.key, netns=pod.node.path(pod.slot), asks=bool(pod.egresses))
        self.status(pod, "Running")

    def status(self, pod, phase):
        self.cluster.api.call("PATCH", f"{PODS}/{pod.meta['name']}/status", {
            "metadata": {"uid": pod.meta["uid"]},
            "status": {"phase": phase, "podIP": pod.four, "podIPs": [{"ip": pod.four}, {"ip": pod.six}]}})

    @staticmethod
    def annotations(pod):
        return {"egress.pona.cybozu.com/internet": ",".join(pod.egresses) or None} if pod.egresses else {}

    def annotate(self, pod):
        pod_asks = wish(self.chance) if pod.born or not pod.egresses or self.chance.random() < 0.3 else []
        if bool(pod_asks) != bool(pod.egresses):
            self.cluster.probes.do("wish", key=pod.key, asks=bool(pod_asks))
        pod.egresses = pod_asks
        self.cluster.count("annotations")
        self.cluster.api.call("PATCH", f"{PODS}/{pod.meta['name']}", {
            "metadata": {"annotations": {"egress.pona.cybozu.com/internet": ",".join(pod_asks) or None}}})

    def unplug(self, pod):
        """Until it succeeds: before that the addresses are nobody else's."""
        while pod.node.cni("DEL", pod.slot, pod, self.chance, kill=0.1)[0] != 0:
            self.cluster.count("DEL killed")
        pod.node.unplug(pod.slot)

    def destroy(self, pod, how):
        cluster = self.cluster
        cluster.count(how)
        if how == "object first":
            # The object is gone, and its containers go on for a moment.
            self.delete_object(pod)
            time.sleep(self.chance.random() * 0.3)
        if pod.running:
            cluster.probes.do("remove", key=pod.key)
            pod.running = False
        if how == "finished":
            pod.finished = True
            self.status(pod, "Succeeded")
            return
        if how == "namespace first":
            pod.node.unplug(pod.slot)
        self.unplug(pod)
        pod.plugged = False
        self.delete_object(pod)
        cluster.pods[pod.slot] = None

    def delete_object(self, pod):
        if not pod.object:
            return
        pod.object = False
        self.cluster.api.call("DELETE", f"{PODS}/{pod.meta['name']}",
                              {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.meta["uid"]}},
                              accept=(404,))


def leaks_are_heard(cluster, chaos):
    """A packet that does leave with a pod's own address must be in the report, or the rest says nothing."""
    pod = next(pod for pod in cluster.pods if pod and pod.born and pod.running)
    before = cluster.probes.do("report")
    print("what leaks now does so on purpose:", file=sys.stderr, flush=True)
    chaos.freeze("agent")  # it would close what is opened here at once
    for family, table in (("-4", "ip"), ("-6", "ip6")):
        inside = ["nsenter", f"--net={pod.node.path(pod.slot)}"]
        subprocess.run([*inside, "nft", "delete", "table", table, "pona-egress"], check=True)
        subprocess.run([*inside, "ip", family, "rule", "del", "pref", "1900"], check=True)
    end = time.monotonic() + 5
    missing = {pod.four, pod.six}
    while missing and time.monotonic() < end:
        cluster.probes.do("send", key=pod.key)
        leaks = cluster.probes.do("report")["leaks"][len(before["leaks"]):]
        missing -= {leak.split()[0] for leak in leaks}
    return [f"a packet of {address} was let out on purpose and not heard" for address in missing]


def main():
    faulthandler.dump_traceback_later(500)  # where it hangs, if it does
    begun = time.monotonic()
    cluster = Cluster()
    chaos = Chaos(cluster, random.Random(f"{seed} chaos"))
    problems = []
    try:
        chaos.begin()
        kubelets = [Kubelet(cluster, random.Random(f"{seed} {n}"), range(n, SLOTS, WORKERS))
                    for n in range(WORKERS)]
        for kubelet in kubelets:
            kubelet.start()
        cluster.filled.wait()
        filled = time.monotonic()
        chaos.run(float(seconds))
        cluster.over.set()
        chaos.end()
        for kubelet in kubelets:
            kubelet.join()
        churned = time.monotonic()
        problems += cluster.errors or settle(cluster, chaos)
        print(f"{filled - begun:.0f} s to begin, {churned - filled:.0f} s of churn, "
              f"{time.monotonic() - churned:.0f} s until all was right")
        report = cluster.probes.do("report")
        problems += [f"leak: {leak}" for leak in report["leaks"]]
        if report["lost"]:
            problems.append(f"{report['lost']} packets were not looked at")
        if min(report["by_nat"], report["own"]) < 1000 or cluster.counts.get("pods", 0) < SLOTS:
            problems.append("too little has happened to tell anything")
        problems += [] if problems else leaks_are_heard(cluster, chaos)
        print(json.dumps(cluster.counts | chaos.counts | {
            "pods in the end": sum(pod is not None for pod in cluster.pods),
            "clients": sum(bool(pod and pod.asks()) for pod in cluster.pods)} |
            {key: report[key] for key in ("packets", "by_nat", "own")}))
    finally:
        cluster.over.set()
        cluster.probes.process.kill()
        chaos.stop()
    for problem in problems[:40]:
        print(problem)
    print(f"{len(problems)} problems, seed {seed}")
    os._exit(1 if problems else 0)


assert set(EGRESSES) == {"a", "b"}
main()
