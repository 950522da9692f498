"""The watch client against the real API server going wrong: frozen, killed, its history
compacted, rights taken away, certificates renewed. What the client believes is read from
/metrics and /readyz?verbose of `meshgraft run`, what is true from the API server."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

from audit import AuditLog
from cluster import Cluster
from processes import run_client, wait_until
from programs import CHART, NAMESPACE, USER, Controller, answered, meshgraft
from rights import note
from scenario import APP, ONE_SERVICE, Scenario

TRIES = 3
COUNTED = {"services": "Service", "deployments": "Deployment"}


class Client(Scenario):
    mesh = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster(None))
        cls.api = cls.cluster.api
        cls.audit = AuditLog(cls.cluster.audit_log)
        cls.addClassCleanup(note, cls.__name__, cls.cluster, cls.audit, USER)
        cls.admit()

    def details(self, controller):
        """{plural: (standing, objects, why)} of /readyz?verbose."""
        try:
            text = urllib.request.urlopen(f"http://{controller._address}/readyz?verbose", timeout=60).read().decode()
        except urllib.error.HTTPError as error:
            text = error.read().decode()
        found = {}
        for plural, standing, objects, why in re.findall(r"\] (\w+): (\w+), (\d+) objects(.*)", text):
            found[plural] = (standing, int(objects), why)
        return found

    def restarts(self, controller, kind, reason):
        line = re.search(rf'meshgraft_watch_restarts_total{{kind="{kind}",reason="{reason}"}} (\d+)', controller.metrics())
        return int(line.group(1)) if line else 0

    def counted_right(self, controller):
        details = self.details(controller)
        return all(details.get(plural, ("", -1, ""))[:2] == ("synced", len(self.api.list(kind)))
                   for plural, kind in COUNTED.items())

    def wait_until_right(self, controller, seconds, what):
        begin = time.monotonic()
        try:
            wait_until(lambda: self.counted_right(controller), seconds, what, step=0.2)
        except TimeoutError as error:
            self.fail(f"{error}\n{self.details(controller)}\n{controller.process.tail(40)}")
        print(f"{what}: right again after {time.monotonic() - begin:.1f} s", flush=True)

    def service(self, name, namespace="default"):
        self.api.create("Service", namespace, {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}})

    def test_lists_are_streamed_where_the_server_offers_it(self):
        self.service("streamed")
        for _ in range(TRIES):
            lists, streams = self.first_list()
            if streams[0].code != 200:
                self.assertEqual((streams[0].code, len(streams)), (422, 1), "refused once, then never asked again")
                self.assertTrue(lists)
                return
            if not lists:
                return
            print("once more: a server that stands still ends a stream, and pages are asked for", flush=True)
        self.assertEqual(lists, [], "the stream was enough")

    def first_list(self):
        """How a controller has got the Services: its lists, and its watches that were to begin with every object."""
        since = self.audit.position()
        with Controller(self.cluster) as controller:
            self.wait_until_right(controller, 30, "a first list")

        def asked(verb):
            return [r for r in self.audit.requests(USER, since) if r.resource == "services" and r.verb == verb]

        def streams():
            return [r for r in asked("watch") if r.query.get("sendInitialEvents") == "true"]
        # A watch is in the log once it has ended.
        return asked("list"), wait_until(streams, 30, "the watch is in the log")

    def test_a_frozen_api_server_is_noticed_and_followed_again(self):
        with Controller(self.cluster) as controller:
            self.wait_until_right(controller, 30, "before")
            server = self.cluster.processes["kube-apiserver"]
            os.kill(server.pid, signal.SIGSTOP)
            try:
                # A half-open connection: the kernel answers, nobody else does.
                wait_until(lambda: self.details(controller)["services"][0] == "failing", 90,
                           "the silence of a minute and a quarter is noticed", step=0.5)
            finally:
                os.kill(server.pid, signal.SIGCONT)
            self.service("after-the-frost")
            self.wait_until_right(controller, 90, "frozen and thawed")
            self.assertGreater(self.restarts(controller, "Service", "transport"), 0)

    def test_a_killed_api_server_is_followed_again(self):
        with Controller(self.cluster) as controller:
            self.wait_until_right(controller, 30, "before")
            self.service("to-go")
            self.wait_until_right(controller, 30, "one more")
            self.cluster.crash("kube-apiserver")
            self.api.delete("Service", "default", "to-go")
            self.service("after-the-crash")
            self.wait_until_right(controller, 120, "killed and started")

    def test_history_that_is_compacted_leads_to_a_new_list(self):
        with Controller(self.cluster) as controller:
            self.wait_until_right(controller, 30, "before")
            since = self.audit.position()
            # The server away, its history compacted: a watch from an old version is 410.
            old = self.cluster.processes["kube-apiserver"]
            revision = int(self.api.request("GET", "/api/v1/services")["metadata"]["resourceVersion"])
            self.service("compacted")
            endpoint = next(a for a in self.cluster.processes["etcd"].arguments if str(a).startswith("http://"))
            self.compact(endpoint, revision)
            self.assertTrue(old.running())
            self.cluster.crash("kube-apiserver")
            self.service("after-the-compaction")
            self.wait_until_right(controller, 120, "compacted")
            wait_until(lambda: [r for r in self.audit.requests(USER, since) if r.verb in ("list", "watch")], 60, "it is in the log")

    def compact(self, endpoint, revision):
        body = json.dumps({"revision": str(revision), "physical": True}).encode()
        request = urllib.request.Request(f"{endpoint}/v3/kv/compaction", body, {"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(request, timeout=120).read()
        except urllib.error.HTTPError as error:
            self.fail(f"etcd: {error.read()}")

    def test_a_right_that_is_taken_away_turns_one_kind_off_and_the_others_go_on(self):
        path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/meshgraft"
        begin = time.time()
        role = self.api.request("GET", path)
        with Controller(self.cluster) as controller:
            self.wait_until_right(controller, 30, "before")
            less = json.loads(json.dumps(role))
            for rule in less["rules"]:
                if "ingresses" in rule["resources"]:
                    rule["verbs"] = ["get"]
            less["metadata"].pop("resourceVersion")
            self.api.request("PUT", path, less)
            try:
                self.cluster.crash("kube-apiserver")  # ends the watch, which is not asked again while it runs
                standing, _, why = wait_until(lambda: (found := self.details(controller)["ingresses"])[0] == "forbidden" and found, 90,
                                              "said in /readyz?verbose")
                self.assertIn("ingresses", why, standing)
                self.service("without-ingresses")
                self.wait_until_right(controller, 120, "the others go on")
            finally:
                role["metadata"].pop("resourceVersion")
                self.api.request("PUT", path, role)
            wait_until(lambda: self.details(controller)["ingresses"][0] == "synced", 90, "the right is back")
            self.cluster.rights_differ.append((begin, time.time()))

    def test_a_cluster_without_istio_and_kubesphere_takes_the_chart_and_is_told_what_it_lacks(self):
        done = run_client([self.cluster.tools / "helm", "install", "meshgraft", CHART, "-n", NAMESPACE, "--dry-run=server", "--take-ownership"],
                          env={**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "HOME": str(self.cluster.folder)})
        self.assertEqual(done.returncode, 0, done.stderr)
        manifests, notes = done.stdout.split("\nNOTES:\n")
        for text in ("ServiceMonitor (no CRD of the Prometheus operator)", "PrometheusRule (no CRD of the Prometheus operator)",
                     "ClusterDashboard (no KubeSphere monitoring)", "Istio is not installed: nothing is given a sidecar until it is.",
                     "KubeSphere's Applications are not served here"):
            self.assertIn(text, notes)
        for kind in ("ServiceMonitor", "PrometheusRule", "ClusterDashboard"):
            self.assertNotIn(f"kind: {kind}\n", manifests)
        with Controller(self.cluster) as controller:
            self.namespace("bare", ONE_SERVICE, {APP: "bare"})
            self.wait_until_joined(controller, "bare")
        self.assert_labels(self.api.get("Deployment", "bare", "one"), app="one", version="v1")
        found = answered(lambda: meshgraft(self.cluster, "check", "-n", "bare"))
        self.assertEqual(found.returncode, 2, found.stdout + found.stderr)
        self.assertIn("MG904", found.stdout)

    def test_a_client_certificate_renewed_on_disk_is_used_for_the_next_connection(self):
        cluster = self.cluster
        certificate, _ = cluster.pki.client(USER)
        with Controller(cluster, kubeconfig=cluster.kubeconfig_for(USER)) as controller:
            self.wait_until_right(controller, 30, "before")
            before = serial(certificate)
            cluster.pki._sign(certificate.stem, f"/CN={USER}", "client.ext")
            self.assertNotEqual(serial(certificate), before)
            cluster.crash("kube-apiserver")
            self.service("after-the-renewal")
            self.wait_until_right(controller, 180, "a renewed certificate")


def serial(certificate):
    return subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", str(certificate)], capture_output=True,
                          text=True, check=True).stdout
