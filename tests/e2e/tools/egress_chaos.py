"""The part of egress_churn.py that harms: processes die, NAT pods come, drain and go, Egresses change, users
delete what is the controller's, and the API server fails. Also what Egresses and NAT pods there are.
"""
import os
import signal
import subprocess
import time

SERVER4, SERVER6 = "203.0.113.9", "2001:db8:f::9"
OTHER4, OTHER6 = "198.51.100.9", "2001:db8:e::9"
NATS = {f"nat{n}": (egress, f"10.64.0.2{n}", f"fd00:64::2{n}") for n, egress in
        ((1, "a"), (2, "a"), (3, "b"))}
# All of them lead to the servers' first addresses, which nobody who asks may reach in another way.
EGRESSES = {
    "a": [["203.0.113.0/24", "2001:db8:f::/64"],
          ["203.0.113.0/25", "203.0.113.128/25", "2001:db8:f::/65"],
          ["203.0.113.9/32", "2001:db8:f::9/128"],
          ["203.0.113.0/24", "198.51.100.0/24", "2001:db8:f::/64", "2001:db8:e::/64"]],
    "b": [["203.0.113.0/26", "2001:db8:f::/96"],
          ["0.0.0.0/0", "::/0"],
          ["203.0.113.8/29", "2001:db8:f::8/125", "198.51.100.9/32"]],
}
EGRESS = "/apis/pona.cybozu.com/v1/namespaces/internet/egresses"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/internet/endpointslices"
# A list or watch that says nothing is given up after one minute and three: these come early, and who
# met one is killed later.
SILENT = ["stall", "drip"]
LOUD = ["drop", "garbage", "busy", "error", "unauthorized", "truncate", "duplicate", "reorder", "gone"]


