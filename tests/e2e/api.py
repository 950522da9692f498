"""The raw API of a test cluster over HTTPS: objects as dicts, requests as the tests
want them sent (server-side apply, JSON Patch, status patches), watches as they come
over the wire. Used by cluster.py, endpoint_watch.py and the tests. Sends a request again only
when the server had closed a kept connection, says when to come again (429), or was not answered
by its store or a webhook in time."""

import base64
import http.client
import json
import socket
import ssl
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import yaml

from processes import PATIENCE, WEBHOOK_STOOD_STILL

CONTENT_TYPES = {
    "apply": "application/apply-patch+yaml",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}

# kind -> (path of the group and version, plural, namespaced)
KINDS = {
    "Namespace": ("/api/v1", "namespaces", False),
    "Node": ("/api/v1", "nodes", False),
    "Pod": ("/api/v1", "pods", True),
    "Service": ("/api/v1", "services", True),
    "ConfigMap": ("/api/v1", "configmaps", True),
    "Event": ("/api/v1", "events", True),
    "Deployment": ("/apis/apps/v1", "deployments", True),
    "StatefulSet": ("/apis/apps/v1", "statefulsets", True),
    "DaemonSet": ("/apis/apps/v1", "daemonsets", True),
    "HorizontalPodAutoscaler": ("/apis/autoscaling/v2", "horizontalpodautoscalers", True),
    "ReplicaSet": ("/apis/apps/v1", "replicasets", True),
    "ControllerRevision": ("/apis/apps/v1", "controllerrevisions", True),
    "Ingress": ("/apis/networking.k8s.io/v1", "ingresses", True),
    "IngressClass": ("/apis/networking.k8s.io/v1", "ingressclasses", False),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices", True),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases", True),
    "Application": ("/apis/app.k8s.io/v1beta1", "applications", True),
    "Gateway": ("/apis/gateway.kubesphere.io/v1alpha1", "gateways", True),
    "Strategy": ("/apis/servicemesh.kubesphere.io/v1alpha2", "strategies", True),
    "ServicePolicy": ("/apis/servicemesh.kubesphere.io/v1alpha2", "servicepolicies", True),
    "VirtualService": ("/apis/networking.istio.io/v1", "virtualservices", True),
    "DestinationRule": ("/apis/networking.istio.io/v1", "destinationrules", True),
    "EnvoyFilter": ("/apis/networking.istio.io/v1alpha3", "envoyfilters", True),
    "CustomResourceDefinition": ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", False),
    "MutatingWebhookConfiguration":
        ("/apis/admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", False),
    "ValidatingWebhookConfiguration":
        ("/apis/admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", False),
}


class ApiError(RuntimeError):
    """A status of 400 and above; `code` and `reason` as the API server said."""

    def __init__(self, method, path, code, status):
        self.code = code
        self.reason = status.get("reason", "")
        super().__init__(f"{method} {path}: {code} {self.reason}: {status.get('message', '')}")


def path_of(kind, namespace=None, name=None):
    """The URL path of an object, or of a collection when `name` is None."""
    group, plural, namespaced = KINDS[kind]
    middle = f"/namespaces/{namespace}" if namespaced and namespace else ""
    return f"{group}{middle}/{plural}" + (f"/{name}" if name else "")


