# shellcheck shell=bash disable=SC2154  # topology.bash and egress.bash set variables
# Faults of networks, and what pona diag trace has to say of each: its code and the place of the step,
# not only that something fails. Loaded behind topology.bash or egress.bash.

# WORDS…: traces, and keeps the result as $work/trace.json, the text as $work/trace.text.
trace() {
  trace_status=0
  "$PONA" diag trace --socket "$work/edge.sock" --agent-socket "$work/agent.sock" \
    --sandboxes "${sandboxes:-$work/sandboxes}" -o json "$@" >"$work/trace.json" 2>"$work/trace.err" || trace_status=$?
}
# From the client to a mapped port, all the way.
trace_client() { trace --from-netns "$net-client" "${@:-$vip:80}"; }
# The same client, simulated on the edge.
trace_wire() { trace --from-netns "$net-edge" "$client" to "${@:-$vip:80}"; }
# A pod's, to whom it reaches by its Egress.
trace_pod() { trace pod/default/client1 to "${@:-$out:8080}"; }

# A value of the trace, by a Python expression in which `t` is it.
of_trace() {
  [ -s "$work/trace.json" ] || fail "no trace: $(cat "$work/trace.err")"
  python3 -c 'import json,sys; t = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$work/trace.json" "$1"
}

show_trace() {
  cat "$work/trace.err"
  python3 - "$work/trace.json" <<'PY' || cat "$work/trace.json"
import json, sys
t = json.load(open(sys.argv[1]))
for s in t["steps"]:
    print(s["n"], s["direction"], s["place"], s["where"], s["action"], s["text"], s["packet"], s["evidence"])
for key in ("result", "findings", "differences", "assumptions", "liveNote", "choices"):
    print(key, t.get(key))
PY
}

# HOW…: a trace is well: delivered, answered, nothing to remark.
healthy() {
  "$@"
  local said
  said="$trace_status $(of_trace 't["result"], t["live"], t["answered"], t["findings"]')"
  [ "$said" = "0 ('ok', True, True, [])" ] || fail "not healthy: $(show_trace)"
}

# CODE HOST HOW…: the trace fails, and the first thing that it says is this code, at a step of this host
# ("-": at no step that has a place).
diagnosed() {
  local code=$1 host=$2
  shift 2
  "$@"
  local first place
  first=$(of_trace 't["findings"][0]["code"] if t["findings"] else "nothing"')
  place=$(of_trace 't["findings"][0].get("place", "-") if t["findings"] else "nothing"')
  [ "$first" = "$code" ] || fail "$first instead of $code: $(show_trace)"
  case $host in
    -) ;;
    pod/*) [ "$place" = "pod ${host#pod/}" ] || fail "at $place instead of $host: $(show_trace)" ;;
    *) [ "$place" = "$net-$host" ] || fail "at $place instead of $host: $(show_trace)" ;;
  esac
}

# The same, and it fails: exit status 1.
fails_with() {
  diagnosed "$@"
  [ "$trace_status" = 1 ] || fail "exit status $trace_status: $(show_trace)"
}

# The same of what does not stop a packet: exit status 0.
warns_of() {
  local code=$1
  diagnosed "$@"
  [ "$trace_status" = 0 ] || fail "exit status $trace_status: $(show_trace)"
}

# What was seen of a real packet agrees with the model.
agreed() {
  [ "$(of_trace 't["live"], t["differences"]')" = "(True, [])" ] || fail "they differ: $(show_trace)"
}
