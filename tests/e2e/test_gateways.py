"""The gateway in other shapes than a Deployment of the article's kind, on a real control
plane: an ingress-nginx that is a DaemonSet, KubeSphere's own gateway, an Ingress that is split."""

import yaml

from admission import Moment
from cluster import is_ready
from processes import wait_until
from programs import USER, Controller
from scenario import APP, GATEWAY, MANIFESTS, ONE_SERVICE, PROXY, UNDO, Scenario

MESH = "servicemesh.kubesphere.io/enabled"
OFF = "off"  # as if MESH were not there
CONTROLS = "kubesphere-controls-system"
NODES = ("node-1", "node-2")
EDGE = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: edge, annotations: {meshgraft.io/split-ingress: "true"}}
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: one, port: {number: 80}}}}
      - {path: /two, pathType: Prefix, backend: {service: {name: two, port: {number: 80}}}}
"""


def as_daemon_set():
    """ingress-nginx.yaml, its Deployment as a DaemonSet."""
    objects = list(yaml.safe_load_all((MANIFESTS / "ingress-nginx.yaml").read_text()))
    for o in objects:
        if o["kind"] == "Deployment":
            o["kind"] = "DaemonSet"
            del o["spec"]["replicas"]
    return yaml.safe_dump_all(objects)


class Gateways(Scenario):
    mesh = "kubesphere"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in NODES:
            cls.api.label("Node", None, node, ingress="true")
        cls.cluster.create_namespace("edge")
        cls.cluster.apply(as_daemon_set(), "edge")

    def controllers(self, namespace):
        """The ready pods of the DaemonSet, once there is one on each node."""
        pods = [p for p in self.api.list("Pod", namespace, "app.kubernetes.io/component=controller") if is_ready(p)]
        return pods if sorted(p["spec"]["nodeName"] for p in pods) == sorted(NODES) else None

    def made_anew(self, kind, plural, group, namespace, name):
        """A Moment in which an object is deleted and made again while the first write to it is on its way."""
        done = []

        def act(request):
            if not done and request["name"] == name and request["operation"] == "UPDATE":
                done.append(True)
                same = self.api.get(kind, namespace, name)
                self.api.delete(kind, namespace, name)
                same["metadata"] = {k: same["metadata"][k] for k in ("name", "labels", "annotations") if k in same["metadata"]}
                same.pop("status", None)
                self.api.create(kind, namespace, same)
        return Moment(self.cluster, USER, group, plural, act)

    def test_a_daemon_set_that_is_made_anew_on_the_way_is_looked_at_again_and_serves_the_mesh(self):
        before = wait_until(lambda: self.controllers("edge"), 60, "a pod on each node")
        self.assertTrue(all(p["spec"].get("hostNetwork") for p in before))
        begin = self.audit.position()
        with Controller(self.cluster) as controller, \
                self.made_anew("DaemonSet", "daemonsets", "apps", "edge", "ingress-nginx-controller"):
            self.api.label("Namespace", None, "edge", **{GATEWAY: "ingress-nginx"})
            self.wait_until_joined(controller, "edge", seconds=180)

            def in_the_mesh():
                pods = self.controllers("edge")
                return pods and all(PROXY in [c["name"] for c in p["spec"]["containers"]] for p in pods) and pods
            pods = wait_until(in_the_mesh, 60, "each pod has its sidecar")
        self.assertFalse(any(p["spec"].get("hostNetwork") for p in pods))
        ports = {p["hostPort"] for c in pods[0]["spec"]["containers"] for p in c.get("ports", []) if p.get("hostPort")}
        self.assertEqual(ports, {80, 443})
        first = min((w for w in self.writes(begin) if w.resource == "daemonsets"), key=lambda w: w.received)
        self.assertGreaterEqual(first.code, 400, "it was meant for the one that is gone")

    def test_kubespheres_gateway_is_switched_on_through_its_resource_and_off_again(self):
        self.cluster.create_namespace(CONTROLS)
        self.cluster.apply(yaml.safe_dump({
            "apiVersion": "gateway.kubesphere.io/v1alpha1", "kind": "Gateway",
            "metadata": {"name": "kubesphere-router-project", "namespace": CONTROLS},
            "spec": {"controller": {"replicas": 1, "scope": {"enabled": True, "namespace": "project"}},
                     "deployment": {"replicas": 1}}}))
        before = self.api.get("Gateway", CONTROLS, "kubesphere-router-project")
        self.namespace("project", ONE_SERVICE)

        def spec():
            # None while it is being made anew.
            found = self.api.get("Gateway", CONTROLS, "kubesphere-router-project")
            return found and found["spec"]

        def switch():
            return (now := spec()) and now["deployment"].get("annotations", {}).get(MESH, OFF)
        with Controller(self.cluster), self.made_anew("Gateway", "gateways", "gateway.kubesphere.io", CONTROLS, "kubesphere-router-project"):
            self.api.label("Namespace", None, "project", **{APP: "project"})
            wait_until(lambda: switch() == "true", 120, "the gateway of the project is in the mesh")
            self.api.label("Namespace", None, "project", **{APP: None})
            wait_until(lambda: switch() == OFF and UNDO not in self.api.get("Gateway", CONTROLS, "kubesphere-router-project")["metadata"].get("annotations", {}),
                       120, "it is as before")
        self.assertEqual(spec(), before["spec"])

    def test_an_ingress_is_split_and_put_together_again(self):
        self.namespace("shop", ONE_SERVICE + "---" + ONE_SERVICE.replace("one", "two"))
        # Made in the console: what kubectl applies is not split, since it would bring the paths back (MG414).
        self.api.create("Ingress", "shop", yaml.safe_load(EDGE))
        before = self.api.get("Ingress", "shop", "edge")["spec"]

        def served():
            return {path["path"]: i["metadata"]["name"] for i in self.api.list("Ingress", "shop")
                    for rule in i["spec"]["rules"] for path in rule["http"]["paths"]}
        with Controller(self.cluster) as controller:
            self.api.label("Namespace", None, "edge", **{GATEWAY: "ingress-nginx"})
            self.api.label("Namespace", None, "shop", **{APP: "shop"})
            self.wait_until_joined(controller, "edge", "shop", seconds=180)
            self.assertEqual(served(), {"/": "edge", "/two": "edge-two"})
            self.api.label("Namespace", None, "shop", **{APP: None})
            wait_until(lambda: [i["metadata"]["name"] for i in self.api.list("Ingress", "shop")] == ["edge"], 240,
                       "one Ingress again")
        self.assertEqual(self.api.get("Ingress", "shop", "edge")["spec"], before)
