"""A validating webhook inside the test's own process: it sees each write of one user
to one resource while that write is on its way, and may do something first. Used by
the tests that need something to happen at exactly that moment. Allows everything."""

import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "e2e-moment"


class Moment:
    """with Moment(cluster, USER, "apps", "deployments", act): …

    group, resource: "*" for any. act(request) is called with the AdmissionReview's request (a dict) for every
    CREATE, UPDATE and DELETE while the API server waits."""

    def __init__(self, cluster, user, group, resource, act):
        self._cluster = cluster
        self._errors = errors = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    act(review["request"])
                except Exception as error:
                    errors.append(error)
                answer = json.dumps({
                    "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                    "response": {"uid": review["request"]["uid"], "allowed": True}}).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass  # whoever wrote was killed by act, and nobody waits any more

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pki = cluster.pki.folder
        context.load_cert_chain(pki / "server.crt", pki / "server.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": NAME},
            "webhooks": [{
                "name": "moment.e2e.meshgraft.io", "sideEffects": "None", "admissionReviewVersions": ["v1"],
                "failurePolicy": "Fail", "timeoutSeconds": 10,
                "clientConfig": {"url": f"https://127.0.0.1:{self._server.server_address[1]}/",
                                 "caBundle": base64.b64encode(cluster.pki.ca.read_bytes()).decode()},
                "rules": [{"apiGroups": [group], "apiVersions": ["*"], "resources": [resource],
                           "operations": ["CREATE", "UPDATE", "DELETE"]}],
                "matchConditions": [{"name": "user", "expression": f"request.userInfo.username == '{user}'"}],
            }]}

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, name="moment")
        self._thread.start()
        self._cluster.api.create("ValidatingWebhookConfiguration", None, self._configuration)
        return self

    def __exit__(self, kind, *_):
        self._cluster.api.delete("ValidatingWebhookConfiguration", None, NAME)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self._errors and kind is None:
            raise self._errors[0]
