"""What the tests of replaces share: a shop whose selector KubeSphere does not accept, how
it is asked to be created again, and what must be true of it afterwards. Used by
test_replace*.py; holds no test."""

import os
import tempfile
from pathlib import Path

from processes import run_client, wait_until
from scenario import APP, HELD, ONE_SERVICE, UNDO, Scenario

POLICY = "meshgraft.io/policy"
UPDATED = "meshgraft.io/manifests-updated"
ROLLOUTS = "meshgraft.io/max-rollouts"
PAUSED = "meshgraft.io/paused"
NAMING = "meshgraft.io/naming"
KEYS = {"app", "version", "app.kubernetes.io/name", "app.kubernetes.io/version"}
REPLACE = ("--replace-enabled", "--max-rollouts", "10")
MOST_WRITES = 12  # for one Deployment, besides scaling

SHOP = (ONE_SERVICE.replace("one", "web").replace("app: web", "run: web")
        .replace("metadata: {name: web}\nspec:\n  replicas: 1", "metadata: {name: web, labels: {run: web}}\nspec:\n  replicas: 3")
        .replace("image: web", 'image: "web:1"'))


class ReplaceScenario(Scenario):
    mesh = "kubesphere"
    values = ("replace.enabled=true",)

    def shop(self, name, manifest=SHOP, **annotations):
        """A namespace that policy replace is asked for, running and not labelled yet."""
        self.namespace(name, manifest)
        self.api.annotate("Namespace", None, name, **{POLICY: "replace", UPDATED: "true", **annotations})
        return self.api.get("Deployment", name, "web")

    def label(self, name):
        self.api.label("Namespace", None, name, **{APP: name})

    def chart_of(self, manifest):
        """The folder of a chart `shop` of one file, with the value `image`, and that file."""
        chart = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="chart-")))
        (chart / "templates").mkdir()
        (chart / "Chart.yaml").write_text("{apiVersion: v2, name: shop, version: 1.0.0}\n")
        (chart / "values.yaml").write_text('{image: "web:1"}\n')
        file = chart / "templates" / "shop.yaml"
        file.write_text(manifest.replace('"web:1"', "{{ .Values.image }}"))
        return chart, file

    def run_helm(self, program, *arguments):
        """A call of helm or helm4 as admin: the completed process."""
        return run_client([self.cluster.tools / program, *arguments], timeout=360,
                          env={**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "HOME": str(self.cluster.folder)})

    def records(self, namespace):
        return [r for r in self.api.list("ControllerRevision", namespace)
                if r["metadata"]["name"].startswith("meshgraft-")]

    def new_one(self, namespace, former):
        """The Deployment that was created in the former one's place, or None."""
        now = self.api.get("Deployment", namespace, former["metadata"]["name"])
        return now if now and now["metadata"]["uid"] != former["metadata"]["uid"] else None

    def wait_until_new_one(self, controller, namespace, former):
        return wait_until(lambda: controller.process.check() or self.new_one(namespace, former), 120,
                          f"the new one of {namespace} is there")

    def wait_until_said(self, controller, code, namespace):
        """Until the controller tells a finding of this code in a namespace."""
        wait_until(lambda: controller.process.check() or any(
            line.startswith("meshgraft_findings{") and f'"{namespace}"' in line and f'"{code}"' in line and not line.endswith(" 0")
            for line in controller.metrics().splitlines()), 120, f"{code} is said of {namespace}", step=0.3)

    def is_replaced(self, namespace, name, former):
        now = self.api.get("Deployment", namespace, name)
        return (now and now["metadata"]["uid"] != former["metadata"]["uid"] and not self.records(namespace)
                and KEYS <= set(now["spec"]["selector"]["matchLabels"])
                and now.get("status", {}).get("readyReplicas", 0) == now["spec"]["replicas"])

    def wait_until_replaced(self, controller, namespace, former, name="web", seconds=180):
        try:
            wait_until(lambda: controller.process.check() or self.is_replaced(namespace, name, former), seconds,
                       f"{namespace}/{name} is re-created", step=0.2)
        except TimeoutError as error:
            self.fail(f"{error}\n{self.records(namespace)}\nlog:\n{controller.process.tail(40)}")

    def assert_served(self, watch, namespace, service, replicas, outcome):
        """Never fewer ready endpoints than the Deployment has replicas, since it is watched. The outcome is told."""
        self.assertEqual(watch.gaps, 0, "the watch of EndpointSlices was interrupted: no proof")
        fewest = watch.fewest().get((namespace, service), 0)
        self.assertGreaterEqual(fewest, replicas, watch.history(namespace, service))
        self.tell_outcome(watch, namespace, service, replicas, outcome)

    def assert_as_before(self, former, now):
        """But for the mark that it is held, and the record of that."""
        def kept(obj):
            meta = obj["metadata"]
            annotations = {k: v for k, v in meta.get("annotations", {}).items()
                           if k not in (HELD, UNDO, "deployment.kubernetes.io/revision")}
            return obj["spec"], meta.get("labels", {}), annotations
        self.assertEqual(kept(now), kept(former))
