"""What the scenarios share: one cluster for each test class with the models running,
ways to wait, and the assertions on what the API server holds. Used by test_*.py."""

import json
import unittest
from pathlib import Path

from api import KINDS
from audit import AuditLog
from cluster import Cluster, is_ready, rolled_out
from endpoint_watch import EndpointWatch
from outcomes import tell
from processes import wait_until
from programs import USER, Controller, Models, admit, meshgraft
from rights import note

MANIFESTS = Path(__file__).resolve().parent / "manifests"
APP = "meshgraft.io/app"
GATEWAY = "meshgraft.io/gateway"
STATUS = "meshgraft.io/status"
UNDO = "meshgraft.io/undo"
HELD = "meshgraft.io/held"
GOVERNED = "servicemesh.kubesphere.io/enabled"
PROXY = "istio-proxy"
SERVICE_NAME = "kubernetes.io/service-name"  # whose EndpointSlice it is
ROOT_CERTIFICATES = ("kube-root-ca.crt", "istio-ca-root-cert")  # put into every namespace, sooner or later


# The least that can join.
ONE_SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: one}
spec:
  selector: {app: one}
  ports: [{name: http, port: 80}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: one}
spec:
  replicas: 1
  selector: {matchLabels: {app: one}}
  template:
    metadata: {labels: {app: one}}
    spec:
      containers: [{name: one, image: one}]
