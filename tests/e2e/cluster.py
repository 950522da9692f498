#!/usr/bin/env python3
"""A whole Kubernetes control plane on this machine, without containers: etcd,
kube-apiserver, kube-controller-manager and kube-scheduler, kwok playing three nodes
and their pods, istiod with its real injection and validation webhooks. Used by the
tests here, and by hand:

    python3 tests/e2e/cluster.py up [--mesh istio|kubesphere] [--dir DIR]

which prints the kubeconfig and stays until Ctrl-C. Everything listens on 127.0.0.1
and lives in one folder; nothing outlives it. Needs Python 3.11, PyYAML, openssl,
and what scripts/tools.sh builds."""

import argparse
import contextlib
import fcntl
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from api import Api
from in_force import served, webhooks_asked, webhooks_trusted
from pki import Pki, file_name
from processes import PATIENCE, Process, ProcessError, free_ports, run_client, wait_until

HERE = Path(__file__).resolve().parent
MANIFESTS = HERE / "manifests"
NODES = 3
STARTS = 60  # seconds, of wait_until

# What the API server writes down: each write of the controller and of the models with its
# body, and that they read at all, but nobody else's requests.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: Request
  users: ["system:serviceaccount:meshgraft-system:meshgraft", kubesphere]
  verbs: [create, update, patch, delete, deletecollection]
- level: Metadata
  users: ["system:serviceaccount:meshgraft-system:meshgraft", kubesphere]
