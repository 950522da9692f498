"""Deployments created again with a fuller selector on a real control plane: every
Service keeps as many ready endpoints as its Deployment has replicas, whatever
happens on the way."""

import json
import re

from admission import Moment
from processes import wait_until
from programs import USER, Controller
from replace_scenario import KEYS, MOST_WRITES, PAUSED, POLICY, REPLACE, ROLLOUTS, SHOP, UPDATED, ReplaceScenario
from scenario import APP, HELD, UNDO

ALLERGIC = SHOP.replace("replicas: 3", "replicas: 3\n  progressDeadlineSeconds: 5").replace(
    "labels: {run: web}}\n    spec", "labels: {run: web}, annotations: {e2e.meshgraft.io/fails-with-sidecar: 'true'}}\n    spec")

BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec:
  maxUnavailable: 0
  selector: {matchLabels: {run: web}}
"""
AUTOSCALER = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 4
  maxReplicas: 6
"""


def reviews_strategy(service):
    """Of three versions that are ready the third gets 20 % and the second nothing."""
    labels = {k: service["metadata"]["labels"][k] for k in ("app", "app.kubernetes.io/name", "app.kubernetes.io/version")}
    routes = [{"destination": {"host": "reviews", "subset": version}, "weight": weight} for version, weight in (("v1", 80), ("v3", 20))]
    return {"apiVersion": "servicemesh.kubesphere.io/v1alpha2", "kind": "Strategy", "metadata": {"name": "reviews", "labels": labels},
            "spec": {"type": "Canary", "principal": "v1", "strategyPolicy": "WaitForWorkloadReady", "selector": {"matchLabels": labels},
                     "template": {"spec": {"hosts": ["reviews"], "http": [{"route": routes}]}}}}


