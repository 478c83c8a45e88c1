"""What the benchmarks share: network namespaces of their own, and tables."""
import json
import os
import platform
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PREFIX = f"pona-bench-{os.getpid()}"


def run(*args, ns=None, check=True, **kw):
    """The output of a command, in a namespace of ours if one is named."""
    cmd = (["ip", "netns", "exec", f"{PREFIX}-{ns}"] if ns else []) + [str(a) for a in args]
    return subprocess.run(cmd, check=check, text=True, stdout=subprocess.PIPE,
                          stderr=None if check else subprocess.DEVNULL, **kw).stdout


def cpu(pid):
    """Seconds of user and system time of a process, from the scheduler's nanoseconds."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def memory(pid, field="VmHWM"):
    """Resident MB of a process: the peak, or VmRSS for now."""
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(field)) / 1024


def table(rows):
    columns = list(rows[0])
    widths = [max(len(c), *(len(str(r[c])) for r in rows)) for c in columns]
    lines = [columns] + [[str(r[c]) for c in columns] for r in rows]
    return "\n".join("  ".join(v.ljust(w) if i == 0 else v.rjust(w)
                               for i, (v, w) in enumerate(zip(line, widths))) for line in lines)


def machine():
    models = (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    return {"kernel": platform.release(), "cpus": os.cpu_count(), "model": next(models, "")}


def build_traffic(directory):
    tool = f"{directory}/traffic"
    run("g++", "-O2", "-std=c++20", f"{TOP}/tests/bench/traffic.cpp", "-o", tool)
    return tool


def write_json(file, result):
    if file:
        with open(file, "w") as f:
            json.dump(result, f, indent=2)
