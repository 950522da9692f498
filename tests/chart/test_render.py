"""What the chart makes of every two values together: objects that are whole, that belong together and that grant no
more than the program needs. That an API server takes them, the e2e tier's test_helm.py shows."""

import functools
import os
import re
import subprocess
import unittest
from pathlib import Path

import yaml

from chart import CHART, NAMESPACE, ROOT, axes, exclude, nested, of_row, render
from pairs import pairwise

CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding", "ClusterDashboard"}


def program(*arguments):
    folder = os.environ.get("MESHGRAFT_BIN_DIR")
    if not folder:
        raise RuntimeError("MESHGRAFT_BIN_DIR is not set: the folder that holds meshgraft")
    return subprocess.run([Path(folder) / "meshgraft", *arguments], capture_output=True, text=True, check=True).stdout


def one(objects, kind, name="meshgraft"):
    found = [o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name]
    return found[0] if len(found) == 1 else None


def selects(selector, labels):
    return bool(selector) and all(labels.get(k) == v for k, v in selector.items())


def sections(text):
    """{switch: rules} of what `meshgraft reference rbac` prints; "" for what is always granted."""
    first, *others = text.split("# only with ")
    parts = {"": yaml.safe_load(first)}
    for part in others:
        switch, rules = part.split("\n", 1)
        parts.setdefault(switch, []).extend(yaml.safe_load(rules))
    return parts


def for_each_row(test):
    """A test of one row of values and the objects made of it, as a test of all rows."""
    @functools.wraps(test)
    def all_rows(self):
        for row, objects in zip(self.rows, self.rendered, strict=True):
            with self.subTest({k: v for k, v in row.items() if v != self.rows[0][k]}):
                test(self, row, objects)
    return all_rows


