#!/usr/bin/env python3
"""A kubelet's few calls to a container runtime: CRI (runtime.v1, gRPC) over curl and a unix socket.

cri.py SOCKET run NAMESPACE NAME UID [KEY=VALUE]...   starts a pod's sandbox, prints its id; its
                                                      control group is below $CRI_CGROUP
cri.py SOCKET stop ID                                 stops it and removes it
cri.py SOCKET version
cri.py image FILE TAG BUSYBOX                         writes an OCI image of a pause container
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """A string, a message (bytes) or a number; the wire format of protocol buffers."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def mapping(number, values):
    return b"".join(field(number, field(1, key) + field(2, value)) for key, value in values.items())


def first_string(message):
    """The string in field 1, where it stands first."""
    if not message:
        return ""
    assert message[0] == 1 << 3 | 2, message
    assert message[1] < 0x80, message
    return message[2 : 2 + message[1]].decode()


def call(socket, method, message):
    with tempfile.NamedTemporaryFile() as headers:
        done = subprocess.run(
            ["curl", "-sS", "--http2-prior-knowledge", "--unix-socket", socket, "--max-time", "60"]
            + ["-H", "content-type: application/grpc", "-H", "te: trailers", "-D", headers.name]
            + ["--data-binary", "@-", f"http://localhost/runtime.v1.RuntimeService/{method}"],
            input=b"\0" + len(message).to_bytes(4, "big") + message,
            stdout=subprocess.PIPE,
            check=True,
        )
        told = {}
        for line in open(headers.name, encoding="utf-8"):
            name, _, value = line.partition(":")
            told[name] = value.strip()
    if told.get("grpc-status") != "0":
        sys.exit(f"{method}: {urllib.parse.unquote(told.get('grpc-message', 'no answer'))}")
    return done.stdout[5:]


def run(socket, namespace, name, uid, *annotations):
    config = field(1, field(1, name) + field(2, uid) + field(3, namespace))
    config += field(2, name)
    config += mapping(6, {"io.kubernetes.pod.uid": uid})
    config += mapping(7, dict(one.split("=", 1) for one in annotations))
    config += field(8, field(1, os.environ["CRI_CGROUP"]))
    print(first_string(call(socket, "RunPodSandbox", field(1, config))))


def stop(socket, sandbox):
    call(socket, "StopPodSandbox", field(1, sandbox))
    call(socket, "RemovePodSandbox", field(1, sandbox))


def image(file, tag, busybox):
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(busybox, "/busybox", filter=lambda info: info)
    with tarfile.open(file, "w") as tar:

        def put(name, data):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))

        def blob(kind, data):
            digest = hashlib.sha256(data).hexdigest()
            put(f"blobs/sha256/{digest}", data)
            return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

        oci = "application/vnd.oci.image."
        layers = [blob(oci + "layer.v1.tar", layer.getvalue())]
        config = {
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
            "os": "linux",
            "config": {"Entrypoint": ["/busybox", "sleep", "3600"]},
            "rootfs": {"type": "layers", "diff_ids": [layers[0]["digest"]]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": oci + "manifest.v1+json",
            "config": blob(oci + "config.v1+json", json.dumps(config).encode()),
            "layers": layers,
        }
        entry = blob(oci + "manifest.v1+json", json.dumps(manifest).encode())
        entry["annotations"] = {"io.containerd.image.name": tag}
        put("index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
        put("oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())


def main():
    if sys.argv[1] == "image":
        image(*sys.argv[2:])
        return
    socket, command, *arguments = sys.argv[1:]
    if command == "version":
        call(socket, "Version", b"")
    else:
        {"run": run, "stop": stop}[command](socket, *arguments)


main()
