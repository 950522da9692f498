"""A validating webhook inside the test's own process: it sees each write of one user
to one resource while that write is on its way, and may do something first. Used by
the tests that need something to happen at exactly that moment. Allows everything.
The API server hears of webhooks by a watch of its own: this one is in force when the
`with` is entered, and no more when it is left."""

import base64
import json
import ssl
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from api import path_of
from processes import wait_until

NAME = "e2e-moment"
PROBE = "e2e-moment-probe"  # a ConfigMap that is never stored: is the webhook asked for it?


class Moment:
    """with Moment(cluster, USER, "apps", "deployments", act): …

    group, resource: "*" for any. act(request) is called with the AdmissionReview's request (a dict) for every
    CREATE, UPDATE and DELETE while the API server waits, in each namespace one call after the other: a write that its
    sender gave up and sends again waits for what the first one has set off."""

    def __init__(self, cluster, user, group, resource, act):
        self._cluster = cluster
        self._errors = errors = []
        self._probed = probed = threading.Event()
        one_at_a_time = defaultdict(threading.Lock)  # by namespace

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if review["request"].get("name") == PROBE:
                    probed.set()
                # An API server of before 1.27 knows no matchConditions.
                elif review["request"]["userInfo"]["username"] == user:
                    with one_at_a_time[review["request"].get("namespace", "")]:
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
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        webhook = {
            "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "timeoutSeconds": 30,
            "clientConfig": {"url": f"https://127.0.0.1:{self._server.server_address[1]}/",
                             "caBundle": base64.b64encode(cluster.pki.ca.read_bytes()).decode()}}
        self._configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": NAME},
            "webhooks": [
                {**webhook, "name": "moment.e2e.meshgraft.io",
                 "rules": [{"apiGroups": [group], "apiVersions": ["*"], "resources": [resource],
                            "operations": ["CREATE", "UPDATE", "DELETE"]}],
                 "matchConditions": [{"name": "user", "expression": f"request.userInfo.username == '{user}'"}]},
                {**webhook, "name": "probe.e2e.meshgraft.io",
                 "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}],
                 "objectSelector": {"matchLabels": {PROBE: "true"}}}]}

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, name="moment")
        self._thread.start()
        try:
            self._cluster.api.create("ValidatingWebhookConfiguration", None, self._configuration)
            wait_until(lambda: self._asked() is True, 30, "the webhook is in force")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            self._cluster.api.delete("ValidatingWebhookConfiguration", None, NAME)
            wait_until(lambda: self._asked() is False, 30, "the webhook is no longer in force")
        finally:
            self._stop()
        if self._errors and kind is None:
            raise self._errors[0]

    def _stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _asked(self):
        """Does the API server ask this webhook? None when it accepts no write at all."""
        self._probed.clear()
        code, _ = self._cluster.api.raw("POST", path_of("ConfigMap", "default"), {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": PROBE, "labels": {PROBE: "true"}}}, query={"dryRun": "All"})
        return self._probed.is_set() or (False if code < 400 else None)