class Render(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.rows = pairwise(axes(), exclude)
        cls.rights = program("reference", "rbac")
        cls.rendered = [render(**of_row(row)) for row in cls.rows]

    def test_every_two_values_meet(self):
        shown = {(a, repr(row[a]), b, repr(row[b])) for row in self.rows for a in row for b in row if a < b}
        every = axes()
        order = list(every)
        missing = [(a, x, b, y) for a in every for b in every if a < b for x in every[a] for y in every[b]
                   if (a, repr(x), b, repr(y)) not in shown
                   and not exclude(*sorted(((a, x), (b, y)), key=lambda c: order.index(c[0])))]
        self.assertEqual(missing, [])
        self.assertLess(len(self.rows), 60)

    @for_each_row
    def test_objects_are_whole_and_none_comes_twice(self, _, objects):
        seen = [(o["apiVersion"], o["kind"], o["metadata"]["name"]) for o in objects]
        self.assertEqual(len(seen), len(set(seen)), seen)
        for o in objects:
            self.assertEqual(o["metadata"].get("namespace"), None if o["kind"] in CLUSTER_SCOPED else NAMESPACE, o)
            labels = o["metadata"]["labels"]
            if o["kind"] != "Pod":
                self.assertEqual(labels["app.kubernetes.io/name"], "meshgraft", "commonLabels took its place")
            self.assertTrue(all(isinstance(v, str) for v in labels.values()), labels)

    @for_each_row
    def test_what_selects_the_pods_selects_them(self, _, objects):
        deployment = one(objects, "Deployment")
        pod = deployment["spec"]["template"]["metadata"]["labels"]
        self.assertTrue(selects(deployment["spec"]["selector"]["matchLabels"], pod))
        self.assertTrue(selects(one(objects, "Service")["spec"]["selector"], pod))
        for kind, where in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
            if (o := one(objects, kind)) is not None:
                self.assertTrue(selects(o["spec"][where]["matchLabels"], pod), kind)
        for constraint in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            self.assertTrue(selects(constraint["labelSelector"]["matchLabels"], pod))
        tester = one(objects, "Pod", "meshgraft-test")
        self.assertFalse(selects(one(objects, "Service")["spec"]["selector"], tester["metadata"]["labels"]))

    @for_each_row
    def test_the_pods_pass_pod_security_restricted_with_the_default_contexts(self, row, objects):
        if any(row[value] != self.rows[0][value] for value in ("securityContext", "containerSecurityContext")):
            return
        for spec in (one(objects, "Deployment")["spec"]["template"]["spec"], one(objects, "Pod", "meshgraft-test")["spec"]):
            self.assertTrue(spec["securityContext"]["runAsNonRoot"])
            self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertFalse(spec.get("hostNetwork") or spec.get("volumes"))
            for container in spec["containers"]:
                context = container["securityContext"]
                self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
                self.assertIs(context["allowPrivilegeEscalation"], False)
                self.assertIs(context["readOnlyRootFilesystem"], True)

    @for_each_row
    def test_subjects_name_the_service_account_that_the_pods_run_as(self, row, objects):
        account = one(objects, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"]
        self.assertEqual(account, row["serviceAccount.name"] or "meshgraft")
        self.assertEqual(one(objects, "ServiceAccount", account) is not None, row["serviceAccount.create"])
        bindings = [o for o in objects if o["kind"] in ("ClusterRoleBinding", "RoleBinding")]
        self.assertEqual(len(bindings), row["rbac.create"] * (1 + row["leaderElection.enabled"]))
        for binding in bindings:
            self.assertEqual(binding["subjects"], [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}])
            self.assertIsNotNone(one(objects, binding["roleRef"]["kind"], binding["roleRef"]["name"]))

    @for_each_row
    def test_the_roles_grant_what_the_program_prints_under_the_switches_that_are_on(self, row, objects):
        parts = sections(self.rights)
        if not row["rbac.create"]:
            return
        granted, lease = list(parts[""]), []
        for switch, rules in parts.items():
            if switch.startswith("--leader-elect"):
                lease = rules if row["leaderElection.enabled"] else []
            elif switch and any(row[value.strip()] for value in switch.split(" or ")):
                granted += rules
        self.assertEqual(one(objects, "ClusterRole")["rules"], granted)
        role = one(objects, "Role", "meshgraft-lease")
        self.assertEqual(role["rules"] if role else [], lease)

    def test_no_role_grants_secrets_or_wildcards_or_the_means_to_more_rights(self):
        for rule in (r for rules in sections(self.rights).values() for r in rules):
            for words in rule.values():
                self.assertNotIn("*", "".join(words))
            self.assertNotIn("secrets", rule["resources"])
            self.assertFalse({"escalate", "bind", "impersonate", "deletecollection"} & set(rule["verbs"]), rule)
            self.assertNotIn("rbac.authorization.k8s.io", rule["apiGroups"])

    def test_what_may_be_deleted_is_what_is_listed(self):
        # Kind -> the switches under which it may be deleted; "" is always. What is not here is never deleted.
        allowed = {"envoyfilters": {""}, "destinationrules": {""}, "virtualservices": {""}, "applications": {""},
                   "ingresses": {""}, "controllerrevisions": {""},
                   "deployments": {"replace.enabled", "releases.enabled", "replace.enabled or releases.enabled"},
                   "replicasets": {"replace.enabled", "releases.enabled", "replace.enabled or releases.enabled"},
                   "strategies": {"releases.enabled"}}
        for switch, rules in sections(self.rights).items():
            for rule in rules:
                if "delete" in rule["verbs"]:
                    for resource in rule["resources"]:
                        self.assertIn(switch, allowed.get(resource, set()), resource)

    def test_the_pods_arguments_are_flags_of_the_program(self):
        for command, kind, name in (("run", "Deployment", "meshgraft"), ("status", "Pod", "meshgraft-test")):
            flags = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", program(command, "--help")))
            used = set()
            for objects in self.rendered:
                spec = one(objects, kind, name)["spec"]
                (container,) = spec.get("template", {"spec": spec})["spec"]["containers"]
                self.assertEqual(container["args"][0], command)
                for argument in container["args"][1:]:
                    flag = argument.split("=", 1)[0]
                    self.assertIn(flag, flags, command)
                    used.add(flag)
            self.assertIn("--max-rollouts", used)

    def test_every_value_reaches_the_pod(self):
        objects = render(nested({
            "defaultPolicy": "observe", "maxRollouts": 7, "paused": True, "replace.enabled": True, "releases.enabled": True, "namespaces.selector": "team in (a,b)",
            "gateway.namespaces": ["edge", "ingress-nginx"], "gateway.trustedProxies": ["10.0.0.0/8"],
            "clientIP.mode": "bypass", "nacos.namespaces": ["middleware"], "mesh.revision": "1-11-2",
            "mesh.rootNamespace": "extension-servicemesh", "mesh.clusterDomain": "k8s.corp", "logLevel": "debug", "logFormat": "json",
            "extraArgs": ["--workers=8"]}))
        (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
        self.assertEqual(container["args"], [
            "run", "--metrics-address=:8080", "--default-policy=observe", "--max-rollouts=7", "--client-ip-mode=bypass",
            "--replace-enabled", "--releases-enabled", "--paused", "--namespace-selector=team in (a,b)", "--gateway-namespaces=edge,ingress-nginx",
            "--trusted-proxies=10.0.0.0/8", "--nacos-namespaces=middleware", "--mesh-revision=1-11-2",
            "--mesh-root-namespace=extension-servicemesh", "--mesh-cluster-domain=k8s.corp", "--log-format=json", "--verbose",
            "--leader-elect", f"--lease-namespace={NAMESPACE}", "--workers=8"])

    @for_each_row
    def test_parts_whose_crds_are_missing_are_left_out(self, row, objects):
        for value, kind in (("serviceMonitor", "ServiceMonitor"), ("prometheusRule", "PrometheusRule"),
                            ("clusterDashboard", "ClusterDashboard")):
            wanted = row[f"monitoring.{value}.enabled"] and row["served:monitoring"]
            self.assertEqual(one(objects, kind) is not None, wanted, kind)

    def test_the_rights_in_the_chart_are_those_that_the_program_prints(self):
        self.assertEqual((CHART / "files" / "rbac.yaml").read_text(), self.rights)


class Plain(unittest.TestCase):
    maxDiff = None

    def test_deploy_holds_what_the_chart_renders(self):
        done = subprocess.run([ROOT / "scripts" / "manifests", "/dev/stdout"], capture_output=True, text=True, check=True)
        self.assertEqual((ROOT / "deploy" / "meshgraft.yaml").read_text(), done.stdout, "run scripts/manifests")

    def test_one_version_stands_everywhere(self):
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        (ours,) = re.findall(r"^project\(meshgraft VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)
        self.assertEqual((chart["version"], chart["appVersion"]), (ours, ours))
        for page, form in (("Dockerfile", r'image\.version="([^"]+)"'), ("Dockerfile", r"meshgraft/meshgraft:(\S+)"),
                           ("scripts/image", r"meshgraft/meshgraft:([\w.-]+\w)"), ("README.md", r"image\.tag=(\S+)"),
                           ("README.zh-CN.md", r"image\.tag=(\S+)"), ("docs/upgrade.md", r"image\.tag=(\S+)")):
            with self.subTest(page, form=form):
                self.assertEqual(set(re.findall(form, (ROOT / page).read_text())), {ours})

    def test_kubectl_can_apply_the_sample_as_a_folder(self):
        # File after file by name, each document as it comes: what is in a namespace after the Namespace.
        seen = set()
        for path in sorted((ROOT / "deploy" / "sample").iterdir()):
            for one in yaml.safe_load_all(path.read_text()):
                if one["kind"] == "Namespace":
                    seen.add(one["metadata"]["name"])
                elif "namespace" in one["metadata"]:
                    self.assertIn(one["metadata"]["namespace"], seen, f"{path.name}: {one['kind']} {one['metadata']['name']}")

    def test_deploy_has_nothing_of_helm_in_it(self):
        text = (ROOT / "deploy" / "meshgraft.yaml").read_text()
        self.assertNotIn("helm.sh", text)
        self.assertNotIn("managed-by: Helm", text)


if __name__ == "__main__":
    unittest.main()
