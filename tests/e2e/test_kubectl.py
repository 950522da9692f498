"""kubectl itself against the embedded API server of meshgraft-sandbox: what people do with
the cluster that `./quickstart` and the guide show them."""

import os
import tempfile
import unittest
from pathlib import Path

from cluster import tools_folder
from processes import Process, ProcessError, run_client, wait_until
from programs import binary

SAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "sample"
SETTINGS = """apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {colour: %s}
"""


class Kubectl(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.program = tools_folder() / "kubectl"
        cls.environment = {**os.environ, "KUBECONFIG": str(cls.folder / "kubeconfig"), "HOME": str(cls.folder)}
        sandbox = Process("sandbox", [binary("meshgraft-sandbox"), "-f", SAMPLE, "--port", "0",
                                      "--kubeconfig-out", cls.environment["KUBECONFIG"]], cls.folder)
        cls.addClassCleanup(sandbox.stop)
        sandbox.wait_for(lambda: "KUBECONFIG=" in sandbox.log.read_text(), 60, "the sandbox serves")

    def kubectl(self, *arguments, stdin=None, fails=False):
        done = run_client([self.program, *arguments], input=stdin, timeout=300, env=self.environment)
        self.assertEqual(done.returncode != 0, fails, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stderr if fails else done.stdout

    def test_get_and_describe_what_is_there(self):
        rows = self.kubectl("get", "deployments,services", "-n", "shop")
        self.assertIn("deployment.apps/storefront", rows)
        self.assertIn("service/orders", rows)
        self.assertIn("UP-TO-DATE", rows)
        self.assertIn('"kind": "Deployment"', self.kubectl("get", "deployment", "catalog", "-n", "shop", "-o", "json"))
        # Its Conditions come when the sandbox has begun to play Deployments.
        told = wait_until(lambda: (told := self.kubectl("describe", "deployment", "catalog", "-n", "shop")) and "Conditions:" in told and told,
                          30, "the Deployment has conditions", step=0.3)
        for part in ("Name:", "catalog", "Replicas:", "Pod Template:"):
            self.assertIn(part, told)
        self.assertIn("NotFound", self.kubectl("get", "deployment", "nobody", "-n", "shop", fails=True))

    def watch(self):
        """`kubectl get --watch` of the Services, once it has begun; None when it was not answered in time."""
        watch = Process("watch", [self.program, "get", "services", "-n", "shop", "--watch", "--output-watch-events",
                                  "-o", "jsonpath={.type} {.object.metadata.name} {.object.metadata.labels.tried}{\"\\n\"}"],
                        self.folder, self.environment)
        self.addCleanup(watch.stop)
        try:
            return watch.wait_for(lambda: "ADDED ratings" in watch.log.read_text() and watch, 60, "the watch began")
        except ProcessError:
            return None

    def test_label_and_annotate_are_seen_by_a_watch(self):
        watch = wait_until(self.watch, 60, "the watch began")
        self.kubectl("label", "service", "ratings", "-n", "shop", "tried=yes")
        watch.wait_for(lambda: "MODIFIED ratings yes" in watch.log.read_text(), 60, "the label is seen")
        self.kubectl("label", "service", "ratings", "-n", "shop", "tried-")
        self.kubectl("annotate", "service", "ratings", "-n", "shop", "note=one")
        self.assertEqual(self.kubectl("get", "service", "ratings", "-n", "shop", "-o",
                                      "jsonpath={.metadata.labels.tried}{.metadata.annotations.note}"), "one")

    def test_apply_creates_changes_and_delete_removes(self):
        self.assertIn("created", self.kubectl("apply", "-f", "-", stdin=SETTINGS % "red"))
        self.assertIn("unchanged", self.kubectl("apply", "-f", "-", stdin=SETTINGS % "red"))
        self.assertIn("configured", self.kubectl("apply", "-f", "-", stdin=SETTINGS % "blue"))
        self.assertIn("serverside-applied", self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-",
                                                         stdin=SETTINGS % "green"))
        self.assertEqual(self.kubectl("get", "configmap", "settings", "-n", "shop", "-o", "jsonpath={.data.colour}"), "green")
        self.kubectl("delete", "configmap", "settings", "-n", "shop")
        self.kubectl("get", "configmap", "settings", "-n", "shop", fails=True)

    def test_a_new_image_rolls_out_and_rollout_status_follows_it(self):
        self.kubectl("set", "image", "deployment/orders", "-n", "shop", "*=example.com/orders:2.0")
        self.assertIn("successfully rolled out", self.kubectl("rollout", "status", "deployment/orders", "-n", "shop", "--timeout=240s"))

        def images():
            return set(self.kubectl("get", "pods", "-n", "shop", "-l", "app=orders", "-o",
                                    "jsonpath={.items[*].spec.containers[0].image}").split())
        wait_until(lambda: images() == {"example.com/orders:2.0"}, 60, "every pod has the new image")


if __name__ == "__main__":
    unittest.main()
