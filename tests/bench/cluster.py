#!/usr/bin/env python3
"""An API server with nothing but many Services and EndpointSlices, for measuring a client of it.

usage: cluster.py COUNT stream|pages DIRECTORY

Listens on 127.0.0.1 with a certificate of its own, writes DIRECTORY/kubeconfig and prints "ready".
COUNT Services and COUNT EndpointSlices of 10 endpoints, of the size that kube-apiserver 1.36 and its
controllers give them (tests/data/replay), managedFields and status included. "pages": without
streaming lists, as API servers before 1.34 or so; pages of 500 are compressed for who asks for it.

Reads commands: "alone N" sends N changes of slices to who watches them, one every 5 ms, "bulk N" at
once; prints "done".
"""
import base64, gzip, http.server, json, ssl, subprocess, sys, threading, time, urllib.parse

COUNT, MODE, DIRECTORY = int(sys.argv[1]), sys.argv[2], sys.argv[3]
ENDPOINTS = 10
CREATED = "2026-11-20T19:53:02Z"
watchers, lock = {}, threading.Lock()


def uid(kind, i):
    return f"{kind:08x}-b627-4c55-93f3-{i:012x}"


def service(i, version):
    port = {"f:name": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}}
    fields = {"f:metadata": {"f:labels": {".": {}, "f:app.kubernetes.io/instance": {},
                                          "f:app.kubernetes.io/managed-by": {}, "f:app.kubernetes.io/name": {}}},
              "f:spec": {"f:internalTrafficPolicy": {}, "f:ports": {
                  ".": {}, 'k:{"port":80,"protocol":"TCP"}': {".": {}, **port},
                  'k:{"port":53,"protocol":"UDP"}': {".": {}, **port}},
                  "f:selector": {}, "f:sessionAffinity": {}, "f:type": {}}}
    name, address = f"service-{i}", f"10.{96 + (i >> 16)}.{i >> 8 & 255}.{i & 255}"
    return {"kind": "Service", "apiVersion": "v1", "metadata": {
        "name": name, "namespace": "bench", "uid": uid(1, i), "resourceVersion": str(version),
        "creationTimestamp": CREATED,
        "labels": {"app.kubernetes.io/instance": name, "app.kubernetes.io/managed-by": "Helm",
                   "app.kubernetes.io/name": name},
        "managedFields": [{"manager": "helm", "operation": "Update", "apiVersion": "v1", "time": CREATED,
                           "fieldsType": "FieldsV1", "fieldsV1": fields}]},
        "spec": {"ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080},
                           {"name": "dns", "protocol": "UDP", "port": 53, "targetPort": "dns"}],
                 "selector": {"app": name}, "clusterIP": address, "clusterIPs": [address],
                 "type": "ClusterIP", "sessionAffinity": "None", "ipFamilies": ["IPv4"],
                 "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster"},
        "status": {"loadBalancer": {}}}


def endpoint(i, e, shift):
    pod = i * ENDPOINTS + (e + shift) % ENDPOINTS
    return {"addresses": [f"10.{128 + (pod >> 16)}.{pod >> 8 & 255}.{pod & 255}"],
            "conditions": {"ready": e != 0 or shift == 0, "serving": True, "terminating": False},
            "targetRef": {"kind": "Pod", "namespace": "bench", "name": f"service-{i}-7d4b9c6f5-{pod:05x}",
                          "uid": uid(2, pod)},
            "nodeName": f"node-{pod % 100}", "zone": f"zone-{pod % 3}"}


def slice_of(i, version, shift=0):
    fields = {"f:addressType": {}, "f:endpoints": {}, "f:metadata": {
        "f:annotations": {".": {}, "f:endpoints.kubernetes.io/last-change-trigger-time": {}},
        "f:generateName": {}, "f:labels": {".": {}, "f:endpointslice.kubernetes.io/managed-by": {},
                                           "f:kubernetes.io/service-name": {}},
        "f:ownerReferences": {".": {}, f'k:{{"uid":"{uid(1, i)}"}}': {}}}, "f:ports": {}}
    name = f"service-{i}"
    return {"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "metadata": {
        "name": f"{name}-kcb55", "generateName": f"{name}-", "namespace": "bench", "uid": uid(3, i),
        "resourceVersion": str(version), "generation": 3, "creationTimestamp": CREATED,
        "labels": {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                   "kubernetes.io/service-name": name},
        "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": CREATED},
        "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": name, "uid": uid(1, i),
                             "controller": True, "blockOwnerDeletion": True}],
        "managedFields": [{"manager": "kube-controller-manager", "operation": "Update",
                           "apiVersion": "discovery.k8s.io/v1", "time": CREATED,
                           "fieldsType": "FieldsV1", "fieldsV1": fields}]},
        "addressType": "IPv4", "endpoints": [endpoint(i, e, shift) for e in range(ENDPOINTS)],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"},
                  {"name": "dns", "port": 5353, "protocol": "UDP"}]}


