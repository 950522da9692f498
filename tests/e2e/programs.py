"""meshgraft's own binaries against a test cluster: the controller as a process, the
command line as a call, and the models that play KubeSphere's controllers. Used by
the tests. The controller is user `meshgraft`, the models user `kubesphere`: so the
audit log tells them apart."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from processes import Process, free_ports

USER = "meshgraft"
MODELS = "kubesphere"


def binary(name):
    """A binary of MESHGRAFT_BIN_DIR."""
    folder = os.environ.get("MESHGRAFT_BIN_DIR")
    if not folder:
        raise RuntimeError("MESHGRAFT_BIN_DIR is not set: the folder that holds meshgraft and meshgraft-sandbox")
    path = Path(folder) / name
    if not os.access(path, os.X_OK):
        raise RuntimeError(f"{path} is not there")
    return path


def admit(cluster):
    """Lets the models do everything, and the controller exactly what its own reference
    says that it needs with its default settings."""
    printed = subprocess.run([binary("meshgraft"), "reference", "rbac"], capture_output=True, text=True, check=True)
    # Rules under "# only with …" are for settings that nobody turned on here.
    rules = [rule for part in printed.stdout.split("\n# only with ")[:1] for rule in yaml.safe_load(part)]
    bind(cluster, USER, rules)
    bind(cluster, MODELS, [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])


def bind(cluster, user, rules, name=None):
    """Rights of a user; under a name of their own when he has others already."""
    name = f"e2e-{name or user}"
    group = "/apis/rbac.authorization.k8s.io/v1"
    cluster.api.request("POST", f"{group}/clusterroles", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": name}, "rules": rules})
    cluster.api.request("POST", f"{group}/clusterrolebindings", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]})


class Controller:
    """with Controller(cluster): … : `meshgraft run`, stopped by SIGTERM at the end."""

    def __init__(self, cluster, *arguments):
        self._cluster = cluster
        self._arguments = arguments

    def __enter__(self):
        (port,) = free_ports(1)
        self._address = f"127.0.0.1:{port}"
        self.process = Process("meshgraft", [
            binary("meshgraft"), "run", "--kubeconfig", self._cluster.kubeconfig_for(USER),
            "--metrics-address", self._address, *self._arguments], self._cluster.folder)
        self.process.wait_for(self._ready, 30, "/readyz of meshgraft")
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
        return urllib.request.urlopen(f"http://{self._address}/metrics", timeout=5).read().decode()


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
    """A call of the command line: the completed process, texts captured."""
    return subprocess.run([binary("meshgraft"), arguments[0], "--kubeconfig", str(cluster.kubeconfig_for(USER)),
                           *map(str, arguments[1:])], capture_output=True, text=True, timeout=60)


def plan(cluster):
    """`meshgraft plan -A -o json`, parsed. Raises when it says error."""
    done = meshgraft(cluster, "plan", "-A", "-o", "json")
    if done.returncode not in (0, 2):
        raise AssertionError(f"meshgraft plan ended with status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)
