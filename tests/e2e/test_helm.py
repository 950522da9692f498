"""The chart on a real API server, as its users meet it: the README's own line, the controller's processes as the
chart's pods (kwok plays the pods; the programs run beside them with a token of the pod's ServiceAccount), a whole join
with exactly the rights that the chart grants, and the way out."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from cluster import is_ready
from processes import Process, free_ports, run_client, wait_until
from programs import CHART, NAMESPACE, account_kubeconfig, admit_models, answered, binary, meshgraft, unheard, wait_for_rights
from scenario import APP, GATEWAY, STATUS, UNDO, Scenario

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "tests" / "data" / "crds" / "kubesphere-monitoring.kubesphere.io_clusterdashboards.yaml"
sys.path.append(str(ROOT / "tests" / "chart"))
from chart import axes, exclude, of_row, render  # noqa: E402
from pairs import pairwise  # noqa: E402


HELMS = ("helm", "helm4")  # of the tools: helm 3, and helm 4, which applies on the server's side


def readme_line():
    """The line with which README.md installs the chart, as the arguments of helm."""
    (line,) = {re.sub(r"\s+#.*", "", found) for found in
               re.findall(r"^helm install .*$", (ROOT / "README.md").read_text(), re.MULTILINE)}
    return line.split()[1:]


# A member that is a StatefulSet.
STATEFUL = """
apiVersion: v1
kind: Service
metadata: {name: ledger}
spec:
  selector: {app: ledger}
  ports: [{name: http, port: 80}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: ledger}
spec:
  serviceName: ledger
  replicas: 2
  selector: {matchLabels: {app: ledger}}
  template:
    metadata: {labels: {app: ledger}}
    spec:
      containers: [{name: ledger, image: ledger}]
