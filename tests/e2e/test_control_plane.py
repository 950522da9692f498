"""The ground the other tests stand on: that the real programs do here what the tests
rely on, and that the tests' own instruments see what they are meant to see."""

import unittest

from admission import Moment
from api import ApiError
from audit import AuditLog
from cluster import Cluster, rolled_out
from endpoint_watch import EndpointWatch
from processes import wait_until
from programs import USER
from rollout_watch import RolloutWatch

WEB = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: web}]
"""


class ControlPlane(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster("kubesphere"))
        cls.api = cls.cluster.api

    def running(self, namespace):
        self.cluster.create_namespace(namespace)
        self.cluster.apply(WEB, namespace)
        self.cluster.wait_for_deployments(namespace)

    def test_the_endpoint_watch_sees_a_service_lose_its_last_endpoint(self):
        self.running("watched")
        with EndpointWatch(self.api, ["watched"]) as watch:
            # A Deployment may be complete before its EndpointSlice says so.
            wait_until(lambda: watch.ready("watched", "web") == 1, 60, "the endpoint is there")
            self.assertEqual(watch.fewest(), {("watched", "web"): 1})
            (pod,) = self.api.list("Pod", "watched")
            name = pod["metadata"]["name"]
            self.api.annotate("Pod", "watched", name, **{"e2e.meshgraft.io/unready": "true"})
            wait_until(lambda: watch.ready("watched", "web") == 0, 60, "no endpoint is ready")
            self.api.annotate("Pod", "watched", name, **{"e2e.meshgraft.io/unready": None})
            wait_until(lambda: watch.ready("watched", "web") == 1, 60, "the endpoint is back")
            self.assertEqual(watch.fewest(), {("watched", "web"): 0})
            self.assertEqual(watch.gaps, 0)

    def test_a_pod_told_so_never_becomes_ready(self):
        self.running("stuck")
        self.api.patch("Deployment", "stuck", "web", {"spec": {"template": {"metadata": {"annotations": {
            "e2e.meshgraft.io/never-ready": "true"}}}}})

        def new_pod_runs_unready():
            pods = self.api.list("Pod", "stuck")
            return len(pods) == 2 and all(p["status"]["phase"] == "Running" for p in pods)
        wait_until(new_pod_runs_unready, 60, "the second pod runs")
        # The Deployment's status follows its pods.
        wait_until(lambda: self.api.get("Deployment", "stuck", "web")["status"].get("updatedReplicas") == 1, 60, "its status says so")
        self.assertEqual(self.api.get("Deployment", "stuck", "web")["status"]["readyReplicas"], 1)

    def test_the_rollout_watch_counts_what_rolls_at_one_time(self):
        self.running("rolling")
        self.cluster.apply(WEB.replace("web", "shop"), "rolling")
        self.cluster.wait_for_deployments("rolling")
        with RolloutWatch(self.api, ["rolling"]) as watch:
            slow = {"spec": {"template": {"metadata": {"annotations": {"e2e.meshgraft.io/start-after": "1s"}}}}}
            self.api.patch("Deployment", "rolling", "web", slow)
            wait_until(lambda: watch.rolled and rolled_out(self.api.get("Deployment", "rolling", "web")), 60, "web")
            self.assertEqual((watch.most, watch.rolled), (1, [("rolling", "web")]))
            # Until both have begun, however long that takes: neither ends.
            endless = {"spec": {"template": {"metadata": {"annotations": {"e2e.meshgraft.io/never-ready": "true"}}}}}
            for name in ("web", "shop"):
                self.api.patch("Deployment", "rolling", name, endless)
            wait_until(lambda: watch.most == 2, 60, "both roll at one time")

    def test_a_pod_may_fail_for_its_sidecar_alone(self):
        self.cluster.create_namespace("allergic")
        self.cluster.apply(WEB.replace("metadata: {labels: {app: web}}", "metadata: {labels: {app: web}, annotations: "
                                       "{e2e.meshgraft.io/fails-with-sidecar: 'true'}}"), "allergic")
        self.cluster.wait_for_deployments("allergic")
        self.api.patch("Deployment", "allergic", "web", {"spec": {"progressDeadlineSeconds": 2, "template": {
            "metadata": {"labels": {"sidecar.istio.io/inject": "true"}}}}})

        def missed():
            status = self.api.get("Deployment", "allergic", "web")["status"]
            return any(c.get("reason") == "ProgressDeadlineExceeded" for c in status["conditions"])
        wait_until(missed, 60, "the progress deadline is missed")

    def test_pods_that_ask_for_it_by_label_or_annotation_get_a_sidecar(self):
        for where in ("labels", "annotations"):
            with self.subTest(where):
                namespace = f"inject-{where}"
                self.running(namespace)
                self.api.patch("Deployment", namespace, "web", {"spec": {"template": {"metadata": {where: {
                    "sidecar.istio.io/inject": "true"}}}}})

                def proxied():
                    pods = self.api.list("Pod", namespace)
                    return len(pods) == 1 and "istio-proxy" in [c["name"] for c in pods[0]["spec"]["containers"]]
                wait_until(proxied, 60, "the only pod has a proxy")

    def test_istiods_webhook_refuses_what_is_wrong(self):
        self.cluster.create_namespace("validated")
        with self.assertRaisesRegex(ApiError, "validation.istio.io.*non route configuration"):
            self.api.create("EnvoyFilter", "validated", {
                "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": {"name": "wrong"},
                "spec": {"configPatches": [{"applyTo": "HTTP_ROUTE", "match": {
                    "listener": {"filterChain": {"name": "x"}}}, "patch": {"operation": "MERGE", "value": {}}}]}})

    def test_an_apply_with_uid_does_not_create_what_was_deleted_on_the_way(self):
        self.running("law3")
        deployment = self.api.get("Deployment", "law3", "web")
        user = self.cluster.api_as(USER, "system:masters")
        log = AuditLog(self.cluster.audit_log)
        begin = log.position()

        def delete_it(request):
            self.api.delete("Deployment", "law3", "web")
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"x": "y"}}}
        apply = {"how": "apply", "query": {"fieldManager": "meshgraft"}}
        with Moment(self.cluster, USER, "apps", "deployments", delete_it):
            body["metadata"]["uid"] = deployment["metadata"]["uid"]
            with self.assertRaises(ApiError) as refused:
                user.patch("Deployment", "law3", "web", body, **apply)
        self.assertEqual(refused.exception.code, 409)
        self.assertIsNone(self.api.get("Deployment", "law3", "web"))
        (request,) = log.writes(USER, begin)
        self.assertEqual((request.verb, request.resource, request.name, request.code, request.body),
                         ("patch", "deployments", "web", 409, body))
        self.assertEqual(request.query["fieldManager"], "meshgraft")


if __name__ == "__main__":
    unittest.main()
