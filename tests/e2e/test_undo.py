"""The way back on a real control plane: what a label brought goes with it, object for
object, while every Service keeps a ready endpoint."""

import contextlib

import yaml

from processes import wait_until
from programs import Controller
from scenario import APP, GATEWAY, GOVERNED, ROOT_CERTIFICATES, STATUS, UNDO, Scenario

# Ports whose names tell no protocol, and Ingresses that name one. Created, not applied: what people apply is not renamed.
BLOG = yaml.safe_load("""
- apiVersion: v1
  kind: Service
  metadata: {name: blog}
  spec:
    selector: {app: blog}
    ports: [{name: api, port: 8081, targetPort: 8080}, {name: web, port: 80, targetPort: 8080}]
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: blog, labels: {app: blog}}
  spec:
    replicas: 1
    selector: {matchLabels: {app: blog}}
    template:
      metadata: {labels: {app: blog}}
      spec: {containers: [{name: blog, image: "blog:1", ports: [{containerPort: 8080}]}]}
- apiVersion: networking.k8s.io/v1
  kind: Ingress
  metadata: {name: blog}
  spec: {ingressClassName: other, rules: [{host: blog.example.com, http: {paths: [&path {path: /, pathType: Prefix, backend: {service: {name: blog, port: {name: web}}}}]}}]}
- apiVersion: networking.k8s.io/v1
  kind: Ingress
  metadata: {name: labelled, labels: {app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}}
  spec: {ingressClassName: other, rules: [{host: more.example.com, http: {paths: [*path]}}]}
""")
KINDS_OF_PEOPLE = ("Deployment", "StatefulSet", "DaemonSet", "Service", "Ingress", "ConfigMap", "Application",
                   "VirtualService", "DestinationRule", "EnvoyFilter", "Strategy")
KEPT_BY_THE_SERVER = ("managedFields", "resourceVersion", "generation", "creationTimestamp")
REVISION = "deployment.kubernetes.io/revision"


def essence(obj):
    """An object without what the server and its controllers keep for themselves."""
    obj = {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k not in KEPT_BY_THE_SERVER}}
    obj.pop("status", None)
    annotations = {k: v for k, v in obj["metadata"].get("annotations", {}).items() if k != REVISION}
    obj["metadata"].pop("annotations", None)
    if annotations:
        obj["metadata"]["annotations"] = annotations
    if not obj["metadata"].get("labels", True):
        obj["metadata"].pop("labels")
    return obj


