"""The two dashboards as data, and what their readers accept: a CRD's schema for KubeSphere's, and for Grafana's the
fields that its panels are laid out by. Used by test_monitoring.py."""

import json
import re

import yaml

from live import FILES, ROOT

CRD = ROOT / "tests" / "data" / "crds" / "kubesphere-monitoring.kubesphere.io_clusterdashboards.yaml"


def kubesphere():
    return yaml.safe_load((FILES / "clusterdashboard.yaml").read_text())


def grafana():
    return json.loads((FILES / "grafana.json").read_text())


def alerts():
    return [rule for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]


def expressions(dashboard):
    """[(panel's title, expression)]"""
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]


def schema(version):
    """The schema of a ClusterDashboard's spec."""
    (found,) = [v for v in yaml.safe_load(CRD.read_text())["spec"]["versions"] if v["name"] == version]
    return found["schema"]["openAPIV3Schema"]["properties"]["spec"]


def violations(value, schema, path="spec"):
    """What an API server would refuse or drop: wrong types, missing and unknown fields."""
    types = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "number": (int, float)}
    wanted = schema.get("type")
    if wanted and (not isinstance(value, types[wanted]) or wanted == "integer" and isinstance(value, bool)):
        return [f"{path}: {type(value).__name__} instead of {wanted}"]
    found = []
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{path}.{name}: missing" for name in schema.get("required", []) if name not in value]
        for name, one in value.items():
            found += violations(one, properties[name], f"{path}.{name}") if name in properties else [f"{path}.{name}: unknown"]
    if isinstance(value, list):
        for index, one in enumerate(value):
            found += violations(one, schema.get("items", {}), f"{path}[{index}]")
    return found


def selectors(expression):
    """The selectors of series in an expression, without their ranges."""
    return re.findall(r"\b(?:meshgraft|rest_client|workqueue|process|leader_election)_[a-z_]+(?:\{[^}]*\})?", expression)
