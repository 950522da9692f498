"""Bookinfo on Istio as its chart installs it: from label to joined."""

from processes import wait_until
from programs import Controller, plan
from rollout_watch import RolloutWatch
from scenario import APP, GOVERNED, STATUS, Scenario

DEPLOYMENTS = {"details-v1": "v1", "ratings-v1": "v1", "reviews-v1": "v1", "reviews-v2": "v2", "reviews-v3": "v3",
               "productpage-v1": "v1"}
SERVICES = ("details", "ratings", "reviews", "productpage")


class Bookinfo(Scenario):
    mesh = "istio"

    def test_bookinfo_joins_while_every_service_keeps_an_endpoint(self):
        self.namespace("bookinfo", "bookinfo.yaml")
        before = {s["metadata"]["name"]: s for s in self.api.list("Service", "bookinfo")}
        watch = self.watching("bookinfo")
        rollouts = self.enterContext(RolloutWatch(self.api, ["bookinfo"]))
        self.api.label("Namespace", None, "bookinfo", **{APP: "bookinfo"})
        foretold = plan(self.cluster)
        begin = self.audit.position()

        with Controller(self.cluster) as controller:
            self.wait_until_joined(controller, "bookinfo")
            # The report follows the last write.
            wait_until(lambda: (self.annotation(self.api.get("Namespace", None, "bookinfo"), STATUS) or "").startswith(
                "joined 6/6, rolling 0, held 0"), 60, "the report says that all have joined")
        wait_until(lambda: len(rollouts.rolled) >= len(DEPLOYMENTS), 60, "the last restart is seen in the watch, too")
        watch.stop()
        rollouts.stop()

        self.assertEqual(sorted(name for _, name in rollouts.rolled), sorted(DEPLOYMENTS), "one restart each")
        self.assertEqual(rollouts.most, 1, "max-rollouts of a namespace is 1 unless it says otherwise")
        self.assert_never_without_endpoint(watch, [("bookinfo", s) for s in SERVICES], "joined")
        for name, version in DEPLOYMENTS.items():
            with self.subTest(deployment=name):
                deployment = self.api.get("Deployment", "bookinfo", name)
                expected = {"app": name.rsplit("-", 1)[0], "version": version, "app.kubernetes.io/name": "bookinfo",
                            "app.kubernetes.io/version": "v1"}
                self.assert_labels(deployment, **expected)
                self.assert_labels({"kind": "template of", "metadata": {
                    "name": name, **deployment["spec"]["template"]["metadata"]}}, **expected)
                self.assertEqual(self.annotation(deployment, GOVERNED), "true")
                self.assertEqual(deployment["spec"]["selector"]["matchLabels"],
                                 {"app": expected["app"], "version": version})
                self.assert_sidecar("bookinfo", name)
        for name in SERVICES:
            with self.subTest(service=name):
                service = self.api.get("Service", "bookinfo", name)
                self.assert_labels(service, **{"app": name, "app.kubernetes.io/name": "bookinfo",
                                               "app.kubernetes.io/version": "v1"})
                self.assertEqual(service["spec"], before[name]["spec"])
                # Three versions and no Strategy: KubeSphere would send everything to one of them.
                self.assertEqual(self.annotation(service, GOVERNED), None if name == "reviews" else "true")
        application = self.api.get("Application", "bookinfo", "bookinfo")
        self.assertEqual(self.annotation(application, GOVERNED), "true")
        self.assertEqual({(k["group"], k["kind"]) for k in application["spec"]["componentKinds"]} >= {
            ("apps", "Deployment"), ("", "Service"), ("networking.k8s.io", "Ingress")}, True)

        self.assert_plan_told_the_truth(foretold, begin, ["bookinfo"])
        self.second_run_writes_nothing("bookinfo")

        # A pod has 10 s; a machine that stands still says nothing about the program, so it may stop some more times.
        for _ in range(4):
            if controller.process.stopped_in < 5:
                break
            with Controller(self.cluster) as controller:
                pass
        self.assertLess(controller.process.stopped_in, 5, "seconds to stop after SIGTERM")
