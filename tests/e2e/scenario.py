"""What the scenarios share: one cluster for each test class with the models running,
ways to wait, and the assertions on what the API server holds. Used by test_*.py."""

import json
import unittest
from pathlib import Path

import cluster as control_plane
from audit import AuditLog
from cluster import Cluster, rolled_out
from endpoint_watch import EndpointWatch
from processes import wait_until
from programs import USER, Models, admit, meshgraft

MANIFESTS = Path(__file__).resolve().parent / "manifests"
APP = "meshgraft.io/app"
GATEWAY = "meshgraft.io/gateway"
STATUS = "meshgraft.io/status"
GOVERNED = "servicemesh.kubesphere.io/enabled"
PROXY = "istio-proxy"


class Scenario(unittest.TestCase):
    """One control plane for the class; each test makes namespaces of its own."""

    mesh = "kubesphere"

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster(cls.mesh))
        cls.api = cls.cluster.api
        cls.audit = AuditLog(cls.cluster.audit_log)
        admit(cls.cluster)
        cls.enterClassContext(Models(cls.cluster))

    def namespace(self, name, manifest, labels=None):
        """A namespace with a manifest applied as people do it, and everything in it running."""
        self.cluster.create_namespace(name, labels)
        self.cluster.apply(MANIFESTS / manifest if isinstance(manifest, str) and manifest.endswith(".yaml")
                           else manifest, name)
        self.cluster.wait_for_deployments(name)

    def watching(self, *namespaces):
        return self.enterContext(EndpointWatch(self.api, namespaces))

    def wait_until_joined(self, controller, *namespaces, seconds=120):
        """Until meshgraft has nothing left to do anywhere and every rollout is complete."""
        def settled():
            controller.process.check()
            if not all(rolled_out(w) for n in namespaces
                       for w in self.api.list("Deployment", n) + self.api.list("StatefulSet", n)):
                return False
            return meshgraft(self.cluster, "plan", "-A").returncode == 0
        try:
            wait_until(settled, seconds, f"{', '.join(namespaces)} joined", step=0.3)
        except TimeoutError as error:
            left = meshgraft(self.cluster, "plan", "-A")
            self.fail(f"{error}\nplan ended with {left.returncode}:\n{left.stdout}{left.stderr}\n"
                      f"log:\n{controller.process.tail(40)}")

    # What the API server holds.

    def pods_of(self, namespace, workload):
        selector = ",".join(f"{k}={v}" for k, v in workload["spec"]["selector"]["matchLabels"].items())
        return [p for p in self.api.list("Pod", namespace, selector) if "deletionTimestamp" not in p["metadata"]]

    def assert_sidecar(self, namespace, deployment):
        """Every pod of a Deployment has the proxy, and the injector says so itself."""
        workload = self.api.get("Deployment", namespace, deployment)
        pods = self.pods_of(namespace, workload)
        self.assertEqual(len(pods), workload["spec"]["replicas"], f"pods of {namespace}/{deployment}")
        for pod in pods:
            containers = pod["spec"]["containers"] + pod["spec"].get("initContainers", [])
            self.assertIn(PROXY, [c["name"] for c in containers], pod["metadata"]["name"])
            self.assertIn("sidecar.istio.io/status", pod["metadata"].get("annotations", {}), pod["metadata"]["name"])

    def assert_labels(self, obj, **expected):
        """At least these labels, with these values; keys by `**{...}`."""
        labels = obj["metadata"].get("labels", {})
        self.assertEqual({k: labels.get(k) for k in expected}, expected,
                         f"labels of {obj['kind']} {obj['metadata']['name']}")

    def annotation(self, obj, key):
        return obj["metadata"].get("annotations", {}).get(key)

    def assert_never_without_endpoint(self, watch, services):
        """Each (namespace, service) had a ready endpoint from start to end."""
        self.assertEqual(watch.gaps, 0, "the watch of EndpointSlices was interrupted: no proof")
        fewest = watch.fewest()
        for namespace, service in services:
            self.assertGreaterEqual(fewest.get((namespace, service), 0), 1,
                                    f"{namespace}/{service} over time: {watch.history(namespace, service)}")

    # What was written.

    def versions(self, *namespaces):
        """{(kind, namespace, name): resourceVersion} of all that meshgraft may write to."""
        kinds = ["Deployment", "StatefulSet", "Service", "Ingress", "ConfigMap", "Application", "EnvoyFilter",
                 "VirtualService", "DestinationRule", "ControllerRevision"]
        found = {("Namespace", "", n): self.api.get("Namespace", None, n)["metadata"]["resourceVersion"]
                 for n in namespaces}
        for kind in kinds:
            for n in namespaces:
                for o in self.api.list(kind, n):
                    found[kind, n, o["metadata"]["name"]] = o["metadata"]["resourceVersion"]
        return found

    def writes(self, since=0):
        return self.audit.writes(USER, since)

    def assert_plan_told_the_truth(self, plan, since, namespaces):
        """What run wrote in these namespaces is what plan had printed before: the same
        targets and bodies, and in each namespace the same order of stages."""
        planned = [planned_write(s) for s in plan["changes"] if s["namespace"] in namespaces]
        written = [w for w in map(sent_write, self.writes(since)) if w["namespace"] in namespaces and not w["status"]]
        for w in written:
            self.assertLess(w["code"], 300, f"a write that was not accepted: {w}")
        key = lambda w: (w["namespace"], w["kind"], w["name"], json.dumps(w["body"], sort_keys=True))
        self.assertEqual(sorted(map(key, written)), sorted(map(key, planned)))
        stage_of = {key(w): w["stage"] for w in planned}
        for namespace in namespaces:
            ours = [w for w in planned if w["namespace"] == namespace]
            order = list(dict.fromkeys(w["stage"] for w in ours))
            seen = [stage_of[key(w)] for w in written if w["namespace"] == namespace]
            self.assertEqual(seen, sorted(seen, key=order.index), f"order of stages in {namespace}")

    def assert_nothing_written(self, since, namespaces):
        self.assertEqual([str(w) for w in self.writes(since)
                          if w.namespace in namespaces or (w.resource == "namespaces" and w.name in namespaces)], [])


def planned_write(step):
    return {"namespace": step["namespace"], "kind": step["kind"], "name": step["name"],
            "stage": step["stage"], "body": comparable(step["body"])}


KIND_OF = {plural: kind for kind, (_, plural, _) in control_plane.KINDS.items()}


def sent_write(request):
    kind = KIND_OF.get(request.resource, request.resource)
    body = request.body
    status = (kind == "Namespace" and isinstance(body, dict)
              and set(body.get("metadata", {}).get("annotations", {})) == {STATUS})
    return {"namespace": request.namespace or (request.name if kind == "Namespace" else ""), "kind": kind,
            "name": request.name, "code": request.code, "body": comparable(body), "status": status}


def comparable(body):
    """A body without what no plan can know: versions and uids, which the sink adds as
    preconditions, and the resourceVersion inside touched-at."""
    body = json.loads(json.dumps(body))
    if isinstance(body, dict) and "metadata" in body:
        for field in ("uid", "resourceVersion", "name", "namespace"):
            body["metadata"].pop(field, None)
        touched = body["metadata"].get("annotations", {})
        if "meshgraft.io/touched-at" in touched:
            touched["meshgraft.io/touched-at"] = "*"
        body.pop("apiVersion", None)
        body.pop("kind", None)
    return body
