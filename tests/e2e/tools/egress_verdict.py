"""What must be true when egress_churn.py is over: everything is as the objects demand, and nothing is left of
what was.
"""
import ipaddress
import json
import os
import random
import subprocess
import time

from egress_chaos import NATS, OTHER4, OTHER6, SERVER4, SERVER6, SLICES

PATIENCE = 200  # a slow machine is given its time
# All of ours in a client's network namespace, in few processes.
HELD = """ip -o link show group 11217; { ip rule; ip -6 rule; } | grep -E '^(1900|1890):'
ip route show table all | grep -E 'table 11[78]'; ip -6 route show table all | grep -E 'table 11[78]'
ip nexthop; nft list tables | grep pona"""


def settle(cluster, chaos):
    """What is still wrong when there was time enough to set it right."""
    end = time.monotonic() + PATIENCE
    while True:
        problems = []
        for look in (lists, nat_pods, agents, children, traffic, leftovers, fresh_plans):
            problems = look(cluster, chaos)
            if problems:
                break
        if not problems or time.monotonic() > end:
            return problems
        time.sleep(0.2)


def clients_of(cluster, egress):
    return {(address, pod.meta["name"], pod.meta["uid"], pod.node.name)
            for pod in cluster.pods if pod and egress in pod.asks() for address in (pod.four, pod.six)}


def difference(what, there, wanted):
    return [f"{what}: {item} is {word}" for word, items in
            (("missing", wanted - there), ("too much", there - wanted)) for item in sorted(items)]


def lists(cluster, _):
    problems = []
    for egress in "ab":
        found, there = cluster.api.call(
            "GET", f"{SLICES}?labelSelector=egress.pona.cybozu.com/clients-of={egress}")["items"], []
        for item in found:
            name, endpoints = item["metadata"]["name"], item.get("endpoints") or []
            if not endpoints:
                problems.append(f"client list {name} holds nobody")
            if not item["metadata"].get("ownerReferences"):
                problems.append(f"client list {name} has no owner")
            for endpoint in endpoints:
                target = endpoint["targetRef"]
                there.append((str(ipaddress.ip_address(endpoint["addresses"][0])), target["name"],
                              target["uid"], endpoint["nodeName"]))
        if len(there) != len(set(there)):
            problems.append(f"clients of {egress} are listed twice")
        problems += difference(f"client lists of {egress}", set(there), clients_of(cluster, egress))
    return problems


def get(cluster, host, url):
    done = subprocess.run(["nsenter", f"--net=/run/netns/{cluster.prefix}-{host}", "curl", "-s", "--max-time",
                           "5", f"http://127.0.0.1:{url}"], stdout=subprocess.PIPE, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return {}


def nat_pods(cluster, _):
    problems = []
    for name, (egress, *_) in NATS.items():
        status = get(cluster, name, "8080/status")
        there = {(client["address"], pod["name"], pod["uid"]) for client in status.get("clients", [])
                 for pod in client["pods"]}
        wanted = {client[:3] for client in clients_of(cluster, egress)}
        problems += difference(f"clients of {name}", there, wanted)
        if not status.get("ready"):
            problems.append(f"{name} is not ready: {status.get('troubles')}")
    return problems


def agents(cluster, _):
    problems = []
    for node in cluster.nodes:
        status = get(cluster, node.name, "9391/status")
        there = {(client["pod"], client["uid"]) for client in status.get("clients", [])}
        wanted = {(pod.meta["name"], pod.meta["uid"]) for pod in cluster.pods
                  if pod and pod.node is node and pod.asks()}
        problems += difference(f"agent's clients of {node.name}", there, wanted)
        problems += status.get("troubles", ["no status"]) + status.get("problems", [])
    return problems


def children(cluster, _):
    problems = []
    for egress in "ab":
        for path in (f"/api/v1/namespaces/internet/services/{egress}",
                     f"/apis/apps/v1/namespaces/internet/deployments/{egress}"):
            if cluster.api.call("GET", path, accept=(404,)).get("code") == 404:
                problems.append(f"{path} is not there")
    return problems


def way(pod, target, chaos):
    """The addresses that the servers may see of a pod, by the most exact destination that it asks for."""
    address, best = ipaddress.ip_address(target), (-1, None)
    for egress in sorted(pod.asks()):
        for destination in map(ipaddress.ip_network, chaos.destinations[egress]):
            if address.version == destination.version and address in destination:
                if destination.prefixlen > best[0]:
                    best = (destination.prefixlen, egress)
    six = address.version == 6
    if best[1] is None:
        return {pod.six if six else pod.four}
    return {nat[2 if six else 1] for name, nat in NATS.items()
            if nat[0] == best[1] and chaos.places[name] == "ready"}


def traffic(cluster, chaos):
    problems = []
    targets = [SERVER4, SERVER6, OTHER4, OTHER6]
    answers = cluster.probes.do("ask", targets=targets)
    for pod in cluster.pods:
        if not pod or not pod.running:
            continue
        for target in targets:
            allowed = {ipaddress.ip_address(text) for text in way(pod, target, chaos)}
            # The server's answers to datagrams come from its first addresses.
            for kind in ("udp", "tcp") if target in targets[:2] else ("tcp",):
                source = answers[pod.key].get(f"{kind} {target}")
                if not source or ipaddress.ip_address(source) not in allowed:
                    problems.append(f"{pod.meta['name']} of {pod.egresses} is seen by {target} ({kind}) as "
                                    f"{source}, not as {sorted(map(str, allowed))}")
    return problems


def leftovers(cluster, _):
    problems = []
    for pod in cluster.pods:
        if pod and not pod.asks():
            held = subprocess.run(["nsenter", f"--net={pod.node.path(pod.slot)}", "sh", "-c", HELD],
                                  stdout=subprocess.PIPE, text=True, check=False).stdout
            if held:
                problems.append(f"{pod.meta['name']} asks for nothing and has: {held}")
    return problems


def fresh_plans(cluster, _):
    problems = []
    for pod in cluster.pods:
        if pod and pod.plugged:
            code, error = pod.node.cni("CHECK", pod.slot, pod, random.Random())
            if code != 0:
                problems.append(f"CHECK of {pod.meta['name']}: {error}")
    for name, (egress, four, six) in NATS.items():
        done = subprocess.run(["nsenter", f"--net=/run/netns/{cluster.prefix}-{name}", os.environ["PONA"], "nat",
                               "--kubeconfig", cluster.kubeconfig, "--egress", f"internet/{egress}",
                               "--address", f"{four},{six}", "--dry-run"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0 or done.stdout:
            problems.append(f"a fresh plan of {name} would change: {done.stdout}")
    return problems