"""


class Scenario(unittest.TestCase):
    """One control plane for the class; each test makes namespaces of its own. At the end of
    the class no request of the controller may have been denied."""

    maxDiff = None
    mesh = "kubesphere"
    values = ()  # of the chart, as in "replace.enabled=true"

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster(cls.mesh))
        cls.api = cls.cluster.api
        cls.audit = AuditLog(cls.cluster.audit_log)
        cls.addClassCleanup(note, cls.__name__, cls.cluster, cls.audit, USER)
        cls.admit()
        cls.enterClassContext(Models(cls.cluster))

    @classmethod
    def admit(cls):
        admit(cls.cluster, *cls.values)

    def namespace(self, name, manifest, labels=None):
        """A namespace with a manifest applied as people do it, and everything in it running."""
        self.cluster.create_namespace(name, labels)
        self.cluster.apply(MANIFESTS / manifest if isinstance(manifest, str) and manifest.endswith(".yaml")
                           else manifest, name)
        self.cluster.wait_for_deployments(name)
        # Endpoints follow pods a moment later; a proof that counts them begins when they are all there.
        wait_until(lambda: self.endpoints_are_there(name), 60, f"every ready pod of {name} is an endpoint")

    def endpoints_are_there(self, namespace):
        """Has every Service with a selector as many ready endpoints as ready pods?"""
        ready = {}
        for piece in self.api.list("EndpointSlice", namespace):
            service = piece["metadata"].get("labels", {}).get(SERVICE_NAME)
            ready[service] = ready.get(service, 0) + sum(
                endpoint.get("conditions", {}).get("ready") is not False for endpoint in piece.get("endpoints") or [])
        for service in self.api.list("Service", namespace):
            if selector := service["spec"].get("selector"):
                pods = self.api.list("Pod", namespace, ",".join(f"{k}={v}" for k, v in selector.items()))
                if ready.get(service["metadata"]["name"], 0) != sum(map(is_ready, pods)):
                    return False
        return True

    def wait_until_governed(self, namespace, *services):
        """Until KubeSphere has made a VirtualService of each; it does so after meshgraft's last write."""
        for name in services:
            wait_until(lambda: self.api.get("VirtualService", namespace, name), 60,
                       f"VirtualService {namespace}/{name}")

    def watching(self, *namespaces):
        self._since = self.audit.position()
        return self.enterContext(EndpointWatch(self.api, namespaces))

    def wait_until_joined(self, controller, *namespaces, seconds=120):
        """Until meshgraft has nothing left to do anywhere and every rollout is complete."""
        def all_rolled_out():
            return all(rolled_out(w) for n in namespaces for w in self.api.list("Deployment", n) + self.api.list("StatefulSet", n))

        def settled():
            controller.process.check()
            # After the plan once more: what was left when it was first asked may have been a template.
            return all_rolled_out() and meshgraft(self.cluster, "plan", "-A").returncode == 0 and all_rolled_out()
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

    def tell_outcome(self, watch, namespace, service, replicas, outcome):
        """A row of the table at the tier's end: what this scenario came to, by what was seen and written since it watches."""
        writes = [w for w in self.writes(self._since) if w.namespace == namespace]
        tell(self._testMethodName.removeprefix("test_").replace("_", " "), f"{namespace}/{service}",
             watch.fewest().get((namespace, service), 0), replicas, len(writes),
             sum(w.resource == "replicasets" and w.verb == "patch" for w in writes), outcome)

    def assert_never_without_endpoint(self, watch, services, outcome):
        """Each (namespace, service) had a ready endpoint from start to end. The outcome is told."""
        self.assertEqual(watch.gaps, 0, "the watch of EndpointSlices was interrupted: no proof")
        fewest = watch.fewest()
        for namespace, service in services:
            self.assertGreaterEqual(fewest.get((namespace, service), 0), 1,
                                    f"{namespace}/{service} over time: {watch.history(namespace, service)}")
            self.tell_outcome(watch, namespace, service, watch.history(namespace, service)[0][1], outcome)

    # What was written.

    def versions(self, *namespaces):
        """{(kind, namespace, name): version} of what meshgraft may write to: resourceVersions,
        but generations where somebody else goes on writing a status."""
        found = {("Namespace", "", n): self.api.get("Namespace", None, n)["metadata"]["resourceVersion"]
                 for n in namespaces}
        for field, kinds in (
                ("resourceVersion", ("Service", "Ingress", "ConfigMap", "EnvoyFilter", "ControllerRevision")),
                ("generation", ("Deployment", "StatefulSet", "DaemonSet", "Application"))):
            for kind in kinds:
                for n in namespaces:
                    for o in self.api.list(kind, n):
                        if o["metadata"]["name"] not in ROOT_CERTIFICATES:
                            found[kind, n, o["metadata"]["name"]] = o["metadata"][field]
        return found

    def writes(self, since=0):
        return self.audit.writes(USER, since)

    def assert_plan_told_the_truth(self, plan, since, namespaces):
        """What run wrote in these namespaces is what plan had printed before: the same
        targets and bodies, and in each namespace the same order of stages."""
        # Printed grouped by stage; `round` says what comes before what.
        planned = [planned_write(c) for c in sorted(plan["changes"], key=lambda c: c["round"])
                   if c["namespace"] in namespaces]
        written = [w for w in map(sent_write, sorted(self.writes(since), key=lambda w: w.received))
                   if w["namespace"] in namespaces and not w["status"]]
        created = {(w["kind"], w["namespace"], w["name"]) for w in written if w["verb"] == "create"}
        # What somebody else's write, or a busy server, came in the way of was sent again.
        again = [w for w in written if w["code"] in (409, 429) or w["unheard"]]
        self.assertLessEqual(len(again), 2 * len(planned), "writes that were sent again, over and over")
        # But for one that was carried out although its time was up: that is seen, and it is not sent again.
        heard = {identity(w) for w in written if w not in again}
        late = {identity(w): w for w in again if w["unheard"] and identity(w) not in heard}.values()
        written = [w for w in written if w not in again or w in late]
        for w in written:
            self.assertTrue(w["code"] < 300 or w in late, f"a write that was not accepted: {w}")
            if (w["kind"], w["namespace"], w["name"]) in created and w["verb"] == "patch":
                forget_uid(w["body"])
        self.assertEqual(sorted(map(identity, written)), sorted(map(identity, planned)))
        stage_of = {identity(w): w["stage"] for w in planned}
        for namespace in namespaces:
            self.assertEqual([stage_of[identity(w)] for w in written if w["namespace"] == namespace],
                             [w["stage"] for w in planned if w["namespace"] == namespace],
                             f"order of stages in {namespace}")

    def second_run_writes_nothing(self, *namespaces):
        """Starts a controller anew, lets it join one more namespace as the sign that it
        has planned every other one too, and compares."""
        # The one before may have been stopped when all but its last report was written: that comes now, and nothing else.
        self.run_once_more("sign-", namespaces, reports=True)
        versions = self.versions(*namespaces)
        self.run_once_more("second-sign-", namespaces)
        self.assertEqual(self.versions(*namespaces), versions)

    def run_once_more(self, sign, namespaces, reports=False):
        begin = self.audit.position()
        sign += namespaces[0]
        with Controller(self.cluster) as controller:
            self.namespace(sign, ONE_SERVICE, {APP: "sign"})
            self.wait_until_joined(controller, sign, *namespaces)
        self.assert_nothing_written(begin, namespaces, reports)

    def assert_nothing_written(self, since, namespaces, reports=False):
        """Or, with reports=True, nothing but reports on Namespaces."""
        self.assertEqual([str(w) for w in self.writes(since)
                          if (w.namespace in namespaces or (w.resource == "namespaces" and w.name in namespaces))
                          and not (reports and sent_write(w)["status"])], [])