class Replace(ReplaceScenario):
    def shares(self, name, service):
        """[(subset, weight)] by the Service's VirtualService."""
        found = self.api.get("VirtualService", name, service)
        return [(to["destination"]["subset"], to.get("weight")) for route in found["spec"]["http"] for to in route["route"]] if found else []

    def test_bookinfo_is_recreated_and_every_service_keeps_its_endpoints(self):
        self.namespace("books", "bookinfo.yaml")
        former = {d["metadata"]["name"]: d for d in self.api.list("Deployment", "books")}
        watch = self.watching("books")
        self.api.annotate("Namespace", None, "books", **{POLICY: "replace", UPDATED: "true", ROLLOUTS: "10"})
        begin = self.audit.position()
        with Controller(self.cluster, *REPLACE) as controller:
            self.label("books")
            for name, deployment in former.items():
                self.wait_until_replaced(controller, "books", deployment, name, seconds=240)
            # KubeSphere makes subsets of them now, but of reviews: three versions and no Strategy.
            self.wait_until_governed("books", "details", "ratings", "productpage")
            self.api.create("Strategy", "books", reviews_strategy(self.api.get("Service", "books", "reviews")))
            self.wait_until_governed("books", "reviews")
            wait_until(lambda: self.shares("books", "reviews") == [("v1", 80), ("v3", 20)], 60, "the Strategy shares the requests for reviews")
            # Another controller's, and each Deployment's subset comes when that is ready.
            wait_until(lambda: {s["name"] for s in self.api.get("DestinationRule", "books", "reviews")["spec"].get("subsets") or []}
                       == {"v1", "v2", "v3"}, 60, "all three versions of reviews are subsets")
        watch.stop()
        for service, replicas in (("details", 1), ("ratings", 1), ("reviews", 3), ("productpage", 1)):
            self.assert_served(watch, "books", service, replicas, "created again")
        for name in former:
            self.assert_sidecar("books", name)
            self.assertIn("replaced", self.annotation(self.api.get("Deployment", "books", name), UNDO))
        self.assertEqual(len(self.api.list("ReplicaSet", "books")), len(former), "no former ReplicaSet is left")
        writes = [w for w in self.writes(begin) if w.namespace == "books" and w.code < 400
                  and w.resource in ("deployments", "replicasets", "controllerrevisions")]
        scaled = [w for w in writes if w.resource == "replicasets" and w.verb == "patch"]
        self.assertLessEqual(len(writes) - len(scaled), MOST_WRITES * len(former))

    def test_a_new_version_that_never_becomes_ready_is_rolled_back_exactly(self):
        former = self.shop("allergic", ALLERGIC)
        sets = {s["metadata"]["uid"] for s in self.api.list("ReplicaSet", "allergic")}
        watch = self.watching("allergic")
        with Controller(self.cluster, *REPLACE):
            self.label("allergic")
            held = wait_until(lambda: self.annotation(self.api.get("Deployment", "allergic", "web") or former, HELD),
                              120, "it is rolled back", step=0.2)
            wait_until(lambda: not self.records("allergic"), 60, "its record is gone")
            wait_until(lambda: {s["metadata"]["uid"] for s in self.api.list("ReplicaSet", "allergic")} == sets, 60,
                       "the former ReplicaSet alone is left")
        watch.stop()
        self.assertIn("not available within 5 s", held)
        self.assert_as_before(former, self.api.get("Deployment", "allergic", "web"))
        self.assert_served(watch, "allergic", "web", 3, "as before, held")

    def test_a_name_taken_between_orphan_and_plant_is_his_who_took_it(self):
        former = self.shop("taken")
        watch = self.watching("taken")
        his = {k: former[k] for k in ("apiVersion", "kind", "spec")}
        his["metadata"] = {k: former["metadata"][k] for k in ("name", "namespace", "labels", "annotations")}
        taken = []

        def act(request):
            if request["operation"] == "CREATE" and request["namespace"] == "taken" and not taken:
                taken.append(self.api.create("Deployment", "taken", his))
        with Controller(self.cluster, *REPLACE) as controller, \
                Moment(self.cluster, USER, "apps", "deployments", act):
            self.label("taken")
            self.wait_until_said(controller, "MG214", "taken")
        self.assertEqual(len(taken), 1, "he took it between them")
        watch.stop()
        self.assertEqual(self.api.get("Deployment", "taken", "web")["spec"]["selector"], former["spec"]["selector"])
        self.assertEqual(len(self.records("taken")), 1, "what stood there is kept")
        self.assert_served(watch, "taken", "web", 3, "his who took the name; the record stays")

    def test_scale_and_set_image_during_it_and_after(self):
        former = self.shop("busy")
        watch = self.watching("busy")
        with Controller(self.cluster, *REPLACE) as controller:
            self.label("busy")
            self.wait_until_new_one(controller, "busy", former)
            self.cluster.kubectl("scale", "deployment/web", "-n", "busy", "--replicas=4")
            self.cluster.kubectl("set", "image", "deployment/web", "-n", "busy", "web=web:2")
            self.wait_until_replaced(controller, "busy", former)
            self.cluster.kubectl("set", "image", "deployment/web", "-n", "busy", "web=web:3")
            self.cluster.kubectl("rollout", "status", "deployment/web", "-n", "busy", "--timeout=300s")
        watch.stop()
        now = self.api.get("Deployment", "busy", "web")
        self.assertEqual(now["spec"]["template"]["spec"]["containers"][0]["image"], "web:3")
        self.assertEqual(now["spec"]["replicas"], 4)
        self.assert_served(watch, "busy", "web", 3, "created again, with his image and replicas")

    def test_kubectl_apply_of_the_former_manifest_waits_for_its_owner(self):
        self.namespace("applied", SHOP)
        former = self.api.get("Deployment", "applied", "web")
        self.api.annotate("Namespace", None, "applied", **{POLICY: "replace"})
        with Controller(self.cluster, *REPLACE) as controller:
            self.label("applied")
            self.wait_until_said(controller, "MG106", "applied")
            wait_until(lambda: self.api.get("Deployment", "applied", "web")["spec"]["template"]["metadata"]["labels"].get("version"),
                       60, "it joins in place meanwhile")
            self.assertEqual(self.api.get("Deployment", "applied", "web")["metadata"]["uid"], former["metadata"]["uid"])
            self.cluster.wait_for_deployments("applied", 120)
            pods = {p["metadata"]["uid"] for p in self.api.list("Pod", "applied")}
            self.api.annotate("Deployment", "applied", "web", **{UPDATED: "true"})
            self.wait_until_replaced(controller, "applied", former)
        kept = {p["metadata"]["uid"] for p in self.api.list("Pod", "applied") if "deletionTimestamp" not in p["metadata"]}
        self.assertLessEqual(kept, pods, "its ReplicaSet was taken over: no pod restarted")
        # The former manifest is refused, loudly, and changes nothing.
        selector = self.api.get("Deployment", "applied", "web")["spec"]["selector"]
        refused = self.cluster.kubectl("apply", "-n", "applied", "-f", "-", stdin=SHOP, check=False)
        self.assertEqual(self.api.get("Deployment", "applied", "web")["spec"]["selector"], selector, refused)

    def helm(self, program, *arguments, refused=""):
        """helm or helm4, which does as it is asked, or refuses with words that match."""
        done = self.run_helm(program, *arguments)
        self.assertEqual(done.returncode, 1 if refused else 0, done.stderr)
        self.assertTrue(re.search(refused, done.stderr), done.stderr)

    def of_helm(self, program, namespace, manifest):
        """A release `shop` of a chart of one file, running, and policy replace asked for: its former Deployment, the file, and
        what upgrades it to another image."""
        self.cluster.create_namespace(namespace)
        chart, file = self.chart_of(manifest)
        self.helm(program, "install", "shop", chart, "-n", namespace)
        self.cluster.wait_for_deployments(namespace)
        wait_until(lambda: self.endpoints_are_there(namespace), 60, "every ready pod is an endpoint")
        self.api.annotate("Namespace", None, namespace, **{POLICY: "replace"})

        def upgrade(image, *arguments, refused=""):
            self.helm(program, "upgrade", "shop", chart, "-n", namespace, "--set", f"image={image}", *arguments, refused=refused)
        return self.api.get("Deployment", namespace, "web"), file, upgrade

    def assert_upgraded(self, watch, namespace, image, outcome):
        now = self.api.get("Deployment", namespace, "web")
        self.assertEqual(now["spec"]["template"]["spec"]["containers"][0]["image"], image)
        self.assertLessEqual(KEYS, set(now["spec"]["selector"]["matchLabels"]))
        self.assert_sidecar(namespace, "web")
        self.assert_served(watch, namespace, "web", 3, outcome)

    def test_helm_upgrade_an_autoscaler_and_a_disruption_budget_during_it_and_after(self):
        former, _, upgrade = self.of_helm("helm", "helmed", SHOP)  # nobody applies what helm 3 made
        self.cluster.apply(BUDGET, "helmed")
        watch = self.watching("helmed")
        with Controller(self.cluster, *REPLACE) as controller:
            self.label("helmed")
            self.wait_until_new_one(controller, "helmed", former)
            upgrade("web:2")
            # One pod too few for it: it scales without any metric.
            self.cluster.apply(AUTOSCALER, "helmed")
            wait_until(lambda: (self.api.get("Deployment", "helmed", "web") or former)["spec"]["replicas"] == 4, 120,
                       "the autoscaler has found the new one by its name")
            self.wait_until_replaced(controller, "helmed", former)
            upgrade("web:3")
            # helm puts its own number of replicas back, and the autoscaler mends that.
            wait_until(lambda: self.api.get("Deployment", "helmed", "web")["spec"]["replicas"] == 4, 120, "it is scaled again")
            self.cluster.wait_for_deployments("helmed", 120)
        watch.stop()
        self.assert_upgraded(watch, "helmed", "web:3", "created again, with his image and replicas")

    def test_helm_4_upgrade_before_it_during_it_and_after(self):
        # A version that is none of the mesh's: ours overwrites what helm has applied.
        own = SHOP.replace("labels: {run: web}}\n    spec", 'labels: {run: web, version: "1.0"}}\n    spec')
        former, file, upgrade = self.of_helm("helm4", "applied-by-helm", own)
        watch = self.watching("applied-by-helm")

        def labels():
            return self.api.get("Deployment", "applied-by-helm", "web")["spec"]["template"]["metadata"]["labels"]

        def write_into_chart(former_text, text):
            self.assertEqual(file.read_text().count(former_text), 1, file.read_text())
            file.write_text(file.read_text().replace(former_text, text))
        with Controller(self.cluster, *REPLACE) as controller:
            self.label("applied-by-helm")
            for code in ("MG104", "MG106"):  # its next upgrade would be refused; and it is not created again unasked
                self.wait_until_said(controller, code, "applied-by-helm")
            wait_until(lambda: labels()["version"] == "v1", 60, "it joins in place meanwhile")
            self.cluster.wait_for_deployments("applied-by-helm", 120)
            upgrade("web:2", refused=r'with 1 conflict: .*"meshgraft".*: \.spec\.template\.metadata\.labels\.version')
            write_into_chart('version: "1.0"', "version: v1")
            upgrade("web:2")
            self.cluster.wait_for_deployments("applied-by-helm", 120)
            self.api.annotate("Deployment", "applied-by-helm", "web", **{UPDATED: "true"})
            self.wait_until_new_one(controller, "applied-by-helm", former)
            # The former selector is refused, with force too; the new one belongs to whoever created the new Deployment.
            upgrade("web:3", "--force-conflicts", refused="field is immutable")
            keys = json.dumps(self.api.get("Deployment", "applied-by-helm", "web")["spec"]["selector"]["matchLabels"])
            write_into_chart("matchLabels: {run: web}", f"matchLabels: {keys}")
            write_into_chart("labels: {run: web, version: v1}", f"labels: {keys}")
            upgrade("web:3", refused=r'with 1 conflict: .*"meshgraft".*\.image')
            upgrade("web:3", "--force-conflicts")
            self.wait_until_replaced(controller, "applied-by-helm", former)
            upgrade("web:4")  # once was enough
            self.cluster.wait_for_deployments("applied-by-helm", 120)
        watch.stop()
        self.assert_upgraded(watch, "applied-by-helm", "web:4", "created again, with his image, by his chart's new selector")

    def test_the_label_removed_on_the_way_ends_as_before(self):
        former = self.shop("midway")
        watch = self.watching("midway")
        with Controller(self.cluster, *REPLACE) as controller:
            self.label("midway")
            self.wait_until_new_one(controller, "midway", former)
            self.api.label("Namespace", None, "midway", **{APP: None})

            def back():
                controller.process.check()
                now = self.api.get("Deployment", "midway", "web")
                return (now and not self.records("midway") and now["spec"]["selector"] == former["spec"]["selector"]
                        and self.annotation(now, UNDO) is None)
            wait_until(back, 240, "the former one is there again")
        watch.stop()
        now = self.api.get("Deployment", "midway", "web")
        self.assertIsNone(self.annotation(now, HELD))
        self.assert_as_before(former, now)
        self.assert_served(watch, "midway", "web", 3, "as before")

    def test_kubectl_rollout_undo_to_the_revision_before_us_is_mended_and_the_record_survives(self):
        self.namespace("undone", SHOP)
        watch = self.watching("undone")
        with Controller(self.cluster) as controller:
            self.label("undone")
            self.wait_until_joined(controller, "undone")
            self.assert_sidecar("undone", "web")
            was = json.loads(self.annotation(self.api.get("Deployment", "undone", "web"), UNDO))

            def undo_rollout():
                self.cluster.kubectl("rollout", "undo", "deployment/web", "-n", "undone")
            undo_rollout()
            self.wait_until_joined(controller, "undone")
            self.assert_sidecar("undone", "web")
            # Once more with the pods that came back all ready: this restart is no longer "at once".
            self.api.annotate("Namespace", None, "undone", **{PAUSED: "true"})
            self.wait_until_said(controller, "MG110", "undone")
            undo_rollout()
            self.cluster.kubectl("rollout", "status", "deployment/web", "-n", "undone")
            self.api.annotate("Namespace", None, "undone", **{PAUSED: None})
            self.wait_until_joined(controller, "undone")
            self.assert_sidecar("undone", "web")
            now = json.loads(self.annotation(self.api.get("Deployment", "undone", "web"), UNDO))
        watch.stop()
        self.assertEqual((now["uid"], now["own"], now.get("was")), (was["uid"], was["own"], was.get("was")))
        self.assert_never_without_endpoint(watch, [("undone", "web")], "joined again, its record as before")
