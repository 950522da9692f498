"""A joined shop with a Prometheus beside it: meshgraft-sandbox with deploy/sample, `meshgraft run` on it, and a real
Prometheus that scrapes the controller every second and evaluates the alert rules without their waiting times. `controller`
is the one that was started last. Used by test_monitoring.py; everything listens on 127.0.0.1 and ends with the block."""

import json
import os
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

from api import Api
from cluster import rolled_out
from processes import Process, free_ports, wait_until

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "charts" / "meshgraft" / "files"
TOOLS = Path(os.environ.get("PROMETHEUS", "/usr/bin"))


def binary(name):
    return Path(os.environ["MESHGRAFT_BIN_DIR"]) / name


def promtool(*arguments, stdin=None):
    """The completed process, both outputs together."""
    return subprocess.run([TOOLS / "promtool", *map(str, arguments)], input=stdin, text=True, timeout=600,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class Live:
    def __enter__(self):
        self._home = tempfile.TemporaryDirectory(prefix="meshgraft-monitoring-")
        self.folder = Path(self._home.name)
        self.processes = []
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.stop()
        self._home.cleanup()

    def _run(self, name, *arguments):
        self.processes.append(Process(name, arguments, self.folder))
        return self.processes[-1]

    def _start(self):
        self.metrics_port, prometheus_port = free_ports(2)
        self.kubeconfig = self.folder / "kubeconfig"
        sandbox = self._run("sandbox", binary("meshgraft-sandbox"), "-f", ROOT / "deploy" / "sample",
                            "--kubeconfig-out", self.kubeconfig, "--pod-ready-seconds", "0.2")
        sandbox.wait_for(lambda: "KUBECONFIG=" in sandbox.log.read_text(), 60, "the sandbox serves")
        self.api = Api.from_kubeconfig(self.kubeconfig)
        self.run_controller("meshgraft", self.metrics_port)
        rules = yaml.safe_load((FILES / "alerts.yaml").read_text())
        for group in rules["groups"]:
            for rule in group["rules"]:
                rule["for"] = "0s"
        (self.folder / "rules.yaml").write_text(yaml.safe_dump(rules))
        (self.folder / "prometheus.yaml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": "meshgraft", "honor_labels": True,
                                "static_configs": [{"targets": [f"127.0.0.1:{self.metrics_port}"]}]}]}))
        self.address = f"127.0.0.1:{prometheus_port}"
        prometheus = self._run("prometheus", TOOLS / "prometheus", f"--config.file={self.folder}/prometheus.yaml",
                               f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address={self.address}")
        prometheus.wait_for(lambda: self._answers(prometheus_port, "/-/ready"), 60, "Prometheus is ready")
        # The figures before the join are what increases are counted from.
        wait_until(lambda: self.query("meshgraft_build_info"), 60, "the first scrape")
        self.label("shop", "meshgraft.io/app=shop")
        self.label("ingress-nginx", "meshgraft.io/gateway=ingress-nginx")
        for namespace in ("shop", "ingress-nginx"):
            self.controller.wait_for(lambda: f"settled Namespace {namespace}" in self.controller.log.read_text(), 180,
                                     f"{namespace} has joined")

    def run_controller(self, name, port, *arguments, kubeconfig=None):
        """`meshgraft run`, ready. Prometheus scrapes the one on `metrics_port`."""
        controller = self._run(name, binary("meshgraft"), "run", "--kubeconfig", kubeconfig or self.kubeconfig,
                               "--metrics-address", f"127.0.0.1:{port}", *arguments)
        self.controller = controller
        controller.wait_for(lambda: self._answers(port, "/readyz"), 60, f"{name} is ready")

    def create(self, namespace, manifest):
        """A namespace with the objects of a manifest, every Deployment rolled out."""
        self.api.create("Namespace", None, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        for o in yaml.safe_load_all(manifest):
            self.api.create(o["kind"], namespace, o)
        wait_until(lambda: all(map(rolled_out, self.api.list("Deployment", namespace))), 60, f"{namespace} runs")

    def cordon(self, cordoned):
        """Lets no new pod find a node, or lets them again."""
        for node in self.api.list("Node"):
            self.api.patch("Node", None, node["metadata"]["name"], {"spec": {"unschedulable": cordoned}})

    def wait_until_fires(self, alert, **labels):
        """Until the alert fires with at least these labels."""
        def fires():
            return any(labels.items() <= found.items() for found in self.firing().get(alert, []))
        return wait_until(fires, 60, f"{alert} fires for {labels}", step=0.2)

    def wait_until_silent(self, *alerts):
        """Until none of these alerts fires; of any, when none is named. A look at the metrics that came too late makes
        one of its own (nothing waits here before it fires), and the next look ends it."""
        wait_until(lambda: not {a for a in self.firing() if a in alerts or not alerts}, 60, f"{alerts or 'every alert'} has ended",
                   step=0.2)

    def _answers(self, port, path):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).status == 200
        except (OSError, urllib.error.URLError):
            return False

    def label(self, namespace, *labels):
        subprocess.run([binary("meshgraft-sandbox"), "label", "--kubeconfig", self.kubeconfig, namespace, *labels],
                       check=True, capture_output=True)

    def metrics(self):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=60).read().decode()

    def _ask(self, path, **query):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            return json.load(urllib.request.urlopen(url, timeout=60))["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {json.load(error)['error']}") from None

    def query(self, expression):
        """[(labels, value)] of an instant query; an error of Prometheus is an AssertionError with its text."""
        return [(one["metric"], float(one["value"][1])) for one in self._ask("query", query=expression)["result"]]

    def rules(self):
        return [rule for group in self._ask("rules", type="alert")["groups"] for rule in group["rules"]]

    def firing(self):
        """{alert: [labels]} of what fires now."""
        found = {}
        for alert in self._ask("alerts")["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
        return found
