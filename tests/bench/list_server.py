"""An API server that holds the mixed 10,000 objects of a cluster and answers lists and
watches of them from memory: so that what `./bench client` measures is the client alone.
Pods and ReplicaSets are there too, for whoever asks. Called by client.py."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MIX = {"deployments": 2000, "replicasets": 2000, "pods": 3500, "services": 2000, "ingresses": 300, "configmaps": 200}
NAMESPACES = 100
KINDS = {"deployments": ("apps/v1", "Deployment"), "replicasets": ("apps/v1", "ReplicaSet"), "pods": ("v1", "Pod"),
         "services": ("v1", "Service"), "ingresses": ("networking.k8s.io/v1", "Ingress"),
         "configmaps": ("v1", "ConfigMap"), "namespaces": ("v1", "Namespace")}


def managed(manager, fields):
    return {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": fields}


def meta(plural, i, labels, **more):
    app = f"app-{i:04}"
    found = {"name": app, "namespace": f"team-{i % NAMESPACES:03}", "uid": f"0a0b0c0d-0000-4000-8000-{abs(hash(plural)) % 10**4:04}{i:08}",
             "resourceVersion": str(100000 + i), "generation": 3, "creationTimestamp": "2026-01-01T00:00:00Z",
             "labels": labels,
             "annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"x": "y" * 900}),
                             "deployment.kubernetes.io/revision": "3"},
             "managedFields": [managed("kubectl-client-side-apply", {"f:metadata": {"f:labels": {f"f:label-{n}": {} for n in range(6)}},
                                                                     "f:spec": {f"f:field-{n}": {".": {}, "f:a": {}, "f:b": {}} for n in range(12)}}),
                               managed("kube-controller-manager", {"f:status": {f"f:field-{n}": {".": {}, "f:a": {}} for n in range(12)}})]}
    return found | more


def template(i):
    app = f"app-{i:04}"
    probe = {"httpGet": {"path": "/ready", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "timeoutSeconds": 1,
             "successThreshold": 1, "failureThreshold": 3}
    return {"metadata": {"labels": {"app": app, "app.kubernetes.io/name": app, "version": "v1"},
                         "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}},
            "spec": {"containers": [{
                "name": "main", "image": f"registry.example.com/shop/{app}:1.27.3", "imagePullPolicy": "IfNotPresent",
                "args": ["--port=8080", "--config=/etc/app/config.yaml"],
                "env": [{"name": f"VARIABLE_{n}", "value": f"http://app-{(i + n) % 2000:04}:8080/path"} for n in range(8)],
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"},
                          {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
                "readinessProbe": probe, "livenessProbe": probe,
                "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
                "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}],
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
                "volumes": [{"name": "config", "configMap": {"name": app}}],
                "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
                "terminationGracePeriodSeconds": 30, "serviceAccountName": "default", "securityContext": {}}}


def one(plural, i):
    app = f"app-{i:04}"
    labels = {"app": app, "app.kubernetes.io/name": app, "app.kubernetes.io/part-of": "shop", "version": "v1"}
    if plural == "namespaces":
        return {"metadata": {"name": f"team-{i:03}", "uid": f"ns-{i}", "resourceVersion": str(1000 + i),
                             "labels": {"kubernetes.io/metadata.name": f"team-{i:03}"}}, "status": {"phase": "Active"}}
    body = {"metadata": meta(plural, i, labels)}
    if plural in ("deployments", "replicasets"):
        body["spec"] = {"replicas": 2, "selector": {"matchLabels": {"app": app}}, "template": template(i),
                        "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10,
                        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}}
        body["status"] = {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
                          "conditions": [{"type": t, "status": "True", "reason": "Fine", "message": "It is so. " * 8,
                                          "lastUpdateTime": "2026-01-01T00:00:00Z"} for t in ("Available", "Progressing")]}
    elif plural == "pods":
        body["spec"] = template(i)["spec"] | {"nodeName": f"node-{i % 50}"}
        body["status"] = {"phase": "Running", "podIP": "10.0.0.1", "conditions": [
            {"type": t, "status": "True"} for t in ("Initialized", "Ready", "ContainersReady", "PodScheduled")],
            "containerStatuses": [{"name": "main", "ready": True, "restartCount": 0, "state": {"running": {}}}]}
        body["metadata"]["annotations"]["example.com/filler"] = "n" * (2000 + i % 3000)
    elif plural == "services":
        body["spec"] = {"selector": {"app": app}, "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "type": "ClusterIP",
                        "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"},
                                  {"name": "metrics", "port": 9090, "targetPort": 9090, "protocol": "TCP"}]}
    elif plural == "ingresses":
        body["spec"] = {"ingressClassName": "nginx", "rules": [{"host": f"{app}.example.com", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": app, "port": {"number": 80}}}}]}}]}
    else:
        body["data"] = {"config.yaml": "key: value\n" * 200}
    return body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lists = {}
    streams = False
    stopping = threading.Event()

    def log_message(self, *_):
        pass

    def answer(self, code, body):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        url = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        plural = url.path.rsplit("/", 1)[1]
        if plural == "version":
            return self.answer(200, {"major": "1", "minor": "37", "gitVersion": "v1.37.2"})
        items = self.lists.get(plural, []) if "fieldSelector" not in query and "labelSelector" not in query else []
        if query.get("watch") == "true":
            return self.watch(query, plural, items)
        version, kind = KINDS.get(plural, ("v1", "Thing"))
        begin = int(query.get("continue", 0))
        end = begin + int(query.get("limit", len(items) or 1))
        metadata = b'"resourceVersion":"900000"' + (b',"continue":"%d"' % end if end < len(items) else b"")
        data = (b'{"kind":"%sList","apiVersion":"%s","metadata":{%s},"items":[' % (kind.encode(), version.encode(), metadata)
                + b",".join(items[begin:end]) + b"]}\n")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def watch(self, query, plural, items):
        if query.get("sendInitialEvents") == "true" and not self.streams:
            return self.answer(422, {"kind": "Status", "code": 422, "reason": "Invalid", "message": "sendInitialEvents is forbidden"})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        version, kind = KINDS.get(plural, ("v1", "Thing"))

        def chunk(data):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        if query.get("sendInitialEvents") == "true":
            head = b'{"type":"ADDED","object":{"kind":"%s","apiVersion":"%s",' % (kind.encode(), version.encode())
            for item in items:
                chunk(head + item[1:] + b"}\n")
            chunk(b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"900000","annotations":{"k8s.io/initial-events-end":"true"}}}}\n')
        while not self.stopping.wait(30):
            chunk(b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"900000"}}}\n')
        self.close_connection = True


class ListServer:
    """with ListServer(certificate, key) as server: … server.port"""

    def __init__(self, certificate, key, streams):
        Handler.streams = streams
        Handler.lists = {plural: [json.dumps(one(plural, i), separators=(",", ":")).encode() for i in range(count)]
                         for plural, count in (MIX | {"namespaces": NAMESPACES}).items()}
        # As etcd has them: by namespace and name.
        for plural, items in Handler.lists.items():
            items.sort(key=lambda item: (json.loads(item)["metadata"].get("namespace", ""), json.loads(item)["metadata"]["name"]))
        self.bytes = {plural: sum(map(len, items)) for plural, items in Handler.lists.items()}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]

    def __enter__(self):
        Handler.stopping.clear()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        Handler.stopping.set()
        self._server.shutdown()
        self._server.server_close()
