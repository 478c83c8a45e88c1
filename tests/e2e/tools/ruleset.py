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
rules = []  # in their order within a chain; the order of chains says nothing
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
        inner = element.get("elem", {}) if isinstance(element, dict) else {}
        if isinstance(inner, dict) and ("ct count" in inner or "limit" in inner):
            continue
        lines.append(f"{kind} {body['family']} {body['table']} {body['name']} element "
                     + json.dumps(element, sort_keys=True))
    line = f"{kind} " + json.dumps(body, sort_keys=True)
    if kind == "rule":
        rules.append(((body["family"], body["table"], body["chain"]), line))
    else:
        lines.append(line)
print("\n".join(sorted(lines) + [line for _, line in sorted(rules, key=lambda rule: rule[0])]))
