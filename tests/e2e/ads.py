#!/usr/bin/env python3
"""What the real istiod tells the sidecar of a pod, as answers to questions: where a
request goes, which connection managers change client addresses, which routes lead
nowhere. Used by test_sidecars.py, and by hand against `cluster.py up`:

    python3 tests/e2e/ads.py --kubeconfig FILE --xds 127.0.0.1:PORT -n shop web-6f… \\
        "request 10.96.0.17:80 web.shop.svc.cluster.local" missing

The questions are listed at the top of ads/main.go. The pod needs no sidecar: istiod is
asked as if it had one. Never sends a request to a workload."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from api import Api
from cluster import tools_folder
from processes import wait_until

ISTIO_VERSION = "1.31.0"


ANSWERS_WITHIN = 120  # seconds; it may be busy with four control planes' worth of work


class Sidecar:
    """The sidecar of one pod. Every call asks istiod anew; raises RuntimeError when it does not answer.

    What istiod says is what it had gathered when it was asked: changes reach it one kind after the other, some later than
    others. Tests ask until the answer is the one that stays."""

    def __init__(self, tools, xds, pod):
        meta = pod["metadata"]
        address = pod["status"]["podIP"]
        namespace = meta["namespace"]
        self._tools = Path(tools)
        self._xds = xds
        self._node = f"sidecar~{address}~{meta['name']}.{namespace}~{namespace}.svc.cluster.local"
        self._metadata = {
            "NAMESPACE": namespace, "NAME": meta["name"], "LABELS": meta.get("labels", {}), "ANNOTATIONS": meta.get("annotations", {}),
            "SERVICE_ACCOUNT": pod["spec"].get("serviceAccountName", "default"), "INSTANCE_IPS": address,
            "CLUSTER_ID": "Kubernetes", "ISTIO_VERSION": ISTIO_VERSION, "INTERCEPTION_MODE": "REDIRECT"}

    @classmethod
    def of(cls, cluster, namespace, workload):
        """Of the first pod, by name, of a Deployment or StatefulSet."""
        found = cluster.api.get("Deployment", namespace, workload) or cluster.api.get("StatefulSet", namespace, workload)
        selector = ",".join(f"{k}={v}" for k, v in found["spec"]["selector"]["matchLabels"].items())
        pods = wait_until(lambda: [p for p in cluster.api.list("Pod", namespace, selector)
                                   if "deletionTimestamp" not in p["metadata"] and p["status"].get("podIP")],
                          60, f"a pod of {namespace}/{workload} with an address")
        return cls(cluster.tools, cluster.xds, min(pods, key=lambda p: p["metadata"]["name"]))

    def ask(self, *questions):
        """One answer for each question, all from the same configuration."""
        done = subprocess.run([self._tools / "ads", "-address", self._xds, "-node", self._node,
                               "-metadata", json.dumps(self._metadata), "-timeout", f"{ANSWERS_WITHIN}s", *questions],
                              capture_output=True, text=True, timeout=2 * ANSWERS_WITHIN)
        if done.returncode != 0:
            raise RuntimeError(f"{self._node}: {done.stderr.strip()}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def request(self, address, port, host, path="/", headers=()):
        """Where a plain HTTP/1.1 request goes: listener, protocol, virtual_host, status,
        targets. `headers`: "name:value" each."""
        return self.ask(" ".join((f"request {address}:{port} {host} {path}", *headers)))[0]

    def connect(self, address, port):
        """Where a TCP connection goes that does not look like HTTP."""
        return self.ask(f"connect {address}:{port}")[0]

    def managers(self):
        """Every HTTP connection manager, with use_remote_address and xff_num_trusted_hops."""
        return self.ask("managers")[0]

    def listeners(self, port):
        """The outbound listeners of a port: address, sniffs, http, tcp."""
        return self.ask(f"listeners {port}")[0]

    def missing(self):
        """[{where, cluster}]: routes and TCP chains to clusters that istiod did not send."""
        return self.ask("missing")[0]


def clusters_of(decision):
    """The names of the clusters that a decision may pick, with their weights: {name: weight}."""
    return {t["cluster"]: t["weight"] for t in decision["targets"]}


def main():
    parser = argparse.ArgumentParser(description="ask istiod as the sidecar of a pod")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--xds", required=True, help="istiod's plain gRPC address; `cluster.py up` prints it")
    parser.add_argument("-n", "--namespace", default="default")
    parser.add_argument("pod")
    parser.add_argument("question", nargs="+")
    options = parser.parse_args()
    pod = Api.from_kubeconfig(options.kubeconfig).get("Pod", options.namespace, options.pod)
    if pod is None:
        print(f"ads: no pod {options.namespace}/{options.pod}", file=sys.stderr)
        return 1
    try:
        for answer in Sidecar(tools_folder(), options.xds, pod).ask(*options.question):
            print(json.dumps(answer, indent=2))
    except RuntimeError as error:
        print(f"ads: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
