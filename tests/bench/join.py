#!/usr/bin/env python3
"""`./bench join`: joins 50 namespaces of 20 Deployments, 20 Services and 2 Ingresses on a
real API server, restarts not gated, and then sends the same requests by a bare client on
as many connections (join_floor) for as many equal namespaces. Prints one table; both
columns are of one run, because machines are noisy. Needs MESHGRAFT_BIN_DIR and the
control plane of scripts/tools.sh."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from audit import read_request  # noqa: E402
from cluster import Cluster  # noqa: E402
from programs import USER, Controller, admit, binary, meshgraft  # noqa: E402
from processes import wait_until  # noqa: E402

CONNECTIONS = 16  # requests in flight of the controller (controller/sink)
TYPES = {"apply": ("PATCH", "application/apply-patch+yaml"), "create": ("POST", "application/json"),
         "edit": ("PATCH", "application/json-patch+json")}


def objects(namespace, services):
    """20 Deployments at 0 replicas (so that no rollout is measured), 20 Services, 2 Ingresses."""
    for i in range(services):
        name = f"svc-{i:02}"
        labels = {"app": name}
        yield "Deployment", {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels}, "spec": {"containers": [{
                    "name": "main", "image": f"shop/{name}:1", "ports": [{"containerPort": 8080}],
                    "readinessProbe": {"httpGet": {"path": "/", "port": 8080}}}]}}}}
        yield "Service", {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": labels, "ports": [{"name": "web", "port": 80, "targetPort": 8080}]}}
    for i in range(2):
        yield "Ingress", {
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": f"front-{i}", "namespace": namespace},
            "spec": {"ingressClassName": "nginx", "rules": [{"host": f"{namespace}-{i}.example.com", "http": {"paths": [{
                "path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": f"svc-{i:02}", "port": {"number": 80}}}}]}}]}}


def create(cluster, namespaces, services):
    def one(namespace):
        cluster.api.create("Namespace", None, {
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": namespace, "annotations": {"meshgraft.io/max-rollouts": "100"}}})
        for kind, body in objects(namespace, services):
            cluster.api.create(kind, namespace, body)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, namespaces))


def floor_requests(cluster, namespaces):
    """What `meshgraft plan` says for these namespaces, as requests without uids."""
    arguments = [a for n in namespaces for a in ("--app", f"{n}=shop")]
    done = meshgraft(cluster, "plan", "-A", "-o", "json", *arguments)
    if done.returncode != 2:
        raise SystemExit(f"plan ended with status {done.returncode}: {done.stderr}")
    from api import path_of
    requests = []
    for change in json.loads(done.stdout)["changes"]:
        if change["namespace"] not in namespaces:
            continue
        target, body, verb = change["target"], change["body"], change["verb"]
        method, content = TYPES[verb]
        name = None if method == "POST" else target["name"]
        path = path_of(target["kind"], target["namespace"], name) + "?fieldManager=meshgraft"
        if verb == "apply":
            path += "&force=true"
            body.get("metadata", {}).pop("uid", None)
        requests.append({"lane": f"{target['namespace']}/{target['name']}", "method": method, "path": path,
                         "type": content, "body": json.dumps(body)})
    return requests


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def run_floor(cluster, requests):
    done = subprocess.run(
        [binary("join_floor"), "127.0.0.1", str(cluster.port), cluster.pki.ca, cluster.pki.folder / "admin.crt",
         cluster.pki.folder / "admin.key", str(CONNECTIONS)],
        input="".join(json.dumps(r) + "\n" for r in requests), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


class WriteCount:
    """Counts the controller's writes in the audit log, each line read once: the cores are the bench's own."""

    def __init__(self, path):
        self._log = open(path, "rb")
        self._log.seek(0, os.SEEK_END)
        self._rest = b""
        self.writes, self.last = 0, None  # when the last of them was answered
        self.others = Counter()           # what else it asked for until then, "create events"

    def read_on(self):
        *lines, self._rest = (self._rest + self._log.read()).split(b"\n")
        for line in lines:
            if USER.encode() not in line:
                continue
            request = read_request(json.loads(line), USER)
            if request and request.is_write and request.code < 300 and request.resource != "namespaces":
                self.writes, self.last = self.writes + 1, request.answered
            elif request:
                self.others[f"{request.verb} {request.resource}"] += 1


def run_join(cluster, namespaces, expected):
    """Seconds from the first label to the last write, CPU and peak memory of the controller."""
    count = WriteCount(cluster.audit_log)
    with Controller(cluster, "--max-rollouts", "1000", "--log-format", "json") as controller:
        pid = controller.process.pid
        before, begin = cpu_seconds(pid), time.time()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: cluster.api.label("Namespace", None, n, **{"meshgraft.io/app": "shop"}), namespaces))

        def finished():
            count.read_on()
            return count.writes >= expected
        try:
            wait_until(finished, 180, f"{expected} writes", step=0.5)
        except TimeoutError:
            print(f"join: only {count.writes} of {expected} writes were seen", file=sys.stderr)
        return {"wall_seconds": count.last - begin, "cpu_seconds": cpu_seconds(pid) - before, "requests": count.writes,
                "peak_mib": peak_mib(pid), "others": count.others}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--namespaces", type=int, default=50)
    options.add_argument("--services", type=int, default=20)
    options = options.parse_args()
    ours = [f"join-{i:03}" for i in range(options.namespaces)]
    bare = [f"floor-{i:03}" for i in range(options.namespaces)]
    with Cluster("kubesphere") as cluster:
        admit(cluster)
        create(cluster, ours + bare, options.services)
        requests = floor_requests(cluster, set(bare))
        # Ours first: without a label the floor's namespaces would be undone meanwhile.
        join = run_join(cluster, ours, len(requests))
        floor = run_floor(cluster, requests)
        refused = {s: c for s, c in floor["statuses"].items() if int(s) >= 300}
        if refused:
            print(f"join: the floor's requests were refused: {refused}", file=sys.stderr)
    print(f"{options.namespaces} namespaces x ({options.services} Deployments + {options.services} Services + 2 Ingresses), "
          f"{CONNECTIONS} connections")
    print(f"{'':12}{'requests':>10}{'wall s':>10}{'CPU s':>10}{'peak MiB':>10}")
    print(f"{'floor':12}{floor['requests']:>10}{floor['wall_seconds']:>10.2f}{floor['cpu_seconds']:>10.2f}{'':>10}")
    print(f"{'meshgraft':12}{join['requests']:>10}{join['wall_seconds']:>10.2f}{join['cpu_seconds']:>10.2f}{join['peak_mib']:>10.1f}")
    beside = ", ".join(f"{n} {what}" for what, n in join["others"].most_common() if not what.startswith("watch"))
    print(f"beside them: {beside}")
    print(f"{'ratio':12}{'':>10}{join['wall_seconds'] / floor['wall_seconds']:>10.2f}{join['cpu_seconds'] / floor['cpu_seconds']:>10.2f}")


if __name__ == "__main__":
    main()
