"""A Deployment that is created again while something else goes wrong or goes on: the
injector fails, its owner deletes it or its namespace, an autoscaler scales it."""

import copy

from admission import Moment
from api import path_of
from fixed_metric import AUTOSCALER, FixedMetric
from processes import wait_until
from programs import USER, Controller
from replace_scenario import REPLACE, SHOP, ReplaceScenario
from scenario import HELD, PROXY, UNDO

# New pods, those with a sidecar, never become ready: the former ones go on serving.
ALLERGIC = SHOP.replace("labels: {run: web}}\n    spec", "labels: {run: web}, annotations: {e2e.meshgraft.io/fails-with-sidecar: 'true'}}\n    spec")
NOWHERE = "https://localhost:1/inject"  # a port that nobody listens on


class ReplaceTrouble(ReplaceScenario):
    def break_injector(self, policy, namespace, template):
        """Every injection webhook leads nowhere; policy: what the API server does then. Returns what mends it, which is
        also called when the test ends. Both return when pods of this template are treated so."""
        former = self.api.list("MutatingWebhookConfiguration")
        for configuration in copy.deepcopy(former):
            for webhook in configuration["webhooks"]:
                webhook["clientConfig"]["url"] = NOWHERE
                webhook["failurePolicy"] = policy
            self.put(configuration)

        def mend():
            if former:
                while former:
                    self.put(former.pop())
                wait_until(lambda: self.treated(namespace, template) == "injected", 60, "the injector is back")
        self.addCleanup(mend)
        wait_until(lambda: self.treated(namespace, template) == ("bare" if policy == "Ignore" else "refused"), 60, "the injector is gone")
        return mend

    def treated(self, namespace, template):
        """What the API server does with a pod of a template now: it hears of webhooks by a watch of its own. None when it
        says something else."""
        code, pod = self.api.raw("POST", path_of("Pod", namespace), {
            "apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "generateName": "treated-"}, "spec": template["spec"]},
            query={"dryRun": "All"})
        if code >= 400:
            return "refused" if NOWHERE.removesuffix("/inject") in str(pod) else None
        return "injected" if any(c["name"] == PROXY for c in pod["spec"]["containers"] + pod["spec"].get("initContainers", [])) else "bare"

    def put(self, configuration):
        """Only the webhooks of it, whatever has happened to the object meanwhile."""
        self.api.patch("MutatingWebhookConfiguration", None, configuration["metadata"]["name"],
                       {"webhooks": configuration["webhooks"]})

    def at_the_plant(self, namespace, act):
        """A Moment: once, while the new Deployment is being created. And a list of what `act`, called with the template of
        that, has returned."""
        done = []

        def once(request):
            if request["operation"] == "CREATE" and request["namespace"] == namespace and not done:
                done.append(act(request["object"]["spec"]["template"]))
        return Moment(self.cluster, USER, "apps", "deployments", once), done

    def test_new_pods_without_a_sidecar_are_rolled_back_exactly(self):
        former = self.shop("bare")
        sets = {s["metadata"]["uid"] for s in self.api.list("ReplicaSet", "bare")}
        watch = self.watching("bare")
        moment, mend = self.at_the_plant("bare", lambda template: self.break_injector("Ignore", "bare", template))
        with Controller(self.cluster, *REPLACE) as controller, moment:
            self.label("bare")
            held = wait_until(lambda: controller.process.check() or self.annotation(self.api.get("Deployment", "bare", "web") or former, HELD),
                              120, "it is rolled back", step=0.2)
            wait_until(lambda: not self.records("bare") and
                       {s["metadata"]["uid"] for s in self.api.list("ReplicaSet", "bare")} == sets, 60, "the former ReplicaSet alone is left")
        watch.stop()
        mend[0]()
        self.assertIn("came without a sidecar", held)
        self.assert_as_before(former, self.api.get("Deployment", "bare", "web"))
        self.assert_served(watch, "bare", "web", 3, "as before, held")

    def test_pods_that_the_injector_refuses_come_when_it_is_back(self):
        former = self.shop("refused")
        watch = self.watching("refused")
        moment, mend = self.at_the_plant("refused", lambda template: self.break_injector("Fail", "refused", template))
        with Controller(self.cluster, *REPLACE) as controller, moment:
            self.label("refused")
            self.wait_until_new_one(controller, "refused", former)
            wait_until(lambda: any(c["type"] == "ReplicaFailure" for c in
                                   (self.new_one("refused", former) or {}).get("status", {}).get("conditions", [])), 60, "its pods are refused")
            self.assertEqual(len(self.records("refused")), 1, "it waits")
            mend[0]()
            self.wait_until_replaced(controller, "refused", former)
        watch.stop()
        self.assert_sidecar("refused", "web")
        self.assert_served(watch, "refused", "web", 3, "created again when the injector is back")

    def test_what_its_owner_deletes_stays_deleted_and_what_he_creates_stays_his(self):
        names = ("deleted", "again", "gone", "later")
        former = {name: self.shop(name, ALLERGIC if name == "again" else SHOP) for name in names}
        watch = self.watching("again")
        with Controller(self.cluster, *REPLACE) as controller:
            for name in names[:3]:
                self.label(name)
            for name in names[:3]:
                self.wait_until_new_one(controller, name, former[name])
                # Until the record names it, one that is deleted would be created again. When all is done there is none.
                wait_until(lambda: all("planted" in (self.annotation(r, UNDO) or "") for r in self.records(name)),
                           60, f"the record of {name} names the new one", step=0.1)
            self.cluster.kubectl("delete", "deployment/web", "-n", "deleted", "--wait=false")
            his = {k: former["again"][k] for k in ("apiVersion", "kind", "spec")}
            his["metadata"] = {k: former["again"]["metadata"][k] for k in ("name", "namespace", "labels")}
            self.cluster.kubectl("delete", "deployment/web", "-n", "again")
            self.api.create("Deployment", "again", his)
            self.cluster.kubectl("delete", "namespace/gone", "--wait=false")
            self.label("later")
            self.wait_until_said(controller, "MG214", "again")
            self.wait_until_replaced(controller, "later", former["later"])
            self.cluster.kubectl("delete", "deployment/web", "-n", "later")
            for name in ("deleted", "later"):
                wait_until(lambda: controller.process.check() or not (self.api.list("Pod", name) or self.api.list("ReplicaSet", name) or self.records(name)),
                           150, f"nothing of it is left in {name}", step=0.3)
                self.assertIsNone(self.api.get("Deployment", name, "web"))
            wait_until(lambda: self.api.get("Namespace", None, "gone") is None, 120, "the namespace is gone", step=0.3)
        watch.stop()
        self.assertEqual(self.api.get("Deployment", "again", "web")["spec"]["selector"], former["again"]["spec"]["selector"])
        self.assertEqual(len(self.records("again")), 1, "what stood there is kept")
        self.assert_served(watch, "again", "web", 3, "his who created it again; the record stays")

    def test_an_autoscaler_goes_on_scaling_it_by_its_metric(self):
        former = self.shop("scaled")
        metric = self.enterContext(FixedMetric(self.cluster, 8))
        self.cluster.apply(AUTOSCALER, "scaled")

        def has_ready(replicas):
            now = self.api.get("Deployment", "scaled", "web")
            return now and now["spec"]["replicas"] == now.get("status", {}).get("readyReplicas", 0) == replicas
        wait_until(lambda: has_ready(4) and self.endpoints_are_there("scaled"), 120, "it is scaled before", step=0.3)
        watch = self.watching("scaled")
        with Controller(self.cluster, *REPLACE) as controller:
            self.label("scaled")
            self.wait_until_new_one(controller, "scaled", former)
            metric.value = 10
            self.wait_until_replaced(controller, "scaled", former)
            wait_until(lambda: has_ready(5), 120, "the autoscaler has found the new one by its name", step=0.3)
        watch.stop()
        self.assert_sidecar("scaled", "web")
        self.assert_served(watch, "scaled", "web", 4, "created again, scaled to 5 on the way")
