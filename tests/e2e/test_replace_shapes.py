"""Deployments of many shapes created again at the same time, one of them paused on the way
and one restarted by its owner; one under another name; and what people do with kubectl to
one that has joined."""

import json

from admission import Moment
from fixed_metric import AUTOSCALER, FixedMetric
from processes import wait_until
from programs import USER, Controller
from replace_scenario import NAMING, PAUSED, POLICY, REPLACE, SHOP, ReplaceScenario
from scenario import APP, STATUS, UNDO


def rolling(replicas, surge, unavailable):
    return SHOP.replace("replicas: 3", f"replicas: {replicas}\n  strategy: {{rollingUpdate: {{maxSurge: {surge}, maxUnavailable: {unavailable}}}}}")


# As `helm create` makes them: the name that KubeSphere would give away is in the selector.
HELMS = SHOP.replace("{run: web}", "{app.kubernetes.io/name: web, app.kubernetes.io/instance: first}")
# A volume that pods of many nodes may mount, as NFS and CephFS give it.
SHARED = """
apiVersion: v1
kind: PersistentVolume
metadata: {name: shared-volume}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteMany], storageClassName: "", nfs: {server: nfs.example, path: /data}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteMany], storageClassName: "", volumeName: shared-volume, resources: {requests: {storage: 1Gi}}}
---
""" + SHOP.replace("      containers:", "      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]\n      containers:")
SHAPES = {
    "no-pod-less": (rolling(3, 1, 0), 3), "one-pod-less": (rolling(3, 0, 1), 3), "all-at-once": (rolling(3, "100%", "100%"), 3),
    "single": (rolling(1, 0, 1), 1), "helms-labels": (HELMS, 3), "paused": (SHOP, 3), "restarted": (SHOP, 3),
    "shared-volume": (SHARED, 3), "record-deleted": (SHOP, 3)}


class ReplaceShapes(ReplaceScenario):
    def test_every_shape_keeps_its_endpoints(self):
        former = {name: self.shop(name, manifest) for name, (manifest, _) in SHAPES.items()}
        watch = self.watching(*SHAPES)
        paused, deleted = [], []

        def act(request):
            what = (request["namespace"], request["operation"], request["kind"]["kind"])
            # While the record is about to name the new one: so it is there, and the end is far.
            if what == ("paused", "UPDATE", "ControllerRevision") and not paused:
                paused.append(self.api.annotate("Namespace", None, "paused", **{PAUSED: "true"}))
            # While nothing but the record knows what stood there.
            if what == ("record-deleted", "CREATE", "Deployment") and not deleted:
                deleted.append(self.api.delete("ControllerRevision", "record-deleted", "meshgraft-web"))
        with Controller(self.cluster, *REPLACE) as controller:
            with Moment(self.cluster, USER, "apps", "*", act):
                for name in SHAPES:
                    self.label(name)
                self.wait_until_said(controller, "MG110", "paused")
                wait_until(lambda: controller.process.check() or deleted, 120, "somebody deletes a record")
            self.wait_until_new_one(controller, "restarted", former["restarted"])
            self.cluster.kubectl("rollout", "restart", "deployment/web", "-n", "restarted")
            for name in SHAPES:
                if name != "paused":
                    self.wait_until_replaced(controller, name, former[name])
            self.assertEqual(len(self.records("paused")), 1, "it stays where it is")
            self.api.annotate("Namespace", None, "paused", **{PAUSED: None})
            self.wait_until_replaced(controller, "paused", former["paused"])
            self.cluster.kubectl("rollout", "restart", "deployment/web", "-n", "restarted")
            self.cluster.kubectl("rollout", "status", "deployment/web", "-n", "restarted", "--timeout=300s")
        watch.stop()
        for name, (_, replicas) in SHAPES.items():
            with self.subTest(name):
                self.assert_sidecar(name, "web")
                self.assert_served(watch, name, "web", replicas, "created again")

    def test_under_another_name_its_autoscaler_follows_there_and_back(self):
        former = self.shop("renamed", **{NAMING: "versioned"})
        metric = self.enterContext(FixedMetric(self.cluster, 8))
        self.cluster.apply(AUTOSCALER, "renamed")

        def alone(name, replicas):
            """Whether this is the only Deployment, with so many ready pods, and the one that the autoscaler scales."""
            stands = self.api.list("Deployment", "renamed")
            return ([d["metadata"]["name"] for d in stands] == [name] and not self.records("renamed")
                    and stands[0]["spec"]["replicas"] == stands[0].get("status", {}).get("readyReplicas", 0) == replicas
                    and self.api.get("HorizontalPodAutoscaler", "renamed", "web")["spec"]["scaleTargetRef"]["name"] == name)
        wait_until(lambda: alone("web", 4) and self.endpoints_are_there("renamed"), 120, "it is scaled before", step=0.3)
        watch = self.watching("renamed")
        with Controller(self.cluster, *REPLACE) as controller:
            self.label("renamed")
            wait_until(lambda: controller.process.check() or alone("web-v1", 4), 240, "web-v1 has taken its place", step=0.3)
            self.wait_until_governed("renamed", "web")
            self.assert_sidecar("renamed", "web-v1")
            metric.value = 10
            wait_until(lambda: controller.process.check() or alone("web-v1", 5), 120, "the autoscaler scales it", step=0.3)
            self.api.label("Namespace", None, "renamed", **{APP: None})
            wait_until(lambda: controller.process.check() or (
                alone("web", 5) and self.annotation(self.api.get("Deployment", "renamed", "web"), UNDO) is None), 240,
                "web is there again", step=0.3)
        watch.stop()
        now = self.api.get("Deployment", "renamed", "web")
        self.assertEqual(now["spec"].pop("replicas"), 5)
        former["spec"].pop("replicas")
        self.assert_as_before(former, now)
        self.assert_served(watch, "renamed", "web", 4, "as web-v1, scaled to 5, and back as web")

    def test_kubectl_replace_of_the_original_on_a_joined_deployment_is_mended(self):
        former = self.shop("dropped", **{POLICY: "join"})
        original = {k: former[k] for k in ("apiVersion", "kind", "spec")}
        original["metadata"] = {k: former["metadata"][k] for k in ("name", "namespace", "labels")}
        watch = self.watching("dropped")
        with Controller(self.cluster, *REPLACE) as controller:
            self.label("dropped")
            self.wait_until_joined(controller, "dropped")
            self.assert_sidecar("dropped", "web")
            self.cluster.kubectl("replace", "-f", "-", stdin=json.dumps(original))
            self.wait_until_joined(controller, "dropped")
            self.assert_sidecar("dropped", "web")
            wait_until(lambda: (self.annotation(self.api.get("Namespace", None, "dropped"), STATUS) or "").startswith("joined 1/1"),
                       60, "the namespace says so")
        watch.stop()
        self.assert_never_without_endpoint(watch, [("dropped", "web")], "joined again")