class Api:
    """One user's view of one API server; any thread may call it."""

    TOO_BUSY = 90  # seconds for which a 429 is no answer yet, nor that the store was too slow

    def __init__(self, server, context=None, token=None):
        """server: "https://127.0.0.1:6443"; context: an ssl.SSLContext for https."""
        self._server = urlsplit(server)
        self._context = context
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._local = threading.local()

    @classmethod
    def from_kubeconfig(cls, path):
        """As the current context of a kubeconfig says, files or inline data."""
        config = yaml.safe_load(Path(path).read_text())
        named = lambda kind, name: next(e[kind] for e in config[kind + "s"] if e["name"] == name)
        context = named("context", config["current-context"])
        cluster, user = named("cluster", context["cluster"]), named("user", context["user"])
        ssl_context = None
        if cluster["server"].startswith("https:"):
            with tempfile.TemporaryDirectory() as folder:
                def file(where, key):
                    if f"{key}-data" in where:
                        path = Path(folder) / key
                        path.write_bytes(base64.b64decode(where[f"{key}-data"]))
                        return str(path)
                    return where.get(key)
                ssl_context = ssl.create_default_context(cafile=file(cluster, "certificate-authority"))
                if certificate := file(user, "client-certificate"):
                    ssl_context.load_cert_chain(certificate, file(user, "client-key"))
        return cls(cluster["server"], ssl_context, user.get("token"))

    def connection(self, timeout=120):
        if self._context:
            return http.client.HTTPSConnection(self._server.netloc, timeout=timeout, context=self._context)
        return http.client.HTTPConnection(self._server.netloc, timeout=timeout)

    def _connected(self):
        """A connection that is open; another one when the server gave up the handshake, as one does that stood still: nothing
        was sent by then."""
        for left in reversed(range(PATIENCE)):
            connection = self.connection()
            try:
                connection.connect()
                return connection
            except (ssl.SSLEOFError, ConnectionResetError):
                connection.close()
                if not left:
                    raise

    def raw(self, method, path, body=None, content_type="application/json", query=None):
        """(status, parsed JSON or text). Raises only when there is no answer. What the server is too busy for, or does
        not serve yet ("storage is (re)initializing", a CRD that is a moment old), is asked again when it says."""
        deadline = time.monotonic() + self.TOO_BUSY
        while True:
            answer, text = self._exchange(method, path, body, content_type, query)
            again = answer.getheader("Retry-After", "")
            # Said by etcd after 7 s; what is asked twice then is what may be. Or of a webhook: then nothing was written.
            if answer.status >= 500 and (method in ("GET", "PATCH") and b"etcdserver: request timed out" in text
                                         or WEBHOOK_STOOD_STILL.search(text.decode(errors="replace"))):
                again = "1"
            elif answer.status != 429:
                break
            if not again.isdigit() or time.monotonic() + int(again) > deadline:
                break
            time.sleep(int(again))
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text.decode(errors="replace")

    def _exchange(self, method, path, body, content_type, query):
        url = path + ("?" + urlencode(query) if query else "")
        data = None if body is None else json.dumps(body).encode()
        for attempt in (1, 2):
            fresh = getattr(self._local, "connection", None) is None
            if fresh:
                self._local.connection = self._connected()
            try:
                self._local.connection.request(method, url, data, {**self._headers, "Content-Type": content_type})
                answer = self._local.connection.getresponse()
                text = answer.read()
                break
            except (http.client.HTTPException, OSError) as error:
                # A kept connection that the server had closed meanwhile, or a new one whose request it gave up to read; but what
                # took too long, or was sent to a server that was there, may have been done.
                self._local.connection.close()
                self._local.connection = None
                if fresh and method != "GET" or attempt == 2 or isinstance(error, TimeoutError):
                    raise
        return answer, text

    def request(self, method, path, body=None, content_type="application/json", query=None):
        code, answer = self.raw(method, path, body, content_type, query)
        if code >= 400:
            raise ApiError(method, path, code, answer if isinstance(answer, dict) else {"message": answer})
        return answer

    def get(self, kind, namespace, name):
        """The object, or None when there is none."""
        code, answer = self.raw("GET", path_of(kind, namespace, name))
        if code == 404:
            return None
        if code >= 400:
            raise ApiError("GET", path_of(kind, namespace, name), code, answer)
        return answer

    def list(self, kind, namespace=None, selector=None):
        """All objects of a kind, each with apiVersion and kind filled in."""
        answer = self.request("GET", path_of(kind, namespace),
                              query={"labelSelector": selector} if selector else None)
        for item in answer["items"]:
            item.setdefault("kind", kind)
            item.setdefault("apiVersion", answer["apiVersion"])
        return answer["items"]

    def create(self, kind, namespace, body):
        return self.request("POST", path_of(kind, namespace), body)

    def delete(self, kind, namespace, name, options=None):
        return self.request("DELETE", path_of(kind, namespace, name), options)

    def patch(self, kind, namespace, name, body, how="merge", subresource=None, query=None):
        path = path_of(kind, namespace, name) + (f"/{subresource}" if subresource else "")
        return self.request("PATCH", path, body, CONTENT_TYPES[how], query)

    def label(self, kind, namespace, name, **labels):
        """Sets labels; a value of None removes one. Keys as keyword arguments or by `**{...}`."""
        return self.patch(kind, namespace, name, {"metadata": {"labels": labels}})

    def annotate(self, kind, namespace, name, **annotations):
        return self.patch(kind, namespace, name, {"metadata": {"annotations": annotations}})

    def watch(self, path, resource_version):
        deadline = time.monotonic() + self.TOO_BUSY
        while True:
            try:
                return Watch(self.connection(timeout=None), path, resource_version, self._headers)
            except ApiError as error:
                if error.code != 429 or time.monotonic() > deadline:
                    raise
                time.sleep(1)  # what a server says that is reading its storage


class Watch:
    """One watch stream: iterate over its events (dicts) until the server ends it or
    another thread calls close(). The caller resumes from the last resourceVersion."""

    def __init__(self, connection, path, resource_version, headers):
        self._connection = connection
        query = urlencode({"watch": "1", "resourceVersion": resource_version, "allowWatchBookmarks": "true"})
        connection.request("GET", f"{path}?{query}", headers=headers)
        # Kept: getresponse() lets go of the connection's socket.
        self._socket = connection.sock
        self._answer = connection.getresponse()
        if self._answer.status >= 400:
            raise ApiError("GET", path, self._answer.status, json.loads(self._answer.read() or b"{}"))

    def __iter__(self):
        pending = b""
        try:
            while chunk := self._answer.read1(65536):
                pending += chunk
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    if line.strip():
                        yield json.loads(line)
        except (OSError, ValueError, http.client.HTTPException):
            return  # closed by us or cut off: the same to the caller
        finally:
            self._connection.close()

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
