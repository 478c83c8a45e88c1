#!/usr/bin/env python3
"""Does to CNI plugins what a container runtime does: no Debian package has cnitool.

usage: cni_runtime.py COMMAND CONFLIST --path DIR[:DIR] --cache FILE [--netns PATH] [--container ID]
                      [--args CNI_ARGS] [--annotations JSON] [--attachment ID:IFNAME]...
ADD calls the plugins of the list one after the other, each with the result of the one before; the last
result is printed and kept in FILE, for the CHECK and DEL that follow. DEL goes from the last to the
first. A plugin's error ends the command: its JSON is printed, and the exit status is 1.
"""
import argparse
import json
import os
import subprocess
import sys


class PluginError(Exception):
    pass


def find(path, name):
    for directory in path.split(":"):
        if os.access(os.path.join(directory, name), os.X_OK):
            return os.path.join(directory, name)
    sys.exit(f"no plugin {name} in {path}")


class Runtime:
    def __init__(self, options):
        self.options = options
        with open(options.conflist, encoding="utf-8") as file:
            self.list = json.load(file)
        self.plugins = [(find(options.path, plugin["type"]), plugin) for plugin in self.list["plugins"]]
        self.environment = dict(
            os.environ, CNI_PATH=options.path, CNI_CONTAINERID=options.container, CNI_IFNAME="eth0"
        )
        if options.netns:
            self.environment["CNI_NETNS"] = options.netns
        if options.args:
            self.environment["CNI_ARGS"] = options.args

    def netconf(self, plugin, previous):
        conf = {key: value for key, value in plugin.items() if key != "capabilities"}
        conf |= {"name": self.list["name"], "cniVersion": self.list["cniVersion"]}
        if previous is not None:
            conf["prevResult"] = previous
        capability = "io.kubernetes.cri.pod-annotations"
        if self.options.annotations and plugin.get("capabilities", {}).get(capability):
            conf["runtimeConfig"] = {capability: json.loads(self.options.annotations)}
        if self.options.command == "GC":
            names = ("containerID", "ifname")
            conf["cni.dev/valid-attachments"] = [
                dict(zip(names, text.split(":"))) for text in self.options.attachment
            ]
        return json.dumps(conf)

    def call(self, command, binary, conf):
        self.environment["CNI_COMMAND"] = command
        done = subprocess.run(
            [binary], input=conf, env=self.environment, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode != 0:
            raise PluginError(done.stdout or f"{binary}: exit status {done.returncode}")
        return done.stdout

    def run(self, command):
        cached = None
        if command in ("CHECK", "DEL") and os.path.exists(self.options.cache):
            with open(self.options.cache, encoding="utf-8") as file:
                cached = json.load(file)
        output = ""
        for binary, plugin in reversed(self.plugins) if command == "DEL" else self.plugins:
            output = self.call(command, binary, self.netconf(plugin, cached))
            if command == "ADD":
                cached = json.loads(output)
        if command == "ADD":
            with open(self.options.cache, "w", encoding="utf-8") as file:
                json.dump(cached, file)
        return output


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("conflist")
    parser.add_argument("--path", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--netns")
    parser.add_argument("--container", default="c1")
    parser.add_argument("--args")
    parser.add_argument("--annotations")
    parser.add_argument("--attachment", action="append", default=[])
    options = parser.parse_args()
    runtime = Runtime(options)
    try:
        sys.stdout.write(runtime.run(options.command))
    except PluginError as error:
        sys.stdout.write(str(error))
        sys.exit(1)


main()