"""


# What is read of KubeSphere 4, without what its objects look like: there are none.
INSTALL_PLANS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: installplans.kubesphere.io}
spec:
  group: kubesphere.io
  scope: Cluster
  names: {plural: installplans, singular: installplan, kind: InstallPlan}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


class Container(Process):
    """The program of a pod. One that has lost its Lease, because the machine stood still, is started again by check(), as a
    kubelet does; not for ever."""

    restarts = 0
    MOST_RESTARTS = 3

    def check(self):
        if not self.running() and "lost; another replica goes on" in self.tail() and self.restarts < self.MOST_RESTARTS:
            self.restarts += 1
            print(f"{self.name}: started again, it has lost its Lease: {self.tail(1)}", flush=True)
            self.__init__(self.name, self.arguments, self.log.parent, self.env)
        super().check()


class Helm(Scenario):
    mesh = "kubesphere"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.environ["HELM"] = str(cls.cluster.tools / "helm")

    @classmethod
    def admit(cls):
        admit_models(cls.cluster)  # the rest is helm's

    def helm(self, *arguments, check=True, program="helm"):
        done = run_client([self.cluster.tools / program, *arguments], cwd=ROOT,
                          env={**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "HOME": str(self.cluster.folder)})
        if check and done.returncode != 0:
            raise AssertionError(f"{program} {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done

    def assert_refused(self, done, *texts):
        """helm said no, in one line (and of a schema, three)."""
        self.assertNotEqual(done.returncode, 0, done.stdout)
        for text in texts:
            self.assertIn(text, done.stderr)

    def tearDown(self):
        self.helm("uninstall", "meshgraft", "-n", NAMESPACE, "--ignore-not-found")

    # The pods' programs.

    def pods(self, number):
        def running():
            pods = [p for p in self.api.list("Pod", NAMESPACE, "app.kubernetes.io/name=meshgraft")
                    if "deletionTimestamp" not in p["metadata"] and p["status"].get("phase") == "Running"]
            return pods if len(pods) == number else None
        return wait_until(running, 60, f"{number} pods of the Deployment run")

    def start(self, pod):
        """The program of a pod, with the pod's own arguments and environment."""
        wait_for_rights(self.cluster, yaml.safe_load_all(self.helm("get", "manifest", "meshgraft", "-n", NAMESPACE).stdout))
        (container,) = pod["spec"]["containers"]
        (port,) = free_ports(1)
        arguments = [a.replace("--metrics-address=:8080", f"--metrics-address=127.0.0.1:{port}") for a in container["args"]]
        fields = {"metadata.name": pod["metadata"]["name"], "metadata.namespace": NAMESPACE}
        env = {e["name"]: fields[e["valueFrom"]["fieldRef"]["fieldPath"]] for e in container["env"]}
        process = Container(pod["metadata"]["name"], [binary("meshgraft"), *arguments,
                                                      "--kubeconfig", account_kubeconfig(self.cluster, pod)],
                            self.cluster.folder, env)
        self.addCleanup(process.stop)

        def ready():
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200
            except (OSError, urllib.error.URLError):
                return False
        process.wait_for(ready, 30, "/readyz")
        return process

    def leader(self):
        lease = self.api.get("Lease", NAMESPACE, "meshgraft")
        return (lease or {}).get("spec", {}).get("holderIdentity")

    # The tests.

    def test_from_the_readmes_line_to_uninstall(self):
        self.cluster.create_namespace(NAMESPACE, {"pod-security.kubernetes.io/enforce": "restricted"})
        notes = self.helm(*readme_line()).stdout
        with self.subTest("the notes say what is left out and the next two commands"):
            self.assertIn("ServiceMonitor (no CRD of the Prometheus operator)", notes)
            self.assertNotIn("Istio is not installed", notes)
            self.assertIn("meshgraft plan -n NAMESPACE --app APP", notes)
            self.assertIn("kubectl label namespace NAMESPACE meshgraft.io/app=APP", notes)
        first, second = self.pods(2)  # admitted under Pod Security "restricted"
        one = self.start(first)
        wait_until(lambda: one.check() or self.leader() == first["metadata"]["name"], 30, "the first replica leads")
        two = self.start(second)
        with self.subTest("helm test"):
            self.helm_test()
        with self.subTest("a whole join as the ServiceAccount"):
            self.join(one)
        with self.subTest("which istiod is followed"):
            self.mesh_of_the_chart()
        with self.subTest("where people look"):
            # The report is written when all else is, and Events when there is time.
            wait_until(lambda: re.match(r"joined \d+/\d+", self.annotation(self.api.get("Namespace", None, "shop"), STATUS) or ""),
                       60, "the report on the Namespace")
            wait_until(lambda: "Namespace" in {e["involvedObject"]["kind"] for e in self.api.list("Event", "shop")
                                               if e.get("reportingComponent") == "meshgraft"}, 60, "an Event on the Namespace")
        with self.subTest("the standby goes on where the leader stops"):
            one.check()
            self.assertEqual(one.stop(), 0)
            wait_until(lambda: two.check() or self.leader() == second["metadata"]["name"], 10, "the standby leads")
            self.namespace("later", STATEFUL, {APP: "later"})
            self.wait_until_joined(type("Running", (), {"process": two}), "later")
        with self.subTest("a namespace goes back"):
            self.api.label("Namespace", None, "later", **{APP: None})
            wait_until(lambda: two.check() or not self.api.list("Application", "later"), 120, "the Application that was made is gone")
            wait_until(lambda: two.check() or self.annotation(self.api.get("StatefulSet", "later", "ledger"), UNDO) is None,
                       120, "the StatefulSet is as it was")
        two.stop()
        self.kinds_arrive()
        with self.subTest("an upgrade with another value, and back"):
            last = self.client_ip_mode("bypass")
            with self.subTest("the parts whose CRDs have come by now are added"):
                added = self.cluster.kubectl("get", "servicemonitors,prometheusrules,clusterdashboards", "-A", "-o", "name")
                self.assertEqual(len(added.split()), 3, added)
                # What KubeSphere's Prometheus selects rules by.
                self.assertIn("/meshgraft", self.cluster.kubectl(
                    "get", "prometheusrules", "-A", "-l", "prometheus=k8s,role=alert-rules", "-o", "name"))
            wait_until(lambda: last.check() or self.gateway_objects() == (["meshgraft-ingress-nginx-controller"], []), 60, "bypass is done")
            last.stop()
            last = self.client_ip_mode("envoyFilter")
            wait_until(lambda: last.check() or self.gateway_objects() == ([], ["preserve-client-ip"]), 60, "bypass is undone")
        with self.subTest("what somebody changes of ours comes back"):
            self.api.patch("EnvoyFilter", "ingress-nginx", "preserve-client-ip", {"spec": {"configPatches": []}})
            wait_until(lambda: last.check() or self.api.get("EnvoyFilter", "ingress-nginx", "preserve-client-ip")["spec"]["configPatches"],
                       30, "the EnvoyFilter is whole again")
        with self.subTest("a second release is refused"):
            self.second_release_is_refused()
        with self.subTest("uninstall leaves the workloads as they are"):
            before = wait_until(lambda: last.check() or self.at_rest("shop", "ingress-nginx", "later"), 60, "nothing is left to do", step=0.3)
            self.cluster.rights_until = self.audit.position()
            self.helm("uninstall", "meshgraft", "-n", NAMESPACE)
            last.stop()
            self.assertEqual(self.of_workloads("shop", "ingress-nginx", "later"), before)
            left = self.cluster.kubectl("get", "clusterroles,clusterrolebindings", "-o", "name")
            self.assertEqual([name for name in left.splitlines() if name.endswith("/meshgraft")], [])

    def join(self, controller):
        for node in ("node-1", "node-2"):
            self.api.label("Node", None, node, ingress="true")
        self.namespace("ingress-nginx", "ingress-nginx.yaml")
        self.namespace("shop", "shop.yaml")
        watch = self.watching("shop", "ingress-nginx")
        self.api.label("Namespace", None, "shop", **{APP: "shop"})
        self.api.label("Namespace", None, "ingress-nginx", **{GATEWAY: "ingress-nginx"})
        self.wait_until_joined(type("Running", (), {"process": controller}), "shop", "ingress-nginx", seconds=180)
        watch.stop()
        self.assert_never_without_endpoint(watch, [("shop", "web"), ("shop", "orders"), ("shop", "cart"),
                                                   ("ingress-nginx", "ingress-nginx-controller")], "joined")
        for name in ("web", "orders", "cart-v1"):
            self.assert_sidecar("shop", name)
        self.assert_sidecar("ingress-nginx", "ingress-nginx-controller")

    def of_workloads(self, *namespaces):
        """versions(), without those of the Namespaces: a report on one may come at any time."""
        return {k: v for k, v in self.versions(*namespaces).items() if k[0] != "Namespace"}

    def at_rest(self, *namespaces):
        """of_workloads(), when there is nothing to do, nor was while that was asked."""
        found = self.of_workloads(*namespaces)
        return meshgraft(self.cluster, "status", "--settled").returncode == 0 and found == self.of_workloads(*namespaces) and found

    def mesh_of_the_chart(self):
        """The values mesh.*, as the flags that the chart makes of them, against the mesh that is there."""
        wrong = answered(lambda: meshgraft(self.cluster, "check", "-A", "--mesh-revision", "1-14-6", "--mesh-root-namespace", "nowhere"))
        text = " ".join(wrong.stdout.split())
        self.assertEqual(wrong.returncode, 2, text + wrong.stderr)
        self.assertIn("mesh.revision is 1-14-6, but no istiod and no injector carries that revision or tag; there are: 1-11-2", text)
        self.assertIn("mesh.rootNamespace is nowhere, but the cluster has no such namespace", text)
        right = answered(lambda: meshgraft(self.cluster, "plan", "-A", "--mesh-revision", "1-11-2", "--mesh-cluster-domain", "cluster.local"))
        self.assertEqual(right.returncode, 0, right.stdout + right.stderr)

    def kinds_arrive(self):
        """The CRDs of the Prometheus operator, of KubeSphere's dashboards and of KubeSphere 4's extensions; they go with the test."""
        extensions = self.cluster.folder / "installplans.yaml"
        extensions.write_text(INSTALL_PLANS)
        crds = [*sorted((self.cluster.tools / "monitoring").glob("*.yaml")), DASHBOARDS, extensions]
        self.addCleanup(self.cluster.kubectl, "delete", *(word for path in crds for word in ("-f", path)))
        self.cluster.apply_server_side(*crds)

    def client_ip_mode(self, mode):
        """Upgrades the release; the program of one of the new pods."""
        self.helm("upgrade", "meshgraft", CHART, "-n", NAMESPACE, "--reuse-values", "--set", f"clientIP.mode={mode}")
        self.cluster.wait_for_deployments(NAMESPACE)
        return self.start(self.pods(2)[0])

    def gateway_objects(self):
        """Names of the DestinationRules and of the EnvoyFilters beside the gateway."""
        return tuple([o["metadata"]["name"] for o in self.api.list(kind, "ingress-nginx")]
                     for kind in ("DestinationRule", "EnvoyFilter"))

    def helm_test(self):
        """`helm test` waits for its pod; this plays the pod's program."""
        test = subprocess.Popen(
            [self.cluster.tools / "helm", "test", "meshgraft", "-n", NAMESPACE, "--timeout", "600s"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "HOME": str(self.cluster.folder)})
        def running():
            self.assertIn(test.poll(), (None, 0), test.stderr.read() if test.poll() else "")
            pod = self.api.get("Pod", NAMESPACE, "meshgraft-test")
            return pod and is_ready(pod) and pod  # kwok has no more to say of it
        pod = wait_until(running, 30, "the pod of helm test")
        (container,) = pod["spec"]["containers"]
        done = subprocess.run([binary("meshgraft"), *container["args"], "--kubeconfig", account_kubeconfig(self.cluster, pod)],
                              capture_output=True, text=True, timeout=240)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.api.patch("Pod", NAMESPACE, "meshgraft-test", {"status": {"phase": "Succeeded"}}, subresource="status")
        out, error = test.communicate(timeout=600)
        self.assertEqual(test.returncode, 0, error)
        self.assertIn("Succeeded", out)

    def second_release_is_refused(self, program="helm"):
        for release, where in (("second", "elsewhere"), ("second", NAMESPACE)):
            self.assert_refused(self.helm("install", release, CHART, "-n", where, "--create-namespace", check=False, program=program),
                                "exists and cannot be imported into the current release", '"meshgraft"')

    def test_values_of_an_older_release_are_refused_with_what_to_do(self):
        older = self.cluster.folder / "older" / "meshgraft"
        (older / "templates").mkdir(parents=True)
        (older / "Chart.yaml").write_text("apiVersion: v2\nname: meshgraft\nversion: 0.0.9\n")
        (older / "values.yaml").write_text("replicaCount: 1\nprometheus: {enabled: true}\nverbose: false\n")
        (older / "templates" / "one.yaml").write_text(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: of-an-older-chart}\n")
        for program in HELMS:
            with self.subTest(program):
                self.upgrade_an_older_release(program, older)
                self.helm("uninstall", "meshgraft", "-n", NAMESPACE, program=program)

    def upgrade_an_older_release(self, program, older):
        def helm(verb, chart, *arguments, check=True):
            return self.helm(verb, "meshgraft", chart, "-n", NAMESPACE, *arguments, check=check, program=program)
        helm("install", older, "--create-namespace")
        self.assert_refused(helm("upgrade", CHART, "--reuse-values", check=False),
                            "the value prometheus is gone", "upgrade with --reset-then-reuse-values")
        helm("upgrade", CHART, "--reset-then-reuse-values")
        helm("upgrade", older, "--reset-values", "--set", "verbose=true")
        self.assert_refused(helm("upgrade", CHART, "--reset-then-reuse-values", check=False),
                            "the value verbose is gone: it is now logLevel: debug")
        helm("upgrade", CHART, "--reset-values", "--set", "logLevel=debug")

    def test_helm_4_goes_on_with_a_release_of_helm_3_and_makes_its_own(self):
        def arguments():
            return self.api.get("Deployment", NAMESPACE, "meshgraft")["spec"]["template"]["spec"]["containers"][0]["args"]
        for first in HELMS:
            with self.subTest(installed_by=first):
                notes = self.helm(*readme_line(), program=first).stdout
                self.assertIn("kubectl label namespace NAMESPACE meshgraft.io/app=APP", notes)
                self.pods(2)
                self.helm("upgrade", "meshgraft", CHART, "-n", NAMESPACE, "--reset-then-reuse-values", "--set", "maxRollouts=2",
                          program="helm4")
                self.assertIn("--max-rollouts=2", arguments())
                self.second_release_is_refused("helm4")
                self.helm("rollback", "meshgraft", "-n", NAMESPACE, program="helm4")
                self.assertIn("--max-rollouts=3", arguments())
                self.helm("uninstall", "meshgraft", "-n", NAMESPACE, program="helm4")
                left = self.cluster.kubectl("get", "clusterroles,clusterrolebindings", "-o", "name")
                self.assertEqual([name for name in left.splitlines() if name.endswith("/meshgraft")], [])

    def test_the_api_server_takes_every_rendering(self):
        self.kinds_arrive()
        where = "dry"
        self.cluster.create_namespace(where)
        for account in ("meshgraft", "grafter"):  # without it no Pod is taken
            self.cluster.kubectl("create", "serviceaccount", account, "-n", where)
        rows = pairwise(axes(), exclude)
        self.assertGreater(len(rows), 15)
        for row in rows:
            with self.subTest({k: v for k, v in row.items() if v != rows[0][k]}):
                objects = render(**of_row(row))
                for o in objects:
                    if "namespace" in o["metadata"]:
                        o["metadata"]["namespace"] = where
                self.cluster.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-",
                                     stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def test_the_plain_manifests_install_without_helm(self):
        self.addCleanup(lambda: self.cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "clusterrole,clusterrolebinding", "meshgraft"))
        self.cluster.kubectl("apply", "--validate=strict", "-f", ROOT / "deploy" / "meshgraft.yaml")
        self.pods(2)
        self.cluster.kubectl("delete", "deployment,serviceaccount,role,rolebinding,service,poddisruptionbudget,networkpolicy",
                             "-n", NAMESPACE, "-l", "app.kubernetes.io/name=meshgraft")

    def test_kubectl_takes_the_program_as_its_plugin_and_completes_it(self):
        folder = self.cluster.folder / "plugin"
        folder.mkdir()
        (folder / "kubectl-meshgraft").symlink_to(binary("meshgraft"))
        (folder / "kubectl_complete-meshgraft").symlink_to(ROOT / "cmd" / "kubectl_complete-meshgraft")

        def kubectl(*arguments):
            return run_client([self.cluster.tools / "kubectl", *arguments], env={
                **os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "HOME": str(self.cluster.folder),
                "PATH": f"{folder}:{self.cluster.tools}:{os.environ['PATH']}"})

        def assert_says(expected, *arguments):
            # A completion that the API server does not answer says so by having nothing to propose.
            done = answered(lambda: kubectl(*arguments), lambda done: unheard(done) or done.stdout == ":4\n")
            self.assertEqual((done.returncode, done.stdout), (0, expected), done.stderr)
        status = answered(lambda: kubectl("meshgraft", "status", "-n", "default"), unheard)
        self.assertEqual(status.stdout.splitlines()[:1], ["Namespace default carries neither meshgraft.io/app nor meshgraft.io/gateway."], status.stderr)
        assert_says("plan\n:4\n", "__complete", "meshgraft", "pl")
        assert_says("kube-system\n:4\n", "__complete", "meshgraft", "plan", "-n", "kube-sys")
