"""A plan of a namespace and of its dump are the same: what people review is what will happen."""

import json
from pathlib import Path

from programs import answered, meshgraft
from scenario import Scenario

# Beside the Namespace: what `kubectl get -o yaml` of these kinds prints is all that a plan of the namespace reads.
DUMPED = ["Deployment", "StatefulSet", "Service", "Ingress", "ConfigMap", "Pod"]


class LiveEqualsFile(Scenario):
    def dump(self, namespace):
        items = [self.api.get("Namespace", None, namespace)]
        for kind in DUMPED:
            items += self.api.list(kind, namespace)
        return {"apiVersion": "v1", "kind": "List", "items": items}

    def printed(self, status, *arguments):
        """What a command prints, which must end with this status."""
        done = answered(lambda: meshgraft(self.cluster, *arguments))
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stderr}")
        return done.stdout

    def test_a_plan_of_a_namespace_and_of_its_dump_are_the_same(self):
        name = "as-file"
        self.namespace(name, "bookinfo.yaml")
        folder = Path(self.cluster.folder)
        (folder / "facts.yaml").write_text(self.printed(0, "status", "-A", "--facts", "-o", "yaml"))
        (folder / "dump.json").write_text(json.dumps(self.dump(name)))
        for form in ("text", "json"):
            with self.subTest(form):
                live = self.printed(2, "plan", "-n", name, "--app", "shop", "-o", form)
                file = self.printed(2, "plan", "-f", folder / "dump.json", "--facts", folder / "facts.yaml", "--app", "shop", "-o", form)
                self.assertEqual(file, live)
