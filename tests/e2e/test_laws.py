"""The laws and promises that a mistake would break silently, each at the moment that matters."""

import re

from admission import Moment
from processes import wait_until
from programs import USER, Controller
from scenario import APP, GATEWAY, GOVERNED, HELD, ONE_SERVICE, STATUS, Scenario

OTHER = ONE_SERVICE.replace("one", "other")
# Its pods never become ready once they have a sidecar.
ALLERGIC = ONE_SERVICE.replace("replicas: 1", "replicas: 1\n  progressDeadlineSeconds: 3").replace(
    "labels: {app: one}}", "labels: {app: one}, annotations: {e2e.meshgraft.io/fails-with-sidecar: 'true'}}")


class Laws(Scenario):
    mesh = "kubesphere"

    def deleted_on_the_way(self, group, kind, plural, namespace, name, labels):
        """Deletes an object while the controller's first write to it is on its way;
        returns the writes to it, in the order in which they were sent."""
        done = []

        def act(request):
            if not done and request["namespace"] == namespace and request["name"] == name:
                done.append(request["operation"])
                self.api.delete(kind, namespace, name)
        begin = self.audit.position()
        with Controller(self.cluster) as controller, Moment(self.cluster, USER, group, plural, act):
            self.api.label("Namespace", None, namespace, **labels)
            wait_until(lambda: done, 60, f"a write to {kind} {name}")
            self.wait_until_joined(controller, namespace)
        self.assertIsNone(self.api.get(kind, namespace, name), f"{kind} {name} was created again")
        return sorted((w for w in self.writes(begin) if w.resource == plural and w.name == name), key=lambda w: w.received)

    def assert_refused(self, write):
        """The object that it names is gone: uid mismatch. Or, when deleting it took longer than a write may, its time was up."""
        # As the API server says of a request whose client has gone, of a webhook, and of its store.
        too_late = write.code >= 500 and re.search("time(d )?out|deadline exceeded|context canceled", write.message, re.IGNORECASE)
        self.assertTrue(write.code == 409 or too_late, f"{write}: {write.message}")

    def test_a_deployment_deleted_while_its_apply_is_on_the_way_is_not_created_again(self):
        self.namespace("gone", ONE_SERVICE + "---" + OTHER)
        first, *later = self.deleted_on_the_way("apps", "Deployment", "deployments", "gone", "one", {APP: "gone"})
        self.assert_refused(first)
        self.assertEqual([w.code for w in later if w.code < 400], [])
        # Nothing else was stopped by it.
        self.assert_sidecar("gone", "other")

    def test_a_config_map_deleted_while_its_apply_is_on_the_way_is_not_created_again(self):
        # An apply creates a ConfigMap from whatever fields it carries: here only the uid stops it.
        for node in ("node-1", "node-2"):
            self.api.label("Node", None, node, ingress="true")
        self.namespace("gateway", "ingress-nginx.yaml")
        writes = self.deleted_on_the_way("", "ConfigMap", "configmaps", "gateway", "ingress-nginx-controller",
                                         {GATEWAY: "ingress-nginx"})
        self.assert_refused(writes[0])

    def test_a_member_that_becomes_unready_loses_none_of_our_fields(self):
        self.namespace("unready", ONE_SERVICE)
        with Controller(self.cluster) as controller:
            self.api.label("Namespace", None, "unready", **{APP: "unready"})
            self.wait_until_joined(controller, "unready")
            service = self.api.get("Service", "unready", "one")
            deployment = self.api.get("Deployment", "unready", "one")
            self.assertEqual(self.annotation(service, GOVERNED), "true")

            (pod,) = self.pods_of("unready", deployment)
            self.api.annotate("Pod", "unready", pod["metadata"]["name"], **{"e2e.meshgraft.io/unready": "true"})
            wait_until(lambda: not self.api.get("Deployment", "unready", "one")["status"].get("readyReplicas"),
                       60, "the Deployment has no ready pod")
            # A second member joins: so the namespace was planned with the first one unready.
            self.cluster.apply(OTHER, "unready")
            wait_until(lambda: self.annotation(self.api.get("Service", "unready", "other"), GOVERNED) == "true",
                       60, "the second member is governed")
        for kind, before in (("Service", service), ("Deployment", deployment)):
            after = self.api.get(kind, "unready", "one")
            for part in ("labels", "annotations"):
                kept = before["metadata"][part].items() - ({("deployment.kubernetes.io/revision", "1")})
                self.assertLessEqual(set(kept), set(after["metadata"][part].items()), f"{part} of {kind} one")
            self.assertEqual(after["spec"], before["spec"])

    def test_a_member_that_fails_with_its_sidecar_is_put_back_and_stops_the_queue(self):
        self.namespace("stuck", ALLERGIC + "---" + OTHER)
        before = {name: self.api.get("Deployment", "stuck", name)["spec"] for name in ("one", "other")}
        watch = self.watching("stuck")
        with Controller(self.cluster):
            self.api.label("Namespace", None, "stuck", **{APP: "stuck"})
            wait_until(lambda: self.annotation(self.api.get("Deployment", "stuck", "one"), HELD), 90, "it is held")
            wait_until(lambda: self.api.get("Deployment", "stuck", "one")["spec"] == before["one"], 60,
                       "it has its former template")
            self.cluster.wait_for_deployments("stuck")
            said = wait_until(lambda: (line := self.status("stuck")) and "held 1" in line and line, 60, "the namespace says so")
        watch.stop()
        self.assert_never_without_endpoint(watch, [("stuck", "one"), ("stuck", "other")], "as before, held; the other waits")
        self.assertRegex(said, "^joined 0/2")
        self.assertIn("not available within", self.annotation(self.api.get("Deployment", "stuck", "one"), HELD))
        self.assertEqual(self.api.get("Deployment", "stuck", "other")["spec"], before["other"],
                         "the next in the queue was restarted")

    def test_a_namespace_deleted_while_it_joins_stops_nobody(self):
        self.namespace("doomed", ONE_SERVICE)
        self.namespace("fine", ONE_SERVICE)
        asked = []

        def act(request):
            if not asked and request["namespace"] == "doomed":
                asked.append(self.api.delete("Namespace", None, "doomed"))
        with Controller(self.cluster) as controller, Moment(self.cluster, USER, "apps", "deployments", act):
            for name in ("doomed", "fine"):
                self.api.label("Namespace", None, name, **{APP: "app"})
            wait_until(lambda: asked and not self.api.get("Namespace", None, "doomed"), 60, "the namespace is gone")
            self.wait_until_joined(controller, "fine")
            self.assert_sidecar("fine", "one")

    def test_it_goes_on_after_the_api_server_crashed(self):
        self.namespace("before", ONE_SERVICE)
        with Controller(self.cluster) as controller:
            self.api.label("Namespace", None, "before", **{APP: "before"})
            self.wait_until_joined(controller, "before")
            begin = self.audit.position()
            # Its watch cache is empty now: every version that a watch resumes from is
            # expired. And for a moment it forbids everything, until it has read its roles.
            self.cluster.crash("kube-apiserver")
            self.namespace("after", ONE_SERVICE, {APP: "after"})
            # Its back-off may have grown to half a minute meanwhile.
            self.wait_until_joined(controller, "after", seconds=240)
            self.assert_sidecar("after", "one")
        # Not a request to the member that was joined already; the report on its namespace
        # may say for a moment that kinds cannot be read, and then takes it back.
        written = [w for w in self.writes(begin) if "before" in (w.namespace, w.name)]
        self.assertEqual({w.resource for w in written} - {"namespaces"}, set())
        written = [w for w in written if w.code < 300 and not w.unheard]
        reports = [w.body["metadata"]["annotations"][STATUS] for w in written]
        self.assertEqual([one for one, next_one in zip(reports, reports[1:]) if one == next_one], [], "a report that says nothing new")
        # Nor do they go back and forth; but each time that a server stands still, which takes its seconds, they may once more.
        seconds = max((w.answered for w in written), default=0) - min((w.received for w in written), default=0)
        self.assertLessEqual(len(reports), 3 * len(set(reports)) + seconds / 5, reports)

    def status(self, namespace):
        return self.annotation(self.api.get("Namespace", None, namespace), STATUS)
