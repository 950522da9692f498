"""What the controller says of its writes: for people on standard output, and in a pod, whose two outputs `kubectl logs`
shows as one, only in the log."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from chart import ROOT

sys.path.append(str(ROOT / "tests" / "e2e"))
from processes import Process  # noqa: E402
from programs import binary  # noqa: E402


class Log(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="meshgraft-log-")))
        self.kubeconfig = self.folder / "kubeconfig"
        sandbox = Process("sandbox", [binary("meshgraft-sandbox"), "--kubeconfig-out", self.kubeconfig, "--pod-ready-seconds", "0.1",
                                      "-f", ROOT / "deploy" / "sample" / "shop.yaml"], self.folder)
        self.addCleanup(sandbox.stop)
        sandbox.wait_for(lambda: self.kubeconfig.exists() and "current-context" in self.kubeconfig.read_text(), 60, "its kubeconfig")
        subprocess.run([binary("meshgraft-sandbox"), "label", "--kubeconfig", self.kubeconfig, "shop", "meshgraft.io/app=shop"],
                       check=True, capture_output=True)

    def templates_told(self, environment):
        """What is said of a Deployment's new template by a controller with this environment, from start to joined."""
        controller = Process("meshgraft", [binary("meshgraft"), "run", "--kubeconfig", self.kubeconfig, "--metrics-address", "0"],
                             self.folder, environment)
        self.addCleanup(controller.stop)
        controller.wait_for(lambda: "settled ns=shop" in controller.log.read_text(), 240, "the end of the join")
        return [line for line in controller.log.read_text().splitlines() if "member-template" in line and "catalog" in line]

    def test_each_write_is_one_line_in_a_pod(self):
        (line,) = self.templates_told({"KUBERNETES_SERVICE_HOST": "127.0.0.1"})
        self.assertIn("wrote ns=shop", line)

    def test_a_person_who_starts_it_reads_each_step_beside_the_log(self):
        lines = self.templates_told({"KUBERNETES_SERVICE_HOST": ""})
        self.assertIn("apply Deployment shop/catalog member-template restarts 2 pods", lines)
        self.assertEqual(len(lines), 2, lines)


if __name__ == "__main__":
    unittest.main()
