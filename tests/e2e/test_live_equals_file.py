"""A plan of a namespace and of its dump are the same: what people review is what will happen."""

import json
from pathlib import Path

from processes import wait_until
from programs import meshgraft
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
        """What a command prints that ends with this status; asked again while it does not, as when the API server did not
        answer in time."""
        tried = []

        def ends_so():
            tried.append(meshgraft(self.cluster, *arguments))
            return tried[-1].returncode == status
        try:
            wait_until(ends_so, 30, " ".join(map(str, arguments)), step=1)
        except TimeoutError as error:
            self.fail(f"{error}: status {tried[-1].returncode}: {tried[-1].stderr}")
        return tried[-1].stdout

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
