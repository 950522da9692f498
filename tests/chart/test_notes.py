"""What helm prints after an install: what is left out and why, and commands that can be typed as they are. helm asks the
embedded API server what a cluster serves."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from chart import CHART, NAMESPACE, ROOT, nested, run

sys.path.append(str(ROOT / "tests" / "e2e"))
from processes import Process  # noqa: E402
from programs import binary  # noqa: E402


class Notes(unittest.TestCase):
    def notes(self, profile, values=None):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="meshgraft-notes-")))
        kubeconfig = folder / "kubeconfig"
        sandbox = Process("sandbox", [binary("meshgraft-sandbox"), "--kubeconfig-out", kubeconfig, "--profile", profile], folder)
        self.addCleanup(sandbox.stop)
        sandbox.wait_for(lambda: kubeconfig.exists() and "current-context" in kubeconfig.read_text(), 60, "its kubeconfig")
        (folder / "values.json").write_text(json.dumps(values or {}))
        done = run("install", "meshgraft", CHART, "-n", NAMESPACE, "--dry-run=server", "-f", folder / "values.json",
                   env={"KUBECONFIG": str(kubeconfig), "HOME": str(folder)})
        return done.stdout.split("\nNOTES:\n", 1)[1]

    def test_missing_parts_of_the_platform_are_named(self):
        notes = self.notes("istio")
        for text in ("ServiceMonitor (no CRD of the Prometheus operator)", "PrometheusRule (no CRD",
                     "ClusterDashboard (no KubeSphere monitoring)", "KubeSphere's Applications are not served here"):
            self.assertIn(text, notes)
        self.assertNotIn("Istio is not installed", notes)
        self.assertNotIn("Applications are not served", self.notes("kubesphere-3.3"))

    def test_the_way_back_is_said_before_an_uninstall_and_its_flags_are_those_of_the_release(self):
        notes = self.notes("kubesphere-3.3", {"mesh": {"revision": "1-11-2"}})
        wanted = ["  kubectl get namespaces -L meshgraft.io/app,meshgraft.io/gateway",
                  "  kubectl label namespace NAMESPACE meshgraft.io/app- meshgraft.io/gateway-",
                  f"  kubectl -n {NAMESPACE} exec deploy/meshgraft -- meshgraft status --settled --mesh-revision=1-11-2"]
        self.assertEqual([line for line in notes.splitlines() if line in wanted], wanted)

    def test_the_defaults_install_on_every_platform(self):
        for profile in ("kubesphere-3.3", "kubesphere-3.4", "kubesphere-4", "istio"):
            with self.subTest(profile):
                notes = self.notes(profile)
                self.assertNotIn("Istio is not installed", notes)
                self.assertEqual("Applications are not served" in notes, profile == "istio")

    def test_parts_that_nobody_wants_are_not_missed(self):
        notes = self.notes("kubesphere-3.3", nested({
            "monitoring.serviceMonitor.enabled": False, "monitoring.prometheusRule.enabled": False,
            "monitoring.clusterDashboard.enabled": False}))
        self.assertNotIn("Left out", notes)

    def test_plan_is_asked_with_the_flags_of_the_release(self):
        def command(notes):
            (line,) = [line for line in notes.splitlines() if "meshgraft plan" in line]
            return line.split("exec deploy/meshgraft -- ")[1]
        self.assertEqual(command(self.notes("kubesphere-3.3")), "meshgraft plan -n NAMESPACE --app APP")
        line = command(self.notes("kubesphere-3.3", nested({
            "maxRollouts": 7, "paused": True, "namespaces.selector": "team in (a,b),!x", "gateway.namespaces": ["edge", "in"]})))
        self.assertEqual(line, "meshgraft plan -n NAMESPACE --app APP --max-rollouts=7 --paused "
                               "'--namespace-selector=team in (a,b),!x' --gateway-namespaces=edge,in")
        # A shell reads it back as the program takes it.
        typed = line.replace("meshgraft plan -n NAMESPACE --app APP", f"{binary('meshgraft')} plan -n shop --app shop --policy observe "
                             f"-f {ROOT}/deploy/sample/shop.yaml")
        done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True)
        self.assertEqual((done.returncode in (0, 2), done.stderr), (True, ""))


if __name__ == "__main__":
    unittest.main()
