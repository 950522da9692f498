"""Follows all EndpointSlices of some namespaces from start to stop, and keeps for
every Service the fewest ready endpoints seen since it first had one. Used by the
tests as the proof that nobody was without a server. Never writes."""

import threading
import time
from collections import defaultdict

PATH = "/apis/discovery.k8s.io/v1/endpointslices"
SERVICE = "kubernetes.io/service-name"


class EndpointWatch:
    """with EndpointWatch(api, ["shop"]) as watch: …; then watch.fewest()

    Exact: one list and one watch from its resourceVersion, resumed without a gap.
    If the server forgot the version, `gaps` says so and the proof is void."""

    def __init__(self, api, namespaces):
        self._api = api
        self._namespaces = set(namespaces)
        self._lock = threading.Lock()
        self._slices = defaultdict(dict)  # (namespace, service) -> slice name -> ready endpoints
        self._fewest = {}
        self._history = defaultdict(list)  # (namespace, service) -> [(seconds since start, ready)]
        self._stopping = False
        self._watch = None
        self._error = None
        self.gaps = 0

    def __enter__(self):
        self._begin = time.monotonic()
        self._version = self._list()
        self._thread = threading.Thread(target=self._run, name="endpoint-watch")
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        with self._lock:
            self._stopping = True
            if self._watch:
                self._watch.close()
        self._thread.join()

    def fewest(self):
        """{(namespace, service): fewest ready endpoints since it first had one}.
        Services that never had a ready endpoint are not in it."""
        with self._lock:
            if self._error:
                raise self._error
            return dict(self._fewest)

    def history(self, namespace, service):
        """[(seconds since start, ready endpoints)], every change, for messages."""
        with self._lock:
            return list(self._history[namespace, service])

    def ready(self, namespace, service):
        """Ready endpoints now."""
        with self._lock:
            return self._count((namespace, service))

    def _list(self):
        answer = self._api.request("GET", PATH)
        for item in answer["items"]:
            self._see("ADDED", item)
        return answer["metadata"]["resourceVersion"]

    def _run(self):
        try:
            while True:
                watch = self._api.watch(PATH, self._version)
                with self._lock:
                    if self._stopping:
                        watch.close()
                        return
                    self._watch = watch
                for event in watch:
                    if event["type"] == "ERROR":
                        self.gaps += 1
                        with self._lock:
                            self._slices.clear()
                        self._version = self._list()
                        break
                    self._version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._see(event["type"], event["object"])
                with self._lock:
                    if self._stopping:
                        return
        except Exception as error:  # handed to the test by fewest()
            with self._lock:
                self._error = error

    def _see(self, event_type, item):
        meta = item["metadata"]
        service = meta.get("labels", {}).get(SERVICE)
        if meta["namespace"] not in self._namespaces or not service:
            return
        key = (meta["namespace"], service)
        with self._lock:
            if event_type == "DELETED":
                self._slices[key].pop(meta["name"], None)
            else:
                # A missing condition counts as ready: that is what consumers do.
                self._slices[key][meta["name"]] = sum(
                    1 for endpoint in item.get("endpoints") or []
                    if endpoint.get("conditions", {}).get("ready") is not False)
            count = self._count(key)
            history = self._history[key]
            if not history or history[-1][1] != count:
                history.append((round(time.monotonic() - self._begin, 2), count))
            if key in self._fewest:
                self._fewest[key] = min(self._fewest[key], count)
            elif count > 0:
                self._fewest[key] = count

    def _count(self, key):
        return sum(self._slices[key].values())
