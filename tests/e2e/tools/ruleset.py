#!/usr/bin/env python3
"""`nft -j list ruleset` without what differs from run to run: handles, counters, order of elements."""
import json
import sys


def plain(value):
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()
                if key not in ("handle", "counter", "expires", "packets", "bytes")}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


lines = []
for entry in json.load(sys.stdin)["nftables"]:
    (kind, body), = entry.items()
    if kind == "metainfo":
        continue
    body = plain(body)
    # A table that survives its owner has none until the next one takes it over.
    if kind == "table":
        body.pop("flags", None)
    # What the packet path fills by itself is no configuration.
    if "dynamic" in body.get("flags", []):
        body.pop("elem", None)
    for element in body.pop("elem", []):
        lines.append(f"{kind} {body['family']} {body['table']} {body['name']} element "
                     + json.dumps(element, sort_keys=True))
    lines.append(f"{kind} " + json.dumps(body, sort_keys=True))
rules = [line for line in lines if line.startswith("rule ")]
print("\n".join(sorted(line for line in lines if not line.startswith("rule ")) + rules))