def text(value):
    return json.dumps(value, separators=(",", ":")).encode()


# Path to kind and the objects' texts.
RESOURCES = {
    "/apis/smartnat.aureacentral.com/v1alpha1/mappings": ("smartnat.aureacentral.com/v1alpha1", "Mapping", []),
    "/api/v1/services": ("v1", "Service", [text(service(i, 1000 + i)) for i in range(COUNT)]),
    "/apis/discovery.k8s.io/v1/endpointslices":
        ("discovery.k8s.io/v1", "EndpointSlice", [text(slice_of(i, 1000 + COUNT + i)) for i in range(COUNT)]),
}
VERSION = 1000 + 2 * COUNT


def line(kind, what):
    return b'{"type":"' + kind + b'","object":' + what + b"}\n"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0

    def log_message(self, *_):
        pass

    def chunk(self, data):
        self.wfile.write(b"%x\r\n" % len(data) + data + b"\r\n")

    def whole(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if len(body) > 128 << 10 and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 4)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        found = RESOURCES.get(path)
        if not found:
            self.whole(404, text({"kind": "Status", "apiVersion": "v1", "code": 404, "reason": "NotFound"}))
        elif "watch" in query:
            self.watch(path, query, *found)
        else:
            self.page(query, *found)

    def page(self, query, version, kind, objects):
        begin = int(query.get("continue", 0))
        end = min(begin + int(query.get("limit", COUNT + 1)), len(objects))
        meta = {"resourceVersion": str(VERSION)}
        if end < len(objects):
            meta |= {"continue": str(end), "remainingItemCount": len(objects) - end}
        head = text({"kind": kind + "List", "apiVersion": version, "metadata": meta})
        self.whole(200, head[:-1] + b',"items":[' + b",".join(objects[begin:end]) + b"]}")

    def watch(self, path, query, version, kind, objects):
        streaming = query.get("sendInitialEvents") == "true"
        if streaming and MODE == "pages":
            self.whole(422, text({"kind": "Status", "apiVersion": "v1", "code": 422, "reason": "Invalid",
                                  "message": "sendInitialEvents is forbidden for watch"}))
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if streaming:
            for at in range(0, len(objects), 10):
                self.chunk(b"".join(line(b"ADDED", one) for one in objects[at:at + 10]))
            mark = {"kind": kind, "apiVersion": version, "metadata": {
                "resourceVersion": str(VERSION), "annotations": {"k8s.io/initial-events-end": "true"}}}
            self.chunk(line(b"BOOKMARK", text(mark)))
        with lock:
            watchers[path] = self
        threading.Event().wait()


def send(count, pause):
    global VERSION
    events = []
    for i in range(count):
        VERSION += 1
        events.append(line(b"MODIFIED", text(slice_of(i * 7919 % COUNT, VERSION, VERSION % 9 + 1))))
    with lock:
        watcher = watchers["/apis/discovery.k8s.io/v1/endpointslices"]
    for event in events:
        watcher.chunk(event)
        if pause:
            time.sleep(pause)


def main():
    key, certificate = f"{DIRECTORY}/key.pem", f"{DIRECTORY}/ca.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with open(certificate, "rb") as f:
        authority = base64.b64encode(f.read()).decode()
    with open(f"{DIRECTORY}/kubeconfig", "w") as f:
        json.dump({"current-context": "bench",
                   "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
                   "clusters": [{"name": "bench", "cluster": {
                       "server": f"https://127.0.0.1:{server.server_address[1]}",
                       "certificate-authority-data": authority}}],
                   "users": [{"name": "bench", "user": {"token": "bench"}}]}, f)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sizes = [sum(map(len, objects)) for _, _, objects in RESOURCES.values()]
    print(f"ready {sum(sizes)}", flush=True)
    for command in sys.stdin:
        what, count = command.split()
        send(int(count), 0.005 if what == "alone" else 0)
        print("done", flush=True)


main()
