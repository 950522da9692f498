"""An external metric with a value that a test chooses, as a monitoring system would serve it
to HorizontalPodAutoscalers: an aggregated API of the test's own process. Used by the tests
that need an autoscaler at work. Knows one metric, `load`, the same in every namespace."""

import json
import ssl
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from processes import wait_until

VERSION = "external.metrics.k8s.io/v1beta1"
NAME = "v1beta1.external.metrics.k8s.io"
SERVICE = "e2e-metrics"
APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
# Scales Deployment web: a pod for each two of the metric.
AUTOSCALER = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 6
  metrics:
  - type: External
    external: {metric: {name: load}, target: {type: AverageValue, averageValue: "2"}}
"""


class FixedMetric:
    """with FixedMetric(cluster, 8) as metric: …; metric.value = 10"""

    def __init__(self, cluster, value):
        self.value = value
        self._cluster = cluster
        metric = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0]
                if path == f"/apis/{VERSION}":
                    answer = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": VERSION, "resources": [
                        {"name": "load", "singularName": "", "namespaced": True, "kind": "ExternalMetricValueList", "verbs": ["get"]}]}
                elif path.endswith("/load"):
                    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
                    answer = {"kind": "ExternalMetricValueList", "apiVersion": VERSION, "metadata": {}, "items": [
                        {"metricName": "load", "metricLabels": {}, "timestamp": now, "value": str(metric.value)}]}
                else:
                    return self.send_error(404)
                text = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pki = cluster.pki.folder
        context.load_cert_chain(pki / "server.crt", pki / "server.key")
        # A handshake that stands still must keep nobody else waiting: each in the thread of its own request.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, name="metric")
        self._thread.start()
        # By name: Services do not reach this machine.
        self._cluster.api.create("Service", "default", {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVICE},
            "spec": {"type": "ExternalName", "externalName": "localhost"}})
        self._cluster.api.request("POST", APISERVICES, {
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": NAME},
            "spec": {"group": "external.metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                     "insecureSkipTLSVerify": True,
                     "service": {"name": SERVICE, "namespace": "default", "port": self._server.server_address[1]}}})
        wait_until(lambda: any(c["type"] == "Available" and c["status"] == "True" for c in
                               self._cluster.api.request("GET", f"{APISERVICES}/{NAME}").get("status", {}).get("conditions", [])),
                   60, "the API server has found the metric")
        return self

    def __exit__(self, *_):
        self._cluster.api.request("DELETE", f"{APISERVICES}/{NAME}")
        self._cluster.api.delete("Service", "default", SERVICE)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