class WayBack(Scenario):
    mesh = "kubesphere"

    def objects(self, *namespaces):
        found = {}
        for namespace in namespaces:
            found["Namespace", namespace] = essence(self.api.get("Namespace", None, namespace))
            for kind in KINDS_OF_PEOPLE:
                for obj in self.api.list(kind, namespace):
                    if obj["metadata"]["name"] in ROOT_CERTIFICATES:
                        continue
                    obj.setdefault("kind", kind)
                    found[kind, namespace, obj["metadata"]["name"]] = essence(obj)
        return found

    def assert_same(self, before, after):
        self.assertEqual(sorted(map(str, after)), sorted(map(str, before)), "objects that are there")
        for key, obj in before.items():
            with self.subTest(object=" ".join(key)):
                self.assertEqual(after[key], obj)

    def wait_until_reported(self, *namespaces):
        """Until each has the report that goes when all is back: without it nobody could wait for that."""
        wait_until(lambda: all(self.annotation(self.api.get("Namespace", None, n), STATUS) for n in namespaces), 60,
                   f"a first report on {', '.join(namespaces)}")

    def wait_until_back(self, controller, *namespaces, seconds=240):
        def back():
            controller.process.check()
            return not any(self.annotation(self.api.get("Namespace", None, n), STATUS) for n in namespaces)
        try:
            wait_until(back, seconds, f"{', '.join(namespaces)} as before", step=0.5)
        except TimeoutError as error:
            reports = [self.annotation(self.api.get("Namespace", None, n), STATUS) for n in namespaces]
            self.fail(f"{error}: {reports}\nlog:\n{controller.process.tail(40)}")

    @contextlib.contextmanager
    def to_be_killed(self):
        controller = Controller(self.cluster)
        try:
            yield controller.__enter__()
        finally:
            controller.process.kill()

    def port_of(self, ingress):
        return self.api.get("Ingress", "shop", ingress)["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"]

    def test_the_articles_setting_goes_back_object_for_object(self):
        for node in ("node-1", "node-2"):
            self.api.label("Node", None, node, ingress="true")
        self.namespace("ingress-nginx", "ingress-nginx.yaml")
        self.namespace("shop", "shop.yaml")
        for obj in BLOG:
            self.api.create(obj["kind"], "shop", obj)
        self.cluster.wait_for_deployments("shop")
        wait_until(lambda: self.endpoints_are_there("shop"), 60, "every ready pod of shop is an endpoint")
        before = self.objects("shop", "ingress-nginx")
        watch = self.watching("shop", "ingress-nginx")
        with Controller(self.cluster) as controller:
            self.api.label("Namespace", None, "shop", **{APP: "shop"})
            self.api.label("Namespace", None, "ingress-nginx", **{GATEWAY: "ingress-nginx"})
            self.wait_until_joined(controller, "shop", "ingress-nginx", seconds=180)
            self.wait_until_governed("shop", "cart")
            self.wait_until_reported("shop", "ingress-nginx")
            # One was edited and then labelled by an apply, the other nothing but edited.
            for name in ("blog", "labelled"):
                self.assertEqual(self.port_of(name), {"number": 80}, name)
            self.api.label("Namespace", None, "shop", **{APP: None})
            self.api.label("Namespace", None, "ingress-nginx", **{GATEWAY: None})
            self.wait_until_back(controller, "shop", "ingress-nginx")
        watch.stop()
        self.assert_never_without_endpoint(watch, [
            ("shop", "web"), ("shop", "orders"), ("shop", "cart"), ("shop", "nacos-headless"),
            ("ingress-nginx", "ingress-nginx-controller")], "as before, object for object")
        self.assert_same(before, self.objects("shop", "ingress-nginx"))

    def test_bookinfo_goes_back_though_the_controller_is_killed_on_the_way(self):
        self.namespace("bookinfo", "bookinfo.yaml")
        before = self.objects("bookinfo")
        watch = self.watching("bookinfo")
        services = ("details", "ratings", "productpage")
        with Controller(self.cluster) as controller:
            self.api.label("Namespace", None, "bookinfo", **{APP: "bookinfo"})
            self.wait_until_joined(controller, "bookinfo")
            self.wait_until_reported("bookinfo")
        for sign in (lambda: not any(self.annotation(self.api.get("Service", "bookinfo", s), GOVERNED) for s in services),
                     lambda: sum(UNDO not in o["metadata"].get("annotations", {})
                                 for o in self.api.list("Deployment", "bookinfo")) >= 1):
            with self.to_be_killed() as controller:
                self.api.label("Namespace", None, "bookinfo", **{APP: None})
                wait_until(lambda: controller.process.check() or sign(), 200, "the way back has come so far", step=0.1)
        with Controller(self.cluster) as controller:
            self.wait_until_back(controller, "bookinfo")
        watch.stop()
        self.assert_never_without_endpoint(watch, [("bookinfo", s) for s in (*services, "reviews")], "as before, object for object")
        self.assert_same(before, self.objects("bookinfo"))

    def test_the_label_removed_while_it_joins(self):
        self.namespace("midway", "bookinfo.yaml")
        before = self.objects("midway")
        watch = self.watching("midway")
        with Controller(self.cluster) as controller:
            self.api.label("Namespace", None, "midway", **{APP: "bookinfo"})

            def one_restarted():
                return any("sidecar.istio.io/inject" in o["spec"]["template"]["metadata"].get("annotations", {})
                           for o in self.api.list("Deployment", "midway"))
            wait_until(one_restarted, 60, "a first restart", step=0.05)
            self.wait_until_reported("midway")
            self.api.label("Namespace", None, "midway", **{APP: None})
            self.wait_until_back(controller, "midway")
        watch.stop()
        self.assert_never_without_endpoint(watch, [("midway", s) for s in ("details", "ratings", "productpage", "reviews")],
                                           "as before, object for object")
        self.assert_same(before, self.objects("midway"))
