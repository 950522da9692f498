#!/usr/bin/env python3
"""`./bench idle`: what the controller costs while nothing is to be done. Two clusters in
one run: 1,000 members of one namespace that wait behind the gate, because the first
rollout gets no node; and a joined namespace of 50 members where nothing happens. Prints
one table: CPU, reads, writes to members and Events, over --seconds. Needs
MESHGRAFT_BIN_DIR with meshgraft and meshgraft-sandbox."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from processes import Process, free_ports, wait_until  # noqa: E402
from programs import binary  # noqa: E402

APP = """---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {ns}}}
spec:
  replicas: {replicas}
  strategy: {{type: RollingUpdate, rollingUpdate: {{maxUnavailable: 0, maxSurge: 1}}}}
  selector: {{matchLabels: {{run: {name}}}}}
  template:
    metadata: {{labels: {{run: {name}}}}}
    spec:
      containers:
      - {{name: app, image: "shop/app:1.0", ports: [{{containerPort: 8080{host_port}}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {ns}}}
spec:
  selector: {{run: {name}}}
  ports: [{{name: http, port: 80, targetPort: 8080}}]
"""
NODES = 3


def crowd(ns, members):
    """The first by name holds a port on every node: its next pod finds no place, and the others wait for it."""
    yield APP.format(ns=ns, name="a-first", replicas=NODES, host_port=", hostPort: 8080")
    for i in range(members - 1):
        yield APP.format(ns=ns, name=f"svc-{i:04}", replicas=1, host_port="")


def quiet(ns, members):
    for i in range(members):
        yield APP.format(ns=ns, name=f"svc-{i:04}", replicas=1, host_port="")


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def requests_by_method(text):
    """rest_client_requests_total of a metrics page, added up by method."""
    found = {}
    for line in text.splitlines():
        if line.startswith("rest_client_requests_total{"):
            method = line.split('method="', 1)[1].split('"', 1)[0]
            found[method] = found.get(method, 0) + float(line.rsplit(" ", 1)[1])
    return found


def changes(text):
    """meshgraft_changes_total of a metrics page: the writes of plans. The other writes are Events."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("meshgraft_changes_total{"))


def members_by_state(text, ns):
    found = {}
    for line in text.splitlines():
        if line.startswith("meshgraft_members{") and f'namespace="{ns}"' in line:
            found[line.split('state="', 1)[1].split('"', 1)[0]] = int(float(line.rsplit(" ", 1)[1]))
    return found


class Bench:
    """A sandbox with `documents` and a controller on it."""

    def __init__(self, folder, ns, documents):
        self.ns = ns
        (port,) = free_ports(1)
        self._metrics = f"http://127.0.0.1:{port}/metrics"
        manifests = folder / f"{ns}.yaml"
        manifests.write_text("".join(documents))
        kubeconfig = folder / f"{ns}.kubeconfig"
        self.sandbox = Process("sandbox", [binary("meshgraft-sandbox"), "-f", manifests, "--nodes", str(NODES),
                                           "--kubeconfig-out", kubeconfig], folder)
        self.sandbox.wait_for(kubeconfig.exists, 300, "the sandbox")
        subprocess.run([binary("meshgraft-sandbox"), "label", "--kubeconfig", kubeconfig, ns, "meshgraft.io/app=shop"],
                       check=True, capture_output=True)
        self.controller = Process("meshgraft", [binary("meshgraft"), "run", "--kubeconfig", kubeconfig,
                                                "--metrics-address", f"127.0.0.1:{port}"], folder)

    def metrics(self):
        try:
            return urllib.request.urlopen(self._metrics, timeout=10).read().decode()
        except (OSError, urllib.error.URLError):
            return ""

    def writes(self):
        return sum(count for method, count in requests_by_method(self.metrics()).items() if method != "GET")

    def settle(self, ready, seconds):
        """Until `ready` says so of the members and nothing was written for ten seconds."""
        last = [time.monotonic(), -1]

        def is_settled():
            now = self.writes()
            if now != last[1]:
                last[:] = [time.monotonic(), now]
            return ready(members_by_state(self.metrics(), self.ns)) and time.monotonic() - last[0] > 10
        wait_until(is_settled, seconds, f"namespace {self.ns} to settle", step=1)

    def measure(self, seconds):
        page, cpu = self.metrics(), cpu_seconds(self.controller.pid)
        before, planned = requests_by_method(page), changes(page)
        time.sleep(seconds)
        cpu = cpu_seconds(self.controller.pid) - cpu
        page = self.metrics()
        after, planned = requests_by_method(page), changes(page) - planned
        reads = after.get("GET", 0) - before.get("GET", 0)
        events = sum(after.values()) - sum(before.values()) - reads - planned
        return {"cpu_ms": cpu * 1000, "reads": int(reads), "writes": int(planned), "events": int(events)}

    def stop(self):
        self.controller.stop()
        self.sandbox.stop()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--members", type=int, default=1000)
    options.add_argument("--quiet-members", type=int, default=50)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--patience", type=int, default=600, help="seconds until both are settled")
    options = options.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="meshgraft-idle-") as name:
        for title, ns, documents, ready in (
                (f"{options.members} members behind the gate", "crowd", crowd("crowd", options.members),
                 lambda m: m.get("rolling", 0) == 1 and m.get("waiting", 0) > 0),
                (f"{options.quiet_members} members joined", "quiet", quiet("quiet", options.quiet_members),
                 lambda m: m.get("joined", 0) == options.quiet_members)):
            bench = Bench(Path(name), ns, documents)
            try:
                bench.settle(ready, options.patience)
                rows.append((title, bench.measure(options.seconds)))
            finally:
                bench.stop()
    print(f"{'over ' + str(options.seconds) + ' s':34}{'CPU ms':>10}{'% of a core':>13}{'reads':>8}{'writes':>8}{'Events':>8}")
    for title, row in rows:
        print(f"{title:34}{row['cpu_ms']:>10.0f}{row['cpu_ms'] / options.seconds / 10:>13.2f}{row['reads']:>8}{row['writes']:>8}{row['events']:>8}")


if __name__ == "__main__":
    main()
