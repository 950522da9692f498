"""Files and a cluster, on the embedded API server alone: what `plan -o manifests` prints leaves a controller nothing to
write, and a dump of a cluster is planned as the cluster itself."""

import json
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

from api import Api
from processes import Process, free_ports, wait_until
from programs import answered, binary

SAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "sample"
JOIN = ["--app", "shop=shop", "--gateway", "ingress-nginx=ingress-nginx"]
NAMESPACES = ["shop", "ingress-nginx"]
STATUS = "meshgraft.io/status"

# The result of a write whose sender was not told how it ended: it may have been carried out all the same, or was sent again.
UNHEARD = "failed"

# What people have before they join, beside the facts: `kubectl get … -A -o yaml`.
DUMPED = ["Namespace", "Deployment", "StatefulSet", "DaemonSet", "Service", "Ingress", "IngressClass", "ConfigMap", "Pod"]


def call(*arguments):
    """A call of the command line: the completed process, texts captured."""
    return answered(lambda: subprocess.run([binary("meshgraft"), *map(str, arguments)], capture_output=True, text=True, timeout=300))


def changes(address):
    """{"kind verb": number} of a controller's writes so far: of those that were answered, and of the others."""
    heard, others = {}, {}
    for line in urllib.request.urlopen(f"http://{address}/metrics", timeout=60).read().decode().splitlines():
        if not line.startswith("meshgraft_changes_total{") or line.endswith(" 0"):
            continue
        labels = dict(pair.split("=") for pair in line[line.index("{") + 1:line.index("}")].split(","))
        what = f"{json.loads(labels['kind'])} {json.loads(labels['verb'])}"
        counts = others if json.loads(labels["result"]) == UNHEARD else heard
        counts[what] = counts.get(what, 0) + int(line.split()[-1])
    return heard, others


class Files(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def sandbox(self, text):
        """An embedded API server with these manifests, everything in them running: its kubeconfig."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        (folder / "manifests.yaml").write_text(text)
        kubeconfig = folder / "kubeconfig"
        process = Process("sandbox", [binary("meshgraft-sandbox"), "-f", folder / "manifests.yaml", "--port", "0",
                                      "--kubeconfig-out", kubeconfig], folder)
        self.addCleanup(process.stop)
        process.wait_for(lambda: "KUBECONFIG=" in process.tail(), 60, "the sandbox serves")
        return kubeconfig

    def writes(self, kubeconfig):
        """What a controller writes until it has reported on every namespace: as changes()."""
        address = f"127.0.0.1:{free_ports(1)[0]}"
        process = Process("meshgraft", [binary("meshgraft"), "run", "--kubeconfig", kubeconfig, "--metrics-address",
                                        address], kubeconfig.parent)
        self.addCleanup(process.stop)
        api = Api.from_kubeconfig(kubeconfig)

        def reported():
            return all(STATUS in api.get("Namespace", None, name)["metadata"].get("annotations", {})
                       for name in NAMESPACES)

        process.wait_for(reported, 60, "a report on every namespace")
        wait_until(lambda: call("status", "--settled", "--kubeconfig", kubeconfig).returncode == 0, 60, "all is settled")
        # A write is counted after its answer, so a moment after it can be seen.
        wait_until(lambda: sum(c.get("Namespace apply", 0) for c in changes(address)) >= len(NAMESPACES), 60, "the reports are counted")
        found = changes(address)
        self.assertEqual(process.stop(), 0, process.tail())
        return found

    def test_manifests_that_are_applied_leave_a_controller_nothing_to_write(self):
        for policy in ("join", "replace"):
            with self.subTest(policy):
                output = call("plan", "-f", SAMPLE, *JOIN, "--policy", policy, "-o", "manifests")
                self.assertEqual(output.returncode, 2, output.stderr)
                kubeconfig = self.sandbox(output.stdout)
                check = call("check", "-A", "--kubeconfig", kubeconfig)
                self.assertEqual("MG203" in check.stdout, policy == "join", check.stdout)
                heard, others = self.writes(kubeconfig)
                self.assertEqual({*heard, *others}, {"Namespace apply"}, "only the reports")
                self.assertLessEqual(heard.get("Namespace apply", 0), len(NAMESPACES), "each once")

    def test_a_plan_of_a_cluster_and_of_its_dump_are_the_same(self):
        kubeconfig = self.sandbox("---\n".join(path.read_text() for path in sorted(SAMPLE.iterdir())))
        api = Api.from_kubeconfig(kubeconfig)
        items = [item for kind in DUMPED for item in api.list(kind)]
        dump = self.folder / "dump.json"
        dump.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        facts = call("status", "-A", "--facts", "-o", "yaml", "--kubeconfig", kubeconfig)
        self.assertEqual(facts.returncode, 0, facts.stderr)
        (self.folder / "facts.yaml").write_text(facts.stdout)
        for form in ("text", "json"):
            with self.subTest(form):
                live = call("plan", "-A", *JOIN, "-o", form, "--kubeconfig", kubeconfig)
                file = call("plan", "-f", dump, "--facts", self.folder / "facts.yaml", *JOIN, "-o", form)
                self.assertEqual(live.returncode, 2, live.stderr)
                self.assertEqual(file.stdout, live.stdout)


if __name__ == "__main__":
    unittest.main()