# Verb of a plan -> (verb of the request, field manager)
REQUESTS = {"apply": ("patch", "meshgraft"), "restore": ("patch", "meshgraft-undo"), "edit": ("patch", "meshgraft"),
            "create": ("create", "meshgraft"), "remove": ("delete", ""), "orphan": ("delete", ""),
            "scale": ("patch", "meshgraft")}
KIND_OF = {plural: kind for kind, (_, plural, _) in KINDS.items()}


def planned_write(change):
    verb, user = REQUESTS[change["verb"]]
    return {"namespace": change["namespace"], "kind": change["target"]["kind"], "name": change["target"]["name"],
            "verb": verb, "manager": user, "force": change["force"], "stage": change["stage"],
            "body": comparable(change["body"]) if verb != "delete" else None}


def sent_write(request):
    kind = KIND_OF.get(request.resource, request.resource)
    annotations = request.body.get("metadata", {}).get("annotations", {}) if isinstance(request.body, dict) else {}
    return {"namespace": request.namespace or (request.name if kind == "Namespace" else ""), "kind": kind,
            "name": request.name, "verb": request.verb, "manager": request.query.get("fieldManager", ""),
            "force": request.query.get("force") == "true", "code": request.code,
            "unheard": request.unheard, "received": request.received,
            "body": comparable(request.body) if request.verb != "delete" else None,
            # The report on the Namespace is no step of the plan.
            "status": kind == "Namespace" and set(annotations) == {STATUS}}


def identity(write):
    """Equal for a planned and a sent write that are the same request."""
    return "\n".join((f"{write['verb']} {write['kind']} {write['namespace']}/{write['name']} as {write['manager']}"
                      f"{' forced' if write['force'] else ''}", json.dumps(write["body"], sort_keys=True)))


def forget_uid(body):
    """The undo record of an object that did not exist when the plan was made: there it
    is bound to the uid "new"."""
    annotations = body.get("metadata", {}).get("annotations", {})
    if UNDO in annotations:
        record = json.loads(annotations[UNDO])
        record["uid"] = "new"
        annotations[UNDO] = json.dumps(record, separators=(",", ":"))


def comparable(body):
    """A body without what the sink adds from the target and the preconditions."""
    body = json.loads(json.dumps(body))
    if isinstance(body, list):
        return [o for o in body if o["path"] not in ("/metadata/uid", "/metadata/resourceVersion")]
    if isinstance(body, dict):
        body.pop("apiVersion", None)
        body.pop("kind", None)
        meta = body.get("metadata", {})
        for field in ("uid", "resourceVersion", "name", "namespace"):
            meta.pop(field, None)
        if not body.get("status", {}).get("loadBalancer"):
            body.pop("status", None)  # the API server's own, in the log of a create
    return body
