#!/usr/bin/env python3
"""Compares the sidecar with HAProxy, nginx and a bare hyper proxy: CPU per request, and memory.

Every target runs alone on core 1; the load generator and the backend share core 0. In a round each
target gets the same load, in shuffled order. What counts is the CPU time that the scheduler charged to
the proxy's threads (/proc/PID/task/*/schedstat, nanoseconds), per completed request, and its ratio to
the others of the same round. Wall-clock figures are not reported: on a shared machine they are noise.

    compare.py --sidecar 'target/release/otp-sidecar serve --listen LISTEN --upstream http://BACKEND ...'

LISTEN, BACKEND and ADMIN in the command are replaced by addresses.
"""

import argparse
import glob
import json
import os
import random
import resource
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROXY_CORE, LOAD_CORE = "1", "0"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(core, command):
    if os.cpu_count() < 2 or os.environ.get("PIN") == "0":
        return command
    return ["taskset", "-c", core] + command


def wait_for(port, child):
    for _ in range(500):
        if child.poll() is not None:
            sys.exit(f"{child.args} ended with {child.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    sys.exit(f"{child.args} does not listen")


def tree(pid):
    """A process and its descendants."""
    found, waiting = [], [pid]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for path in glob.glob(f"/proc/{pid}/task/*/children"):
            with open(path) as children:
                waiting += [int(child) for child in children.read().split()]
    return found


def cpu_ns(pid):
    """CPU time of all threads of a process tree, in nanoseconds."""
    total = 0
    for member in tree(pid):
        for path in glob.glob(f"/proc/{member}/task/*/schedstat"):
            with open(path) as stat:
                total += int(stat.read().split()[0])
    return total


def rss_mib(pid):
    total = 0
    for member in tree(pid):
        with open(f"/proc/{member}/status") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
    return total / 1024


class Rig:
    def __init__(self, peers, sidecars, only):
        self.dir = tempfile.mkdtemp(prefix="bench-whole-")
        self.children = []
        self.backend = free_port()
        self.start([f"{peers}/backend", f"127.0.0.1:{self.backend}"], LOAD_CORE, self.backend)
        commands = {
            "floor": [f"{peers}/floor", "LISTEN", "BACKEND"],
            "haproxy": ["haproxy", "-db", "-q", "-f", "haproxy.cfg"],
            "nginx": ["nginx", "-c", "nginx.conf"],
        }
        for name, command in sidecars.items():
            commands[name] = shlex.split(command)
        self.targets = {"direct": (self.backend, None)}
        for name, command in commands.items():
            if not only or name in only:
                self.targets[name] = self.launch(name, command)

    def launch(self, name, command):
        port = free_port()
        folder = f"{self.dir}/{name}"
        os.mkdir(folder)
        words = {
            "LISTEN": f"127.0.0.1:{port}",
            "BACKEND": f"127.0.0.1:{self.backend}",
            "ADMIN": f"127.0.0.1:{free_port()}",
            "DIR": folder,
        }
        filled = []
        for part in command:
            source = f"{HERE}/{part}"
            if part.endswith((".cfg", ".conf")) and os.path.exists(source):
                with open(source) as template, open(f"{folder}/{part}", "w") as config:
                    config.write(self.fill(template.read(), words))
                part = f"{folder}/{part}"
            filled.append(self.fill(part, words))
        return port, self.start(filled, PROXY_CORE, port)

    @staticmethod
    def fill(text, words):
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    def start(self, command, core, port):
        child = subprocess.Popen(pinned(core, command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.children.append(child)
        wait_for(port, child)
        return child.pid

    def close(self):
        for child in self.children:
            child.terminate()
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


SHAPES = {
    "get": (32, "/", ""),
    "headers": (32, "/", 'for i = 1, 20 do wrk.headers["X-Header-" .. i] = string.rep("v", 40) end\n'),
    "one": (1, "/", ""),
    "64k": (8, "/64k", ""),
    "1m-post": (4, "/", 'wrk.method = "POST"\nwrk.body = string.rep("x", 1048576)\n'),
}

REPORT = """
done = function(summary, latency, requests)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("RESULT %d %d\\n", summary.requests, failed))
end
"""


def load(rig, name, shape, seconds):
    """Requests done, and CPU microseconds per request."""
    connections, path, script = SHAPES[shape]
    port, pid = rig.targets[name]
    file = f"{rig.dir}/{shape}.lua"
    with open(file, "w") as lua:
        lua.write(script + REPORT)
    url = f"http://127.0.0.1:{port}{path}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", file, url]
    before = cpu_ns(pid) if pid else 0
    output = subprocess.run(pinned(LOAD_CORE, command), capture_output=True, text=True, check=True).stdout
    used = (cpu_ns(pid) if pid else 0) - before
    line = next(line for line in output.splitlines() if line.startswith("RESULT"))
    done, failed = (int(word) for word in line.split()[1:])
    if failed or not done:
        sys.exit(f"{name} failed {failed} of {done} requests of the shape {shape}")
    return used / 1000 / done


def compare(rig, shapes, rounds, seconds):
    results = {}
    for shape in shapes:
        names = [name for name in rig.targets if name != "direct"]
        taken = {name: [] for name in names}
        for name in names:
            load(rig, name, shape, 1)
        for _ in range(rounds):
            random.shuffle(names)
            for name in names:
                taken[name].append(load(rig, name, shape, seconds))
        results[shape] = taken
        print(f"\n{shape}: CPU-us per request, median of {rounds} rounds (lowest-highest)")
        for name in rig.targets:
            if name not in taken:
                continue
            times = taken[name]
            ratios = ""
            for other in ("floor", "haproxy", "nginx", "sidecar"):
                if other in taken and other != name:
                    ratio = statistics.median(a / b for a, b in zip(times, taken[other]))
                    ratios += f"  {ratio:5.2f} x {other}"
            middle = statistics.median(times)
            print(f"  {name:9} {middle:8.2f} ({min(times):.2f}-{max(times):.2f}){ratios}", flush=True)
    return results


def ask(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nHost: wallet\r\n\r\n")
    got = b""
    while not got.endswith(b"x" * 200):
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError("closed before the answer")
        got += piece


def idle_memory(rig, count, rest):
    """Resident memory before, with and after many idle connections that made one request each."""
    print(f"\nidle connections: RSS in MiB at rest, with {count}, at the peak, and {rest} s after they closed")
    results = {}
    for name, (port, pid) in rig.targets.items():
        if pid is None:
            continue
        before = rss_mib(pid)
        connections, peak = [], before
        for nth in range(count):
            connection = socket.create_connection(("127.0.0.1", port))
            ask(connection)
            connections.append(connection)
            if nth % 500 == 0:
                peak = max(peak, rss_mib(pid))
        peak = max(peak, rss_mib(pid))
        time.sleep(3)
        held = rss_mib(pid)
        for connection in connections[:50]:
            ask(connection)
        for connection in connections:
            connection.close()
        time.sleep(rest)
        after = rss_mib(pid)
        results[name] = {"before": before, "held": held, "peak": peak, "after": after}
        print(f"  {name:9} {before:7.1f} {held:7.1f} {peak:7.1f} {after:7.1f}", flush=True)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=f"{HERE}/peers/target/release", help="folder of floor and backend")
    parser.add_argument("--sidecar", help="command that starts the sidecar")
    parser.add_argument("--plain", help="the same for a build without the profile of pgo/")
    parser.add_argument("--only", default="", help="targets, comma-separated")
    parser.add_argument("--shapes", default=",".join(SHAPES), help="shapes, comma-separated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--idle", type=int, default=0, help="also hold this many idle connections")
    parser.add_argument("--rest", type=int, default=10, help="seconds to wait after they closed")
    parser.add_argument("--json", help="file for the raw figures")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sidecars = {"sidecar": options.sidecar, "plain": options.plain}
    sidecars = {name: command for name, command in sidecars.items() if command}
    rig = Rig(options.peers, sidecars, [name for name in options.only.split(",") if name])
    try:
        shapes = [shape for shape in options.shapes.split(",") if shape]
        results = {"cpu": compare(rig, shapes, options.rounds, options.seconds)}
        if options.idle:
            results["idle"] = idle_memory(rig, options.idle, options.rest)
        if options.json:
            with open(options.json, "w") as file:
                json.dump(results, file, indent=1)
    finally:
        rig.close()


if __name__ == "__main__":
    main()