- level: None
"""


class ToolsMissing(RuntimeError):
    """The programs cannot be had on this machine; the text says why."""


def tools_folder():
    """Where scripts/tools.sh has put the programs; builds them when they are not there."""
    done = subprocess.run([HERE.parent.parent / "scripts" / "tools.sh", "e2e"],
                          stdout=subprocess.PIPE, stderr=None, text=True)
    if done.returncode == 3:
        raise ToolsMissing("no Go toolchain to build the control plane with (see above)")
    if done.returncode != 0:
        raise RuntimeError(f"scripts/tools.sh e2e failed with status {done.returncode}")
    return Path(done.stdout.strip().splitlines()[-1])


def oldest_servers():
    """The program that holds the three servers of Kubernetes 1.24, when MESHGRAFT_KUBERNETES=1.24 asks for them; else None."""
    wanted = os.environ.get("MESHGRAFT_KUBERNETES", "")
    if wanted == "":
        return None
    if wanted != "1.24":
        raise ValueError(f"MESHGRAFT_KUBERNETES is 1.24 or empty, not {wanted!r}")
    done = subprocess.run([HERE.parent.parent / "scripts" / "tools.sh", "kubernetes-1.24"],
                          stdout=subprocess.PIPE, stderr=None, text=True, check=True)
    return Path(done.stdout.strip().splitlines()[-1])


@contextlib.contextmanager
def turn():
    """Waits until no other test file is starting a control plane (run.py names the file
    that is locked); at once when there is none. The lock of a process that dies is free."""
    path = os.environ.get("MESHGRAFT_E2E_TURN")
    if not path:
        yield
        return
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Cluster:
    """with Cluster(mesh="kubesphere") as cluster: … cluster.kubeconfig …

    mesh: "istio" (the chart's default revision), "kubesphere" (revision 1-11-2 with
    its webhooks and policy changed as KubeSphere 3.3 does, and KubeSphere's CRDs),
    or None. KubeSphere's CRDs are there in every setup that has a mesh."""

    def __init__(self, mesh="kubesphere", folder=None, tools=None):
        if mesh not in ("istio", "kubesphere", None):
            raise ValueError(f"mesh is istio, kubesphere or None, not {mesh!r}")
        self.mesh = mesh
        self.revision = "1-11-2" if mesh == "kubesphere" else "default"
        self.tools = Path(tools) if tools else tools_folder()
        self._own_folder = folder is None
        self.folder = Path(folder or tempfile.mkdtemp(prefix="meshgraft-e2e-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.processes = {}

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # Starting and stopping.

    def start(self):
        try:
            with turn():
                self._start_kubernetes()
                self._start_nodes()
                if self.mesh:
                    self._start_mesh()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        """Ends every program, the last started first, and removes the folder
        (when it was not given, and MESHGRAFT_KEEP is not set)."""
        for process in reversed(list(self.processes.values())):
            process.stop()
        self.processes.clear()
        if self._own_folder and not os.environ.get("MESHGRAFT_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def crash(self, name):
        """Kills one program and starts it again with the same arguments; returns when
        the API server, if it was that, is ready again."""
        old = self.processes[name]
        begin = time.time()
        old.kill()
        self.processes[name] = Process(name, old.arguments, self.folder, old.env)
        if name == "kube-apiserver":
            self._wait_for_apiserver()
            self.rights_differ.append((begin, time.time()))  # /readyz waits for the informers, RBAC's too

    def _run(self, name, arguments, env=None):
        self.processes[name] = Process(name, arguments, self.folder, env)
        return self.processes[name]

    def _start_kubernetes(self):
        self.pki = Pki(self.folder / "pki")
        (etcd, etcd_peer, self.port, controllers, scheduler, self._kwok_port,
         *self._istiod_ports) = free_ports(12)
        binary = self.tools / "controlplane"
        self._run("etcd", [binary, "etcd", self.folder / "etcd",
                           f"http://127.0.0.1:{etcd}", f"http://127.0.0.1:{etcd_peer}"])
        pki = self.pki.folder
        servers = oldest_servers()
        # The node lifecycle controller (see below), by the names of its time.
        off = "-nodelifecycle,-nodeipam" if servers else "-node-lifecycle-controller,-node-ipam-controller"
        servers = servers or binary
        (self.folder / "audit-policy.yaml").write_text(AUDIT_POLICY)
        self.audit_log = self.folder / "audit.log"
        # [(from, to)], seconds since the epoch: rights were not what the chart grants, because the API server was starting
        # and had not read the roles yet, or because a test took one away.
        self.rights_differ = []
        self.rights_until = None  # the log's length when the roles were taken away
        self._run("kube-apiserver", [
            servers, "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            f"--secure-port={self.port}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={pki}/server.crt", f"--tls-private-key-file={pki}/server.key",
            f"--client-ca-file={pki}/ca.crt",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki}/service-account.pub",
            f"--service-account-signing-key-file={pki}/service-account.key",
            "--service-cluster-ip-range=10.96.0.0/12",
            "--authorization-mode=RBAC", "--allow-privileged=true",
            # Nobody would take the taint away again: that is the node lifecycle
            # controller's work, which must not run (see below).
            "--disable-admission-plugins=TaintNodesByCondition",
            f"--audit-policy-file={self.folder}/audit-policy.yaml",
            # blocking: a request is answered after its line is written.
            f"--audit-log-path={self.audit_log}", "--audit-log-mode=blocking",
            f"--cert-dir={self.folder}/apiserver",
        ])
        self.kubeconfig = self.kubeconfig_for("admin", "system:masters")
        self.api = self.api_as("admin", "system:masters")
        self._wait_for_apiserver()
        self._run("kube-controller-manager", [
            servers, "kube-controller-manager", f"--kubeconfig={self.kubeconfig}", "--leader-elect=false",
            # It would take the readiness away from nodes without leases after 40 s,
            # and with it that of every pod.
            f"--controllers=*,{off}",
            f"--service-account-private-key-file={pki}/service-account.key", f"--root-ca-file={pki}/ca.crt",
            "--bind-address=127.0.0.1", f"--secure-port={controllers}", f"--cert-dir={self.folder}/controllers",
            "--kube-api-qps=300", "--kube-api-burst=600",
        ])
        self._run("kube-scheduler", [
            servers, "kube-scheduler", f"--kubeconfig={self.kubeconfig}", "--leader-elect=false",
            "--bind-address=127.0.0.1", f"--secure-port={scheduler}", f"--cert-dir={self.folder}/scheduler",
            "--kube-api-qps=300", "--kube-api-burst=600",
        ])

    def _wait_for_apiserver(self):
        def ready():
            try:
                return self.api.raw("GET", "/readyz")[0] == 200
            except (OSError, http.client.HTTPException):
                return False
        for left in reversed(range(PATIENCE)):
            server = self.processes["kube-apiserver"]
            try:
                server.wait_for(ready, STARTS, "the API server is ready")
                break
            except ProcessError:
                if server.running() or not left:
                    raise
                # It ends when etcd has stood still for 20 s of its start, and is started again as by a kubelet.
                self._run(server.name, server.arguments, server.env)
        for namespace in ("default", "kube-system"):
            wait_until(lambda: self.api.get("Namespace", None, namespace), STARTS, f"namespace {namespace}")

    def _start_nodes(self):
        for number in range(1, NODES + 1):
            resources = {"cpu": "64", "memory": "256Gi", "pods": "500", "ephemeral-storage": "1Ti"}
            self.api.create("Node", None, {
                "apiVersion": "v1", "kind": "Node",
                "metadata": {"name": f"node-{number}",
                             "annotations": {"kwok.x-k8s.io/node": "fake"},
                             "labels": {"kubernetes.io/hostname": f"node-{number}", "kubernetes.io/os": "linux"}},
                "spec": {"podCIDR": f"10.64.{number}.0/24"},
                "status": {"capacity": resources, "allocatable": resources,
                           # From it istiod tells whether sidecars may be initContainers.
                           "nodeInfo": {**dict.fromkeys(
                               ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage",
                                "containerRuntimeVersion", "kubeProxyVersion"), "played"),
                               "kubeletVersion": self.version(), "operatingSystem": "linux", "architecture": "amd64"},
                           "addresses": [{"type": "InternalIP", "address": f"192.0.2.{number}"},
                                         {"type": "Hostname", "address": f"node-{number}"}]}})
        kwok = self._run("kwok", [
            self.tools / "kwok", f"--kubeconfig={self.kubeconfig}", f"--config={MANIFESTS}/stages.yaml",
            "--manage-all-nodes=false", "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            f"--server-address=127.0.0.1:{self._kwok_port}",
        ], {"HOME": str(self.folder)})
        kwok.wait_for(lambda: all(_condition(node, "Ready") for node in self.api.list("Node")), STARTS, "nodes are ready")

    def _start_mesh(self):
        istio = self.tools / "istio"
        suffix = "-1-11-2" if self.mesh == "kubesphere" else ""
        self.apply_server_side(istio / "crds.yaml", MANIFESTS / "kubesphere-crds.yaml")
        self.create_namespace("istio-system")
        http, grpc, secure, webhooks, monitoring, control = self._istiod_ports
        documents = [d for name in ("istiod", "validator")
                     for d in yaml.safe_load_all((istio / f"{name}{suffix}.yaml").read_text()) if d]
        documents = [d for d in documents if d["kind"] not in ("HorizontalPodAutoscaler", "PodDisruptionBudget")]
        for document in documents:
            self._fit_webhooks(document, webhooks)
        rendered = self.folder / "istio.yaml"
        rendered.write_text(yaml.safe_dump_all(documents))
        self.apply_server_side(rendered)
        names = {d["kind"]: d["metadata"]["name"] for d in documents if "webhooks" in d
                 and d["metadata"]["name"] != "istiod-default-validator"}
        self.xds = f"127.0.0.1:{grpc}"  # where ads.py asks
        istiod = self._run("istiod", [
            self.tools / "istiod", "discovery", f"--kubeconfig={self.kubeconfig}",
            f"--httpAddr=127.0.0.1:{http}", f"--grpcAddr=127.0.0.1:{grpc}", f"--secureGRPCAddr=127.0.0.1:{secure}",
            f"--httpsAddr=127.0.0.1:{webhooks}", f"--monitoringAddr=127.0.0.1:{monitoring}", f"--ctrlz_port={control}",
        ], {
            "POD_NAMESPACE": "istio-system", "POD_NAME": "istiod-0", "ISTIOD_CUSTOM_HOST": "localhost",
            "JWT_POLICY": "first-party-jwt", "PILOT_CERT_PROVIDER": "istiod", "REVISION": self.revision,
            "CLUSTER_ID": "Kubernetes", "ENABLE_LEADER_ELECTION": "false",
            "INJECTION_WEBHOOK_CONFIG_NAME": names["MutatingWebhookConfiguration"],
            "VALIDATION_WEBHOOK_CONFIG_NAME": names["ValidatingWebhookConfiguration"],
            # Istio as KubeSphere ships it has the proxy among the containers.
            **({"ENABLE_NATIVE_SIDECARS": "false"} if self.mesh == "kubesphere" else {}),
            "HOME": str(self.folder),
        })

        def ready():
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{http}/ready", timeout=5).status == 200
            except (OSError, urllib.error.URLError):
                return False
        istiod.wait_for(ready, STARTS, "istiod is ready")
        istiod.wait_for(lambda: webhooks_trusted(self.api), STARTS, "istiod has written its CA into the webhooks")
        istiod.wait_for(lambda: webhooks_asked(self.api), STARTS, "the API server asks istiod's webhooks")
        if self.mesh == "kubesphere":
            self.create_namespace("kubesphere-system")
            self.apply(MANIFESTS / "kubesphere-platform.yaml")
        self.wait_for_deployments("istio-system")

    def _fit_webhooks(self, document, port):
        """Webhooks by URL (Services do not reach this machine), and for the setup of
        KubeSphere's kind its change: no revision clause in the second webhook."""
        for webhook in document.get("webhooks", []):
            path = webhook["clientConfig"]["service"].get("path", "/inject")
            webhook["clientConfig"] = {"url": f"https://localhost:{port}{path}"}
            if self.mesh == "kubesphere" and webhook["name"].startswith("rev.object."):
                clauses = webhook["objectSelector"]["matchExpressions"]
                webhook["objectSelector"]["matchExpressions"] = [c for c in clauses if c["key"] != "istio.io/rev"]

    # Using it.

    def version(self):
        """Of Kubernetes, as in v1.37.2."""
        return self.api.request("GET", "/version")["gitVersion"]

    def api_as(self, user, group=None):
        return Api.from_kubeconfig(self.kubeconfig_for(user, group))

    def kubeconfig_for(self, user, group=None):
        """The path of a kubeconfig with a client certificate of this user."""
        certificate, key = self.pki.client(user, group)
        path = self.folder / f"{file_name(user)}.kubeconfig"
        path.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "e2e",
            "clusters": [{"name": "e2e", "cluster": {"server": f"https://127.0.0.1:{self.port}",
                                                     "certificate-authority": str(self.pki.ca)}}],
            "users": [{"name": user, "user": {"client-certificate": str(certificate), "client-key": str(key)}}],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": user}}]}))
        return path

    def kubectl(self, *arguments, stdin=None, check=True):
        """What kubectl prints on standard output, as admin. With check=False the
        completed process instead."""
        done = run_client([self.tools / "controlplane", "kubectl", f"--kubeconfig={self.kubeconfig}", *arguments],
                          input=stdin, env={**os.environ, "HOME": str(self.folder)})
        if not check:
            return done
        if done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, manifest, namespace=None):
        """`kubectl apply -f`, as people do: a path, or YAML text."""
        where = ["-n", namespace] if namespace else []
        if isinstance(manifest, Path):
            return self.kubectl("apply", *where, "-f", manifest)
        return self.kubectl("apply", *where, "-f", "-", stdin=manifest)

    def apply_server_side(self, *manifests):
        files = [a for m in manifests for a in ("-f", str(m))]
        self.kubectl("apply", "--server-side", *files)
        if definitions := self.api.list("CustomResourceDefinition"):
            self.kubectl("wait", "--for=condition=Established", "crd", "--all", f"--timeout={STARTS * PATIENCE}s")
            wait_until(lambda: served(self, definitions), STARTS, "every kind is served", step=0.3)

    def create_namespace(self, name, labels=None):
        """Creates it and waits for its default service account, without which no pod starts."""
        self.api.create("Namespace", None, {"apiVersion": "v1", "kind": "Namespace",
                                            "metadata": {"name": name, "labels": labels or {}}})
        wait_until(lambda: self.api.raw("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default")[0] == 200,
                   30, f"service account default in {name}")

    def wait_for_deployments(self, namespace, seconds=60):
        """Until every Deployment and StatefulSet of a namespace is completely rolled out."""
        def complete():
            objects = self.api.list("Deployment", namespace) + self.api.list("StatefulSet", namespace)
            return all(rolled_out(o) for o in objects)
        wait_until(complete, seconds, f"everything in {namespace} is rolled out")


def rolled_out(workload):
    """Is every pod of a Deployment or StatefulSet of its latest template, and ready?"""
    wanted = workload["spec"].get("replicas", 1)
    status = workload.get("status", {})
    return (status.get("observedGeneration") == workload["metadata"]["generation"]
            and status.get("replicas", 0) == wanted
            and status.get("updatedReplicas", 0) == wanted
            and status.get("readyReplicas", 0) == wanted)


def is_ready(pod):
    return "deletionTimestamp" not in pod["metadata"] and _condition(pod, "Ready")


def _condition(obj, name):
    return any(c["type"] == name and c["status"] == "True" for c in obj.get("status", {}).get("conditions") or [])


def main():
    parser = argparse.ArgumentParser(description="a real control plane without containers")
    parser.add_argument("command", choices=["up"])
    parser.add_argument("--mesh", choices=["istio", "kubesphere", "none"], default="kubesphere")
    parser.add_argument("--dir", help="folder for its files (default: a temporary one)")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    begin = time.monotonic()
    try:
        cluster = Cluster(None if options.mesh == "none" else options.mesh, options.dir)
        cluster.start()
    except (ProcessError, ToolsMissing, RuntimeError, TimeoutError) as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    print(f"up in {time.monotonic() - begin:.1f} s; files in {cluster.folder}", file=sys.stderr)
    print(f"kubectl: {cluster.tools}/kubectl", file=sys.stderr)
    if cluster.mesh:
        print(f"istiod for ads.py: --xds {cluster.xds}", file=sys.stderr)
    print(f"export KUBECONFIG={cluster.kubeconfig}", flush=True)
    stop.wait()
    cluster.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
