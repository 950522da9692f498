"""Dashboards and alerts against a real Prometheus and a real controller."""

import datetime
import math
import re
import unittest
from pathlib import Path

import yaml

import dashboards
from live import FILES, ROOT, Live, promtool
from processes import free_ports, wait_until
from scenario import ONE_SERVICE
from torn import TornServer

HERE = Path(__file__).resolve().parent
# Annotations of an object together have 256 KiB; this leaves no room for ours.
FULL = "x" * (256 * 1024 - 100)


class Files(unittest.TestCase):
    def test_the_console_of_kubesphere_can_render_every_panel(self):
        board = dashboards.kubesphere()
        self.assertEqual(dashboards.violations(board, dashboards.schema("v1alpha2")), [])
        # What the console of KubeSphere 3.3 knows; a row begins a group, and variables are not replaced.
        self.assertLessEqual({p["type"] for p in board["panels"]}, {"row", "graph", "singlestat"})
        ids = [p["id"] for p in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertNotIn("templatings", board)
        first_row = [p["type"] for p in board["panels"]].index("row")
        self.assertNotIn("graph", [p["type"] for p in board["panels"]][:first_row])
        for title, expression in dashboards.expressions(board):
            self.assertNotIn("$", expression, title)

    def test_grafana_lays_the_same_panels_out(self):
        board = dashboards.grafana()
        self.assertEqual(dashboards.expressions(board), dashboards.expressions(dashboards.kubesphere()))
        self.assertLessEqual({p["type"] for p in board["panels"]}, {"row", "timeseries", "stat"})
        taken = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(taken & cells, f"{panel['title']} lies on another panel")
            taken |= cells
        (variable,) = board["templating"]["list"]
        self.assertEqual((variable["name"], variable["type"]), ("datasource", "datasource"))

    def test_promtool_accepts_the_rules(self):
        done = promtool("check", "rules", FILES / "alerts.yaml")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_alert_fires_when_it_must_and_not_before(self):
        done = promtool("test", "rules", HERE / "alerts_test.yaml")
        self.assertEqual(done.returncode, 0, done.stdout)
        cases = yaml.safe_load((HERE / "alerts_test.yaml").read_text())["tests"]
        fired = {one["alertname"] for case in cases for one in case["alert_rule_test"] if one.get("exp_alerts")}
        silent = {one["alertname"] for case in cases for one in case["alert_rule_test"] if not one.get("exp_alerts")}
        every = {rule["alert"] for rule in dashboards.alerts()}
        self.assertEqual((fired, silent), (every, every), "each alert has a case where it fires and one where it does not")

    def test_every_alert_says_what_to_do(self):
        for rule in dashboards.alerts():
            self.assertLessEqual({"summary", "message", "runbook", "runbook_url"}, set(rule["annotations"]), rule["alert"])
            self.assertIn(rule["labels"]["severity"], ("warning", "critical"), rule["alert"])

    def test_the_page_on_monitoring_lists_every_alert(self):
        listed = re.findall(r"^\| (Meshgraft\w+) \|", (ROOT / "docs" / "monitoring.md").read_text(), re.MULTILINE)
        self.assertEqual(listed, [rule["alert"] for rule in dashboards.alerts()])

    def test_every_alert_leads_to_its_line_of_that_page(self):
        page = (ROOT / "docs" / "monitoring.md").read_text()
        for rule in dashboards.alerts():
            anchor = rule["alert"].lower()
            self.assertEqual(rule["annotations"]["runbook_url"], f"docs/monitoring.md#{anchor}")
            self.assertRegex(page, rf'(?m)^\| {rule["alert"]} \|.*<a id="{anchor}"></a> \|$')


class Running(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.live = cls.enterClassContext(Live())

    def test_1_promtool_finds_nothing_wrong_with_the_metrics(self):
        done = promtool("check", "metrics", stdin=self.live.metrics())
        self.assertEqual((done.returncode, done.stdout.strip()), (0, ""))

    def test_2_every_expression_of_the_dashboards_has_an_answer(self):
        for title, expression in dashboards.expressions(dashboards.kubesphere()):
            with self.subTest(title, expression=expression):
                def answered():
                    found = self.live.query(expression)
                    return found and not any(math.isnan(value) for _, value in found)
                wait_until(answered, 30, f"{title}: {expression} has figures", step=0.2)

    def test_3_every_alert_looks_at_series_that_exist_and_is_evaluated(self):
        # Of a gauge that counts findings there is a series only while there is such a finding.
        for rule in dashboards.alerts():
            for selector in dashboards.selectors(rule["expr"]):
                name = selector.split("{")[0] if selector.startswith("meshgraft_findings") else selector
                with self.subTest(rule["alert"], selector=selector):
                    # Waited for: after a look that came too late there is none until the next.
                    wait_until(lambda: self.live.query(name), 30, f"a series of {name}", step=0.2)
        for rule in wait_until(lambda: all(r["health"] != "unknown" for r in self.live.rules()) and self.live.rules(),
                               30, "all rules evaluated"):
            with self.subTest(rule["name"]):
                self.assertEqual((rule["health"], rule.get("lastError", "")), ("ok", ""))

    def test_4_a_joined_shop_raises_no_alarm(self):
        self.live.wait_until_silent()

    # Each alert by what it is about, in the real program; `for` is 0 here, the waiting times are promtool's (above).

    def test_5_a_finding_of_severity_error_raises_one_and_it_ends_with_it(self):
        self.live.label("ingress-nginx", "meshgraft.io/app=Not-A-Name")
        self.live.wait_until_fires("MeshgraftErrorFinding", namespace="ingress-nginx", code="MG101")
        self.live.label("ingress-nginx", "meshgraft.io/app-")
        self.live.wait_until_silent("MeshgraftErrorFinding")

    def test_6_a_member_whose_pods_find_no_node_is_stuck_and_one_that_misses_its_deadline_is_held(self):
        for namespace in ("stuck", "late"):
            self.live.create(namespace, ONE_SERVICE)
        # Only now that it runs: what misses its deadline before anything is written counts as broken, and is left alone.
        self.live.api.patch("Deployment", "late", "one", {"spec": {"progressDeadlineSeconds": 1}})
        self.live.cordon(True)
        for namespace in ("stuck", "late"):
            self.live.label(namespace, f"meshgraft.io/app={namespace}")
        self.live.wait_until_fires("MeshgraftNamespaceStuck", namespace="stuck")
        self.live.wait_until_fires("MeshgraftMemberHeld", namespace="late")
        self.live.wait_until_fires("MeshgraftRolledBack")
        self.live.cordon(False)
        self.live.api.patch("Deployment", "late", "one", {"spec": {"progressDeadlineSeconds": 600},
                                                          "metadata": {"annotations": {"meshgraft.io/retry": "1"}}})
        self.live.wait_until_silent("MeshgraftNamespaceStuck")
        self.live.wait_until_silent("MeshgraftMemberHeld")

    def test_7_a_field_that_somebody_changes_back_again_and_again_is_contested(self):
        def changed_back():
            service = self.live.api.get("Service", "shop", "storefront")
            if service["spec"]["ports"][0]["name"] != "web":
                self.live.api.patch("Service", "shop", "storefront", [
                    {"op": "replace", "path": "/spec/ports/0/name", "value": "web"}], how="json", query={"fieldManager": "rival"})
            return "MeshgraftContestedFields" in self.live.firing()
        wait_until(changed_back, 120, "MeshgraftContestedFields fires", step=0.2)

    def test_8_writes_that_the_server_refuses_one_after_the_other_raise_one(self):
        number = 8  # more than the five that are forgiven
        self.live.create("full", "---\n".join(ONE_SERVICE.replace("one", f"one-{i}") for i in range(number)))
        for i in range(number):
            self.live.api.patch("Deployment", "full", f"one-{i}", {"metadata": {"annotations": {"note": FULL}}})
        self.live.label("full", "meshgraft.io/app=full")
        self.live.wait_until_fires("MeshgraftWritesFailing", kind="Deployment", result="refused")
        self.live.label("full", "meshgraft.io/app-")

    def test_9_a_controller_that_is_gone_raises_one_and_so_does_one_that_does_not_lead(self):
        self.live.controller.stop()
        self.live.wait_until_fires("MeshgraftAbsent")
        # Somebody else holds the Lease, for as long as it is there.
        lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
        self.live.api.request("POST", lease, {
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "meshgraft", "namespace": "default"},
            "spec": {"holderIdentity": "elsewhere", "leaseDurationSeconds": 3600, "leaseTransitions": 0,
                     "acquireTime": now, "renewTime": now}})
        self.live.run_controller("standby", self.live.metrics_port, "--leader-elect", "--lease-namespace", "default")
        self.live.wait_until_fires("MeshgraftNoLeader")
        self.live.wait_until_silent("MeshgraftAbsent")
        self.live.api.request("DELETE", f"{lease}/meshgraft")
        self.live.wait_until_silent("MeshgraftNoLeader")

    def test_a_watch_that_is_cut_again_and_again_raises_one(self):  # after the others: their controller is stopped here
        self.live.controller.stop()
        with TornServer(free_ports(1)[0]) as server:
            kubeconfig = self.live.folder / "torn.kubeconfig"
            kubeconfig.write_text(server.kubeconfig)
            self.live.run_controller("torn", self.live.metrics_port, kubeconfig=kubeconfig)
            self.live.wait_until_fires("MeshgraftWatchRestarting", kind="IngressClass")
            self.live.controller.stop()


if __name__ == "__main__":
    unittest.main()
