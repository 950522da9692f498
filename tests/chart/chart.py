"""The chart under helm: renders it with values, and says what values it can be given, as the schema has it. Used by the
tests here and by the e2e tier's test_helm.py. Never talks to a cluster."""

import json
import os
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "meshgraft"
NAMESPACE = "meshgraft-system"

# What the schema cannot enumerate: for each such value, some that people set. An empty one is the default.
SAMPLES = {
    "image.repository": ["registry.example:5000/mesh/meshgraft"],
    "image.tag": ["1.2.3-rc.1"],
    "image.digest": ["sha256:" + "0a" * 32],
    "imagePullSecrets": [[{"name": "registry"}]],
    "replicaCount": [1, 0, 5],
    "maxRollouts": [1, 1000],
    "namespaces.selector": ["team in (a,b),!legacy"],
    "gateway.namespaces": [["ingress-nginx", "edge"]],
    "gateway.trustedProxies": [["10.0.0.0/8", "2001:db8::/32"]],
    "nacos.namespaces": [["middleware"]],
    "mesh.revision": ["1-11-2"],
    "mesh.rootNamespace": ["extension-servicemesh"],
    "mesh.clusterDomain": ["k8s.corp"],
    "extraArgs": [["--workers=8"]],
    "extraEnv": [[{"name": "NO_COLOR", "value": "1"}]],
    "serviceAccount.name": ["grafter"],
    "serviceAccount.annotations": [{"example.com/role": "mesh: yes"}],
    "resources.requests": [{}],
    "resources.limits": [{}, {"cpu": 1, "memory": "1Gi"}],
    "commonLabels": [{"team": "platform", "app.kubernetes.io/name": "not-ours"}],
    "podAnnotations": [{"example.com/note": "true"}],
    "podLabels": [{"tier": "infra", "sidecar.istio.io/inject": "true"}],
    "securityContext": [{}, {"runAsNonRoot": True}],
    "containerSecurityContext": [{}],
    "nodeSelector": [{"kubernetes.io/os": "linux"}],
    "tolerations": [[{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}]],
    "affinity": [{"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}]}]}}}],
    "topologySpreadConstraints": [[{"maxSkew": 2, "topologyKey": "topology.kubernetes.io/zone",
                                    "whenUnsatisfiable": "DoNotSchedule",
                                    "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "meshgraft"}}}]],
    "priorityClassName": ["system-cluster-critical"],
    "podDisruptionBudget.maxUnavailable": ["50%"],
    "networkPolicy.apiServerPorts": [[443, 6443, 443]],
    "monitoring.serviceMonitor.interval": ["1m30s"],
    "monitoring.serviceMonitor.labels": [{"release": "prometheus"}],
    "monitoring.prometheusRule.labels": [{}],
    "monitoring.grafanaDashboard.labels": [{"grafana_dashboard": "yes", "team": "x"}],
}

# What a cluster may have or lack, as helm learns it.
SERVED = {
    "monitoring": ["monitoring.coreos.com/v1", "monitoring.kubesphere.io/v1alpha2"],
    "mesh": ["networking.istio.io/v1alpha3", "app.k8s.io/v1beta1"],
}
KUBERNETES = ["1.22.0", "1.37.2"]


class Refused(Exception):
    """helm said no; the text is its error."""


def run(*arguments, check=True, env=None):
    done = subprocess.run([os.environ.get("HELM", "helm"), *map(str, arguments)], capture_output=True, text=True,
                          env={**os.environ, **(env or {})})
    if check and done.returncode != 0:
        raise Refused(done.stderr.strip())
    return done


class Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML's readers would silently take one."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(k, deep) for k, _ in node.value]
        twice = {k for k in keys if keys.count(k) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"key {twice} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def render(values=None, kubernetes=KUBERNETES[-1], served=(), chart=CHART, hooks=True):
    """The objects that helm makes of the chart. Raises Refused."""
    values_text = json.dumps(values or {})
    done = subprocess.run(
        [os.environ.get("HELM", "helm"), "template", "meshgraft", chart, "-n", NAMESPACE, "--kube-version", kubernetes,
         "-f", "-", *(a for name in served for a in ("--api-versions", name)), *([] if hooks else ["--no-hooks"])],
        input=values_text, capture_output=True, text=True)
    if done.returncode != 0:
        raise Refused(done.stderr.strip())
    return [d for d in yaml.load_all(done.stdout, Loader) if d]


def refusal(values, **keywords):
    """helm's error for these values, without its usage hint; "" when it takes them."""
    try:
        render(values, **keywords)
    except Refused as error:
        lines = [line for line in str(error).splitlines() if line and not line.startswith("Use --debug")]
        return "\n".join(lines)
    return ""


def defaults():
    return yaml.safe_load((CHART / "values.yaml").read_text())


def schema():
    return json.loads((CHART / "values.schema.json").read_text())


def leaves():
    """{dotted path: schema} of every value that is no group of others; not the removed ones."""
    whole = schema()

    def walk(node, path):
        if "$ref" in node:
            node = whole["definitions"][node["$ref"].rsplit("/", 1)[1]]
        if node.get("deprecated"):
            return
        if "properties" in node:
            for name, inner in node["properties"].items():
                yield from walk(inner, [*path, name])
        else:
            yield ".".join(path), node
    return {path: node for path, node in walk(whole, []) if path != "global"}


def at(values, path):
    for step in path.split("."):
        values = values[step]
    return values


def nested(row):
    """{"a.b": 1} as {"a": {"b": 1}}."""
    values = {}
    for path, value in row.items():
        inner = values
        *groups, last = path.split(".")
        for step in groups:
            inner = inner.setdefault(step, {})
        inner[last] = value
    return values


def axes():
    """Every value with its default first and what else the schema or SAMPLES gives it, and what a cluster may be."""
    found = {}
    default = defaults()
    for path, node in leaves().items():
        others = node.get("enum") or ([True, False] if node.get("type") == "boolean" else SAMPLES.get(path, []))
        first = at(default, path)
        found[path] = [first, *(v for v in others if v != first)]
    found["served:monitoring"] = [True, False]
    found["served:mesh"] = [True, False]
    found["kubernetes"] = KUBERNETES[::-1]
    return found


def exclude(one, other):
    """What templates/validate.yaml refuses."""
    pair = dict((one, other))
    return (pair.get("replicaCount", 1) > 1 and not pair.get("leaderElection.enabled", True)
            or pair.get("defaultPolicy") == "replace" and not pair.get("replace.enabled", True)
            or not pair.get("serviceAccount.create", True) and pair.get("serviceAccount.name", "given") == "")


def of_row(row):
    """The keyword arguments of render() that a row of axes() means."""
    served = [name for part, names in SERVED.items() if row[f"served:{part}"] for name in names]
    values = nested({k: v for k, v in row.items() if ":" not in k and k != "kubernetes"})
    return {"values": values, "kubernetes": row["kubernetes"], "served": served}
