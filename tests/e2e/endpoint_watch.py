"""Follows all EndpointSlices of some namespaces from start to stop, and keeps for
every Service the fewest ready endpoints seen since it first had one. Used by the
tests as the proof that nobody was without a server. Never writes."""

import threading
import time
from collections import defaultdict

from follow import Follower

SERVICE = "kubernetes.io/service-name"


class EndpointWatch:
    """with EndpointWatch(api, ["shop"]) as watch: …; then watch.fewest()

    If `gaps` is not 0, something may have gone unseen and the proof is void."""

    def __init__(self, api, namespaces):
        self._namespaces = set(namespaces)
        self._lock = threading.Lock()
        self._slices = defaultdict(dict)  # (namespace, service) -> slice name -> ready endpoints
        self._fewest = {}
        self._history = defaultdict(list)  # (namespace, service) -> [(seconds since start, ready)]
        self._follower = Follower(api, "/apis/discovery.k8s.io/v1/endpointslices", self._see)

    def __enter__(self):
        self._begin = time.monotonic()
        self._follower.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._follower.stop()

    @property
    def gaps(self):
        return self._follower.gaps

    def fewest(self):
        """{(namespace, service): fewest ready endpoints since it first had one}.
        Services that never had a ready endpoint are not in it."""
        self._follower.check()
        with self._lock:
            return dict(self._fewest)

    def history(self, namespace, service):
        """[(seconds since start, ready endpoints)], every change, for messages."""
        with self._lock:
            return list(self._history[namespace, service])

    def ready(self, namespace, service):
        """Ready endpoints now."""
        with self._lock:
            return self._count((namespace, service))

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
            if key in self._fewest and event_type != "LISTED":  # one of several slices is not all that there was
                self._fewest[key] = min(self._fewest[key], count)
            elif count > 0:
                self._fewest[key] = count

    def _count(self, key):
        return sum(self._slices[key].values())
