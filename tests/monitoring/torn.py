"""An API server with nothing in it, and a proxy before it that cuts every watch of IngressClasses in the middle of a
line. Used by test_monitoring.py: the real controller begins such a watch again at once, as often as it is cut. Listens
on 127.0.0.1; knows just what a controller asks of an empty cluster."""

import http.server
import json
import threading
import urllib.parse

VERSION = "7"  # of everything: nothing ever happens


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        if "sendInitialEvents" in query:  # a server without streamed lists, as all before 1.27
            return self._send(400, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 400, "reason": "BadRequest",
                                    "message": "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"})
        if query.get("watch") in (["1"], ["true"]):
            return self._watch(url.path)
        self._send(200, {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": VERSION}, "items": []})

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self._send(201, json.loads(self.rfile.read(length)))

    def _send(self, code, body):
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _watch(self, path):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if not path.endswith("/ingressclasses"):
            self.wfile.flush()
            self.server.stopped.wait()
            self.close_connection = True
            return
        bookmark = {"type": "BOOKMARK", "object": {"kind": "IngressClass", "apiVersion": "networking.k8s.io/v1",
                                                   "metadata": {"resourceVersion": VERSION}}}
        self._chunk(json.dumps(bookmark).encode() + b'\n{"type":"ADD')
        self.server.stopped.wait(0.1)  # not as fast as two programs can
        self._chunk(b"")

    def _chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, *_):
        pass


class TornServer:
    """`with TornServer(port) as server:`; server.kubeconfig is the text of one that leads here."""

    def __init__(self, port):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), _Answer)
        self._server.daemon_threads = True
        self._server.stopped = threading.Event()
        self.kubeconfig = json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "torn",
            "clusters": [{"name": "torn", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "torn", "user": {}}],
            "contexts": [{"name": "torn", "context": {"cluster": "torn", "user": "torn"}}]})

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.stopped.set()
        self._server.shutdown()
        self._server.server_close()