class Chaos:
    def __init__(self, cluster, chance):
        self.cluster, self.chance, self.api = cluster, chance, cluster.api
        self.processes, self.due, self.counts = {}, [], {}
        self.places = dict.fromkeys(NATS, "ready")
        self.destinations = {name: choices[0] for name, choices in EGRESSES.items()}
        with open(f"{cluster.work}/server.pid", encoding="ascii") as file:
            self.server = int(file.read())
        pona, config = os.environ["PONA"], ["--kubeconfig", cluster.kubeconfig]
        self.commands = {"controller": ("node1", [
            pona, "controller", *config, "--image", "pona:test", "--metrics-port", "0", "--health-port", "0"])}
        for node in cluster.nodes:
            self.commands[f"agent-{node.name}"] = (node.name, [
                pona, "agent", *config, "--node-name", node.name, "--socket", node.socket,
                "--sandboxes", node.sandboxes])
        for name, (egress, four, six) in NATS.items():
            self.commands[name] = (name, [
                pona, "nat", *config, "--egress", f"internet/{egress}", "--address", f"{four},{six}"])

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    # --- processes -------------------------------------------------------------------------------
    def start(self, name):
        host, command = self.commands[name]
        with open(f"{self.cluster.work}/{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.cluster.prefix}-{host}", "setpriv", "--pdeathsig",
                 "KILL", *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def freeze(self, begins):
        """For good: all processes whose names begin so."""
        for name, process in self.processes.items():
            if name.startswith(begins):
                process.send_signal(signal.SIGSTOP)

    def kill(self, name, after):
        if self.places.get(name) == "terminating":
            return  # it ends by itself
        process = self.processes.pop(name, None)
        if process is None:
            return
        if process.poll() is not None:
            self.cluster.errors.append(f"{name} ended by itself: {process.returncode}")
        process.kill()
        process.wait()
        self.later(after, lambda: self.start(name))
        self.count(f"kill -9 {name.rstrip('0123456789')}")

    def stop(self):
        os.kill(self.server, signal.SIGCONT)
        for process in self.processes.values():
            process.kill()

    def later(self, seconds, what):
        self.due.append((time.monotonic() + seconds, what))

    def do_due(self, everything=False):
        ripe = [entry for entry in self.due if everything or entry[0] <= time.monotonic()]
        self.due = [entry for entry in self.due if entry not in ripe]
        for _, what in sorted(ripe, key=lambda entry: entry[0]):
            what()

    # --- objects ---------------------------------------------------------------------------------
    def slice(self, egress, family):
        labels = {"kubernetes.io/service-name": egress, "app.kubernetes.io/name": "pona",
                  "app.kubernetes.io/component": "egress"}
        endpoints = []
        for name, nat in NATS.items():
            if nat[0] == egress and self.places[name] != "absent":
                ends = self.places[name] == "terminating"
                endpoints.append({"addresses": [nat[1 if family == 4 else 2]],
                                  "conditions": {"ready": not ends, "serving": True, "terminating": ends}})
        return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"name": f"{egress}-{family}", "namespace": "internet", "labels": labels},
                "addressType": f"IPv{family}", "ports": [{"port": 5555, "protocol": "UDP"}],
                "endpoints": endpoints}

    def place(self, name, state):
        self.places[name] = state
        for family in (4, 6):
            thing = self.slice(NATS[name][0], family)
            self.api.call("PUT", f"{SLICES}/{thing['metadata']['name']}", thing)

    def begin(self):
        for name, destinations in self.destinations.items():
            self.api.call("POST", EGRESS, {
                "apiVersion": "pona.cybozu.com/v1", "kind": "Egress",
                "metadata": {"name": name, "namespace": "internet"},
                "spec": {"destinations": destinations, "encapsulation": "VXLAN", "drainSeconds": 2}})
            for family in (4, 6):
                self.api.call("POST", SLICES, self.slice(name, family))
        for name in self.commands:
            self.start(name)

    # --- harm ------------------------------------------------------------------------------------
    def run(self, seconds):
        begun = now = time.monotonic()
        again = list(self.commands)
        self.chance.shuffle(again)
        while (now := time.monotonic()) < begun + seconds and not self.cluster.errors:
            self.do_due()
            passed = (now - begun) / seconds
            if passed > 0.55 and again:
                self.kill(again.pop(), self.chance.random() * 2)
            self.chance.choice([self.harm_process, self.harm_server, self.harm_server, self.change_egress,
                                self.change_nat, self.delete_child])(passed)
            time.sleep(self.chance.random())

    def harm_process(self, _):
        name = self.chance.choice([*self.commands, "agent-node1", "agent-node2"])
        self.kill(name, self.chance.random() * 2)

    def harm_server(self, passed):
        kind = self.chance.choice(LOUD + SILENT if passed < 0.25 else LOUD)
        self.count(f"fault {kind}")
        if kind == "gone":
            self.api.call("POST", "/_test/compact", {})
            kind = "drop"
        if self.chance.random() < 0.1:
            os.kill(self.server, signal.SIGSTOP)
            time.sleep(self.chance.random())
            os.kill(self.server, signal.SIGCONT)
        # What this test itself asks for is spared.
        for method, path in (("WATCH", ""), ("GET", ""), ("PATCH", "/endpointslices/"), ("PATCH", "/deployments/"),
                             ("PATCH", "/services/"), ("PATCH", "/egresses/a/status")):
            self.api.call("POST", "/_test/faults", {
                "kind": kind, "method": method, "path": path, "times": 2,
                "after": self.chance.choice([0, 1, 40]), "amount": 2})
        # What is open must begin anew to meet them.
        self.api.call("POST", "/_test/faults", {"kind": "drop", "method": "WATCH", "times": 1, "after": 3})

    def change_egress(self, _):
        name = self.chance.choice(list(EGRESSES))
        self.destinations[name] = self.chance.choice(EGRESSES[name])
        self.api.call("PATCH", f"{EGRESS}/{name}", {"spec": {"destinations": self.destinations[name]}})
        self.count("destinations")

    def change_nat(self, _):
        name = self.chance.choice(list(NATS))
        if self.places[name] == "terminating":
            return
        if self.places[name] == "absent" or self.chance.random() < 0.4:
            self.place(name, "absent" if self.places[name] == "ready" else "ready")
            self.count("NAT pods come and go")
        elif name in self.processes:
            self.drain(name)

    def drain(self, name):
        self.count("drains")
        self.processes[name].terminate()
        self.place(name, "terminating")

        def gone():
            process = self.processes.pop(name, None)
            if process:
                process.kill()
                process.wait()
            self.place(name, "absent")
            self.start(name)
            self.later(0.5, lambda: self.place(name, "ready"))

        self.later(3, gone)

    def delete_child(self, _):
        name = self.chance.choice(list(EGRESSES))
        group = self.chance.choice(["/api/v1/namespaces/internet/services",
                                    "/apis/apps/v1/namespaces/internet/deployments"])
        self.api.call("DELETE", f"{group}/{name}", accept=(404,))
        self.count("deleted children")

    def end(self):
        self.api.call("DELETE", "/_test/faults")
        while self.due:
            self.do_due(everything=True)
        # Somebody must be there to go out by.
        for name in ("nat1", "nat3"):
            if self.places[name] != "ready":
                self.place(name, "ready")
