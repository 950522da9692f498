"""What the chart refuses, and with which words."""

import unittest

from chart import CHART, axes, defaults, leaves, nested, refusal, render, run


class Values(unittest.TestCase):
    maxDiff = None

    def assert_refused(self, values, *texts, **keywords):
        error = refusal(values, **keywords)
        self.assertNotEqual(error, "", f"{values} were taken")
        for text in texts:
            self.assertIn(text, error)
        self.assertLessEqual(len(error.splitlines()), 3, error)  # of a schema: two lines of heading, then the fault
        self.assertNotIn("nil pointer", error)

    def test_helm_lint_has_nothing_to_say(self):
        done = run("lint", "--strict", CHART)
        self.assertIn("0 chart(s) failed", done.stdout)
        self.assertNotIn("WARNING", done.stdout)

    def test_every_value_is_in_the_schema_and_every_value_of_the_schema_has_a_default(self):
        def paths(values, prefix=""):
            for key, value in values.items():
                path = prefix + key
                if path not in leaves() and isinstance(value, dict):
                    yield from paths(value, path + ".")
                else:
                    yield path
        self.assertEqual(sorted(paths(defaults())), sorted(leaves()))

    def test_every_value_has_a_second_one_that_is_tried(self):
        self.assertEqual([path for path, values in axes().items() if len(values) < 2], [])

    def test_a_wrong_value_is_named_with_what_is_allowed(self):
        for path, value, *texts in (
                ("maxRollouts", 0, "'/maxRollouts': minimum: got 0, want 1"),
                ("maxRollouts", "3", "'/maxRollouts': got string, want integer"),
                ("replicaCount", 2.5, "'/replicaCount': got number, want integer"),
                ("defaultPolicy", "joined", "'/defaultPolicy': value must be one of 'observe', 'join', 'replace'"),
                ("clientIP.mode", "envoyfilter", "'/clientIP/mode'", "'envoyFilter', 'meshWide', 'bypass', 'off'"),
                ("paused", "true", "'/paused': got string, want boolean"),
                ("gateway.namespaces", "ingress-nginx", "'/gateway/namespaces': got string, want array"),
                ("gateway.namespaces", ["Ingress"], "'/gateway/namespaces/0': 'Ingress' does not match pattern"),
                ("gateway.trustedProxies", ["10.0.0.1"], "'/gateway/trustedProxies/0': '10.0.0.1' does not match"),
                ("mesh.revision", "1.11.2", "'/mesh/revision': '1.11.2' does not match pattern"),
                ("mesh.rootNamespace", "Istio", "'/mesh/rootNamespace': 'Istio' does not match pattern"),
                ("mesh.clusterDomain", "cluster.local.", "'/mesh/clusterDomain': 'cluster.local.' does not match"),
                ("image.digest", "latest", "'/image/digest': 'latest' does not match pattern"),
                ("image.tag", "a b", "'/image/tag'"),
                ("extraArgs", ["verbose"], "'/extraArgs/0': 'verbose' does not match pattern '^-'"),
                ("monitoring.serviceMonitor.interval", "30", "'/monitoring/serviceMonitor/interval'"),
                ("monitoring.prometheusRule.labels", {"a": 1}, "'/monitoring/prometheusRule/labels/a': got number"),
                ("podDisruptionBudget.maxUnavailable", 0, "'/podDisruptionBudget/maxUnavailable'"),
                ("networkPolicy.apiServerPorts", [70000], "maximum: got 70,000, want 65,535"),
                ("monitoring.servicemonitor", {}, "'/monitoring': additional properties 'servicemonitor' not allowed"),
                ("crds", {}, "additional properties 'crds' not allowed"),
                ("clientIP.mode", None, "'/clientIP': missing property 'mode'")):
            with self.subTest(path=path, value=value):
                error = refusal(nested({path: value}))
                self.assertNotEqual(error, "", "it was taken")
                for text in texts:
                    self.assertIn(text, error)

    def test_values_that_contradict_each_other_are_refused_in_one_line(self):
        for values, text in (
                ({"leaderElection": {"enabled": False}}, "replicaCount above 1 needs leaderElection.enabled: true"),
                ({"defaultPolicy": "replace"}, "defaultPolicy: replace needs replace.enabled: true"),
                *(({"namespaces": {"selector": text}}, f'namespaces.selector is "{text}", which is no label selector such as a=b')
                  for text in ("team in (a", "team in a,b", "a=b,,c", "=b", "a b", "a=b;c=d", "in (a)", "a=-")),
                *(({"gateway": {"trustedProxies": ["10.0.0.0/8", text]}}, f'holds "{text}", which is no network such as 10.0.0.0/8')
                  for text in ("10.0.0.0/33", "10.0.0.256/8", "10.0.0/8", "fd00::/129")),
                ({"serviceAccount": {"create": False}}, "serviceAccount.name is needed when serviceAccount.create is false")):
            with self.subTest(values):
                self.assert_refused(values, text)
                self.assertEqual(len(refusal(values).splitlines()), 1)

    def test_every_form_of_a_label_selector_is_taken(self):
        for text in ("", "a", "!a", "a=b", "a==b", "a!=b", "x.io/a = b , c", "a in (b)", "a in (b, c),d notin (e,f),!g",
                     "kubesphere.io/workspace=demo", "a="):
            with self.subTest(text):
                self.assertEqual(refusal({"namespaces": {"selector": text}}), "")

    def test_a_key_that_is_gone_is_refused_in_one_line_that_names_the_new_one(self):
        for values, text in (
                ({"prometheus": {"enabled": True}}, "is now monitoring.serviceMonitor.*"),
                ({"prometheus": {"servicemonitor": {"enabled": True}}}, "is now monitoring.serviceMonitor.*"),
                ({"verbose": True}, "is now logLevel: debug"),
                ({"podDisruptionBudget": {"minAvailable": 1}}, "is now podDisruptionBudget.maxUnavailable")):
            with self.subTest(values):
                self.assert_refused(values, text, "--reset-then-reuse-values")
                self.assertEqual(len(refusal(values).splitlines()), 1)

    def test_values_of_an_older_chart_are_refused_in_one_line(self):
        # --reuse-values puts the older chart's defaults in the place of this one's: keys are missing.
        for key in defaults():
            with self.subTest(key):
                self.assert_refused({key: None}, f"the value {key} is missing", "--reset-then-reuse-values")
                self.assertEqual(len(refusal({key: None}).splitlines()), 1)

    def test_an_older_kubernetes_is_refused_in_one_line(self):
        error = refusal({}, kubernetes="1.21.14")
        self.assertEqual(error, "Error: chart requires kubeVersion: >=1.22.0-0 which is incompatible with Kubernetes v1.21.14")
        for version in ("1.22.0", "1.22.17-gke.100", "1.26.5+k3s1", "1.37.2"):
            render(kubernetes=version)


if __name__ == "__main__":
    unittest.main()
