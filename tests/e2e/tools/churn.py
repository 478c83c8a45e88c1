#!/usr/bin/env python3
"""Churn in a cluster whose API server is made to fail: Mappings, Services and endpoints come, change and go.

usage: churn.py KUBECONFIG SECONDS FAULT ADDRESS MANIFESTS
FAULT is a kind that the test server knows, "gone" (what watches go on from is forgotten) or "rotation"
(tokens end all the time: FAULT's client reads the newest from KUBECONFIG.token). The external ADDRESS is
the Mappings'. When it is over, the faults are cleared, and MANIFESTS gets all objects as they are then.
It writes by PUT, POST and DELETE alone; faults meet the other methods.
"""
import base64
import json
import pathlib
import random
import re
import ssl
import sys
import time
import urllib.error
import urllib.request

config_file, seconds, fault, address, manifests = sys.argv[1:]
config = pathlib.Path(config_file).read_text()
server = re.search(r"server: (\S+)", config)[1]
authority = base64.b64decode(re.search(r"certificate-authority-data: (\S+)", config)[1]).decode()
tls = ssl.create_default_context(cadata=authority)
chance = random.Random(fault)
MAPPINGS = "/apis/smartnat.aureacentral.com/v1alpha1/namespaces/shop/mappings"
SERVICES = "/api/v1/namespaces/shop/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"


def call(method, path, body=None):
    request = urllib.request.Request(server + path, method=method)
    request.add_header("Authorization", "Bearer admin")
    request.add_header("Content-Type", "application/json")
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, data, timeout=10, context=tls) as answer:
        return answer.read()


def service(number):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s{number}", "namespace": "shop"},
            "spec": {"clusterIP": f"10.96.1.{number + 1}",
                     "ports": [{"name": "p", "port": 80, "protocol": "TCP", "targetPort": 8080}]}}


def endpoints(number, pods):
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": f"s{number}-4", "namespace": "shop",
                         "labels": {"kubernetes.io/service-name": f"s{number}"}},
            "ports": [{"name": "p", "port": 8080, "protocol": "TCP"}],
            "endpoints": [{"addresses": [f"10.1.0.1{pod}"], "conditions": {"ready": True}} for pod in pods]}


def mapping(number, of):
    return {"apiVersion": "smartnat.aureacentral.com/v1alpha1", "kind": "Mapping",
            "metadata": {"name": f"m{number}", "namespace": "shop"},
            "spec": {"addresses": [address], "serviceName": f"s{of}",
                     "ports": [{"port": 2000 + number, "servicePort": 80}]}}


objects = {}  # (path, name): as it was written


def put(path, thing):
    name = thing["metadata"]["name"]
    if (path, name) in objects:
        call("DELETE", f"{path}/{name}") if path == MAPPINGS else None
    if path == MAPPINGS or (path, name) not in objects:
        call("POST", path, thing)
    else:
        call("PUT", f"{path}/{name}", thing)
    objects[path, name] = thing


def remove(path, name):
    if objects.pop((path, name), None):
        call("DELETE", f"{path}/{name}")


def churn():
    number = chance.randrange(8)
    what = chance.random()
    if what < 0.35:
        put(MAPPINGS, mapping(number, chance.randrange(4)))
    elif what < 0.55:
        remove(MAPPINGS, f"m{number}")
    elif what < 0.9:
        put(SLICES, endpoints(number % 4, chance.sample([1, 2, 3], chance.randint(0, 3))))
    elif what < 0.95:
        remove(SERVICES, f"s{number % 4}")
    else:
        put(SERVICES, service(number % 4)) if (SERVICES, f"s{number % 4}") not in objects else None


def spoil(turn):
    if fault == "gone":
        call("POST", "/_test/compact", {})
        call("POST", "/_test/faults", {"kind": "drop", "method": "WATCH", "times": 4})
    elif fault == "rotation":
        newest = f"edge-{turn}"
        call("POST", "/_test/tokens", {"token": newest, "user": "edge", "groups": ["system:masters"]})
        token = pathlib.Path(config_file + ".token")
        token.with_suffix(".new").write_text(newest)
        token.with_suffix(".new").rename(token)
        call("DELETE", f"/_test/tokens/edge-{turn - 1}") if turn > 0 else None
        call("POST", "/_test/faults", {"kind": "drop", "method": "WATCH", "times": 4})
    else:
        for method in ("WATCH", "GET", "PATCH"):
            if fault == "stall" and method == "WATCH" and turn > 2:
                continue  # it takes minutes to be noticed
            call("POST", "/_test/faults", {"kind": fault, "method": method, "times": 2,
                                           "after": chance.choice([0, 1, 40]), "amount": 2})
        # What is open must begin anew to meet them.
        if turn % 2 == 0:
            call("POST", "/_test/faults", {"kind": "drop", "method": "WATCH", "times": 1, "after": 3})


for number in range(4):
    put(SERVICES, service(number))
    put(SLICES, endpoints(number, [1, 2]))
changes = turn = 0
begun = time.monotonic()
pause = 0.6 if fault == "rotation" else 3
while time.monotonic() < begun + float(seconds):
    if time.monotonic() >= begun + turn * pause:
        spoil(turn)
        turn += 1
    churn()
    changes += 1
    time.sleep(0.2)
call("DELETE", "/_test/faults")
for index, thing in enumerate(objects.values()):
    pathlib.Path(manifests, f"churn-{index}.json").write_text(json.dumps(thing))
print(f"{changes} changes, {turn} times spoiled")
