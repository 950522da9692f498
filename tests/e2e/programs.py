"""meshgraft's own binaries against a test cluster: the controller as a process, the
command line as a call, and the models that play KubeSphere's controllers. Used by
the tests. The controller is the chart's ServiceAccount with the rights that the chart's
ClusterRole grants, the models are user `kubesphere`: so the audit log tells them apart.
The API server hears of rights by watches of its own: they are in force when admit() returns."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from processes import Process, free_ports, wait_until

NAMESPACE = "meshgraft-system"
USER = f"system:serviceaccount:{NAMESPACE}:meshgraft"
MODELS = "kubesphere"
CHART = Path(__file__).resolve().parents[2] / "charts" / "meshgraft"


def binary(name):
    """A binary of MESHGRAFT_BIN_DIR."""
    folder = os.environ.get("MESHGRAFT_BIN_DIR")
    if not folder:
        raise RuntimeError("MESHGRAFT_BIN_DIR is not set: the folder that holds meshgraft and meshgraft-sandbox")
    path = Path(folder) / name
    if not os.access(path, os.X_OK):
        raise RuntimeError(f"{path} is not there")
    return path


def admit(cluster, *values):
    """What a helm install leaves but the pods: the ServiceAccount, and the ClusterRole that
    the chart makes of these values ("replace.enabled=true"). And lets the models do everything."""
    cluster.api.create("Namespace", None, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    wanted = [word for value in values for word in ("--set", value)]
    done = subprocess.run(
        [cluster.tools / "helm", "template", "meshgraft", CHART, "-n", NAMESPACE, "--kube-version", cluster.version(),
         "-s", "templates/rbac.yaml", "-s", "templates/serviceaccount.yaml", *wanted],
        capture_output=True, text=True, env={**os.environ, "HOME": str(cluster.folder)})
    if done.returncode != 0:
        raise RuntimeError(f"helm template: {done.stderr.strip()}")
    cluster.apply(done.stdout)
    wait_for_rights(cluster, yaml.safe_load_all(done.stdout))
    admit_models(cluster)


def wait_for_rights(cluster, documents):
    """Until the API server knows the roles among the chart's documents."""
    for document in documents:
        if document and document["kind"] in ("ClusterRole", "Role"):
            for rule in document["rules"]:  # all: an upgrade changes single ones
                wait_until_granted(cluster, USER, rule, document["metadata"].get("namespace", ""))


def wait_until_granted(cluster, user, rule, namespace=""):
    """Until the API server knows that a user may do what a rule of a role says, in a namespace when one is named."""
    resource, _, subresource = rule["resources"][0].partition("/")
    attributes = {"verb": rule["verbs"][0], "group": rule["apiGroups"][0], "resource": resource, "subresource": subresource,
                  "name": rule.get("resourceNames", [""])[0], "namespace": namespace}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
              "spec": {"user": user, "resourceAttributes": attributes}}
    wait_until(lambda: cluster.api.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"],
               30, f"{user} may {attributes}")


def admit_models(cluster):
    group = "/apis/rbac.authorization.k8s.io/v1"
    cluster.api.request("POST", f"{group}/clusterrolebindings", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": f"e2e-{MODELS}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": MODELS}]})
    wait_until_granted(cluster, MODELS, {"apiGroups": [""], "resources": ["services"], "verbs": ["list"]})


def account_kubeconfig(cluster, pod=None):
    """The path of a kubeconfig with a token of the ServiceAccount in a file; as a kubelet
    gives it, bound to a pod, when one is named."""
    accounts = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    account = pod["spec"]["serviceAccountName"] if pod else "meshgraft"
    uid = (pod or cluster.api.request("GET", f"{accounts}/{account}"))["metadata"]["uid"]
    path = cluster.folder / f"account-{uid}.kubeconfig"
    if not path.exists():
        bound = {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": pod["metadata"]["name"], "uid": uid}} if pod else {}
        answer = cluster.api.request("POST", f"{accounts}/{account}/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200, **bound}})
        token = cluster.folder / f"account-{uid}.token"
        token.write_text(answer["status"]["token"])
        config = yaml.safe_load(Path(cluster.kubeconfig).read_text())
        config["users"][0]["user"] = {"tokenFile": str(token)}
        path.write_text(yaml.safe_dump(config))
    return path


class Controller:
    """with Controller(cluster): … : `meshgraft run`, stopped by SIGTERM at the end."""

    def __init__(self, cluster, *arguments, kubeconfig=None):
        """kubeconfig: of the ServiceAccount when None."""
        self._cluster = cluster
        self._arguments = arguments
        self._kubeconfig = kubeconfig
        self.process = None

    def __enter__(self):
        (port,) = free_ports(1)
        self._address = f"127.0.0.1:{port}"
        self.process = Process("meshgraft", [
            binary("meshgraft"), "run", "--kubeconfig", self._kubeconfig or account_kubeconfig(self._cluster),
            "--metrics-address", self._address, *self._arguments], self._cluster.folder)
        try:
            self.process.wait_for(self._ready, 30, "/readyz of meshgraft")
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, kind, *_):
        status = self.process.stop()
        if kind is None and status != 0:
            raise AssertionError(f"meshgraft run ended with status {status}:\n{self.process.tail()}")

    def _ready(self):
        try:
            return urllib.request.urlopen(f"http://{self._address}/readyz", timeout=5).status == 200
        except (OSError, urllib.error.URLError):
            return False

    def metrics(self):
        """The text of /metrics."""
        return urllib.request.urlopen(f"http://{self._address}/metrics", timeout=60).read().decode()


class Models:
    """with Models(cluster): … : KubeSphere's controllers, played by meshgraft-sandbox."""

    def __init__(self, cluster):
        self._cluster = cluster

    def __enter__(self):
        self.process = Process("models", [
            binary("meshgraft-sandbox"), "models", "--kubeconfig", self._cluster.kubeconfig_for(MODELS)],
            self._cluster.folder)
        return self

    def __exit__(self, *_):
        self.process.stop()


def meshgraft(cluster, *arguments):
    """A call of the command line as in one of the pods: the completed process, texts captured."""
    return subprocess.run([binary("meshgraft"), arguments[0], "--kubeconfig", str(account_kubeconfig(cluster)),
                           *map(str, arguments[1:])], capture_output=True, text=True, timeout=300)


# What is said on standard error when the API server gave no answer, or none yet: of meshgraft, the API server itself, and kubectl.
NO_ANSWER = re.compile(
    "gave no answer|fell silent|broke off its answer|connection refused|connection reset|handshake timeout|tim(ed|e) ?out"
    "|deadline exceeded|etcdserver|too many requests|HTTP (429|5[0-9][0-9])|is not available|unable to handle the request"
    "|initializing|internal error", re.IGNORECASE)


def unheard(done):
    """Does a completed process say that the API server did not answer it?"""
    return done.returncode == 1 and NO_ANSWER.search(done.stderr)


def answered(call, without=unheard):
    """What `call` returns, a completed process; called again while that is `without` an answer of the API server, and prints
    that it was. Any other error is returned at once."""
    def ended():
        done = call()
        if not without(done):
            return done
        print(f"once more, without an answer: {' '.join(map(str, done.args))}: {done.stderr.strip()}", flush=True)
    return wait_until(ended, 30, "a command is answered", step=1)


def plan(cluster):
    """`meshgraft plan -A -o json`, parsed."""
    done = answered(lambda: meshgraft(cluster, "plan", "-A", "-o", "json"))
    if done.returncode not in (0, 2):
        raise AssertionError(f"plan ended with status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)
