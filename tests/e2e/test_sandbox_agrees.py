"""The embedded API server of meshgraft-sandbox is honest: it answers the requests of
agreement.yaml as the real one does, and its objects look the same afterwards."""

import json
import tempfile
import unittest
from pathlib import Path

import yaml

from api import CONTENT_TYPES, KINDS, Api, path_of
from cluster import Cluster, rolled_out
from processes import Process, wait_until
from programs import binary
from scenario import ONE_SERVICE

HERE = Path(__file__).resolve().parent
BASE = (ONE_SERVICE.replace("one", "web").replace("{name: http, port: 80}", "{name: web, port: 80}, {name: rpc, port: 9848}")
        .replace("metadata: {name: web}\nspec:\n  replicas", "metadata: {name: web, labels: {app: web}}\nspec:\n  replicas")) + """---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {theirs: "1"}
"""


class SandboxAgrees(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster("kubesphere"))
        cls.real = cls.cluster.api
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        (folder / "empty.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: empty}\n")
        kubeconfig = folder / "kubeconfig"
        process = Process("sandbox", [binary("meshgraft-sandbox"), "-f", folder / "empty.yaml", "--port", "0",
                                      "--kubeconfig-out", kubeconfig], folder)
        cls.addClassCleanup(process.stop)
        process.wait_for(lambda: "KUBECONFIG=" in process.tail(), 60, "the sandbox serves")
        cls.sandbox = Api.from_kubeconfig(kubeconfig)

    def test_the_embedded_server_answers_as_the_real_one(self):
        for number, case in enumerate(yaml.safe_load((HERE / "agreement.yaml").read_text())):
            with self.subTest(case["case"]):
                namespace = f"case-{number}"
                self.sandbox.create("Namespace", None, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
                self.cluster.create_namespace(namespace)
                self.assertEqual(transcript(self.sandbox, namespace, case["steps"]),
                                 transcript(self.real, namespace, case["steps"]))


def transcript(api, namespace, steps):
    """What a server answers to the steps in a namespace where pods can start, one entry a step."""
    for document in yaml.safe_load_all(BASE):
        api.request("POST", path_of(document["kind"], namespace), document, query={"fieldManager": "kubectl"})
    found, answers = {}, []
    for step in steps:
        # So that nothing but our requests moves the version of the Deployment.
        wait_until(lambda: settled(api, namespace), 30, "the Deployment is complete")
        answers.append(step_answer(api, namespace, step, found))
    return answers


def settled(api, namespace):
    """Has the Deployment controller said all that it will say? Pods that are still going are counted in its status, too."""
    deployment = api.get("Deployment", namespace, "web")
    if deployment is None:
        return True
    if any("deletionTimestamp" in pod["metadata"] for pod in api.list("Pod", namespace)):
        return False
    status = deployment.get("status", {})
    told = {c["type"]: (c["status"], c["reason"]) for c in status.get("conditions") or []}
    return (rolled_out(deployment) and not status.get("terminatingReplicas") and not status.get("unavailableReplicas")
            and status.get("availableReplicas", 0) == deployment["spec"]["replicas"]
            and told.get("Progressing", ("", ""))[1] == "NewReplicaSetAvailable" and told.get("Available", ("",))[0] == "True")


def step_answer(api, namespace, step, found):
    kind, name = step.get("kind", "Deployment"), step.get("name", "web")
    if (kind, name) not in found:
        found[kind, name] = (api.get(kind, namespace, name) or {"metadata": {}})["metadata"]
    before = found[kind, name]
    text = json.dumps(step.get("body"))
    for word, value in (("$uid", before.get("uid", "")), ("$version", before.get("resourceVersion", "")), ("$long", "x" * 262144)):
        text = text.replace(word, value)
    body = json.loads(text)
    path = path_of(kind, namespace, name) + (f"/{step['subresource']}" if "subresource" in step else "")
    query = {"fieldManager": step.get("as", "meshgraft")}
    standing = api.get(kind, namespace, name)
    do = step["do"]
    if do in ("apply", "create"):
        body = {"apiVersion": KINDS[kind][0].removeprefix("/apis/").removeprefix("/api/"), "kind": kind,
                **body, "metadata": {"name": name, **body.get("metadata", {})}}
    if do == "get":
        code, answer = api.raw("GET", path)
    elif do == "delete":
        code, answer = api.raw("DELETE", path, body)
    elif do == "create":
        code, answer = api.raw("POST", path_of(kind, namespace), body, query=query)
    else:
        if do == "apply":
            query["force"] = "true" if step.get("force") else "false"
        code, answer = api.raw("PATCH", path, body, CONTENT_TYPES[do], query)
    entry = {"step": f"{do} {kind} {name}", "code": code}
    if code >= 400:
        entry["reason"] = answer.get("reason")
        entry["fields"] = sorted({c.get("field", "") for c in answer.get("details", {}).get("causes") or []})
    elif do not in ("delete", "get") and "subresource" not in step:
        entry["changed"] = is_changed(standing, answer)
    now = api.get(kind, namespace, name)
    entry["object"] = now and "deletionTimestamp" not in now["metadata"] and comparable(now)
    return entry


def is_changed(before, after):
    """Did our request make another version of it? A status that a controller wrote between our look and our request makes
    one, too."""
    if before and before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]:
        return False
    return not before or before.get("status") == after.get("status") or without_status(before) != without_status(after)


def without_status(obj):
    meta = {**obj["metadata"], "resourceVersion": "",
            "managedFields": [m for m in obj["metadata"].get("managedFields", []) if m.get("subresource") != "status"]}
    return {**obj, "metadata": meta, "status": None}


def comparable(obj):
    """What an object is to people who apply to it."""
    meta, spec = obj["metadata"], obj.get("spec", {})
    template = spec.get("template", {}).get("metadata", {})
    return {
        "labels": meta.get("labels", {}),
        "annotations": {k: v for k, v in meta.get("annotations", {}).items() if not k.startswith("deployment.")},
        "template": [template.get("labels"), template.get("annotations")],
        "replicas": spec.get("replicas"), "ports": spec.get("ports"), "selector": spec.get("selector"),
        "addOwnerRef": spec.get("addOwnerRef"), "data": obj.get("data"),
        # Exactly what is ours; of others that they are there.
        "managers": sorted((m["manager"], m["operation"],
                            json.dumps(m["fieldsV1"], sort_keys=True) if m["manager"].startswith("meshgraft") else "")
                           for m in meta.get("managedFields", [])
                           if not m.get("subresource") and m["manager"] != "kube-controller-manager"),
    }
