"""A plan of a namespace and of its dump are the same: what people review is what will happen. Manifests as a plan prints
them leave nothing to be done. And what is said to be refused of a manifest is refused by the API server."""

import json
from pathlib import Path

import yaml

from api import path_of
from processes import wait_until
from programs import Controller, answered, meshgraft
from scenario import APP, MANIFESTS, STATUS, Scenario

REFUSED = Path(__file__).resolve().parents[1] / "data" / "refused"

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

    def test_manifests_that_are_applied_leave_a_controller_nothing_to_write(self):
        name = "from-files"
        facts = Path(self.cluster.folder) / "facts-of-files.yaml"
        facts.write_text(self.printed(0, "status", "-A", "--facts", "-o", "yaml"))
        self.namespace(name, self.printed(2, "plan", "-f", MANIFESTS / "bookinfo.yaml", "-n", name, "--app", "shop", "--facts", facts, "-o", "manifests"))
        begin = self.audit.position()
        self.api.label("Namespace", None, name, **{APP: "shop"})
        with Controller(self.cluster) as controller:
            self.wait_until_joined(controller, name)
            wait_until(lambda: self.annotation(self.api.get("Namespace", None, name), STATUS), 60, "a report: the namespace has been planned")
        self.assert_nothing_written(begin, [name], reports=True)

    def refused_of(self, manifest):
        """The fields that the API server refuses of a manifest; nothing is created."""
        path = path_of(manifest["kind"], "refused")
        code, answer = self.api.raw("POST", path, manifest, query={"dryRun": "All"})
        self.assertIn(code, (201, 422), f"{manifest['metadata']['name']}: {answer}")
        return [cause["field"] for cause in answer["details"]["causes"]] if code == 422 else []

    def test_what_check_says_that_a_server_would_refuse_it_refuses(self):
        self.cluster.create_namespace("refused")
        for manifest in yaml.safe_load_all((REFUSED / "refused.yaml").read_text()):
            name = manifest["metadata"]["name"]
            fields = self.refused_of(manifest)
            for path in manifest["metadata"]["annotations"]["refused"].split():
                # Of a label the server names the map that holds it, and of a pod template without "metadata". Of two
                # ports that have to be equal 1.24 names the other one.
                named = {path, path.replace(".template.metadata.", ".template."), path.replace(".hostPort", ".containerPort")}
                with self.subTest(name, path=path, refused=fields):
                    self.assertTrue([one for one in fields for way in named if way.startswith(one)])
        for manifest in yaml.safe_load_all((REFUSED / "accepted.yaml").read_text()):
            with self.subTest(manifest["metadata"]["name"]):
                self.assertEqual(self.refused_of(manifest), [])
