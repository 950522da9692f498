"""Follows one collection of a test cluster from a list on, without a gap, in a thread
of its own. Used by endpoint_watch.py and rollout_watch.py. Never writes."""

import threading

from processes import wait_until


class Follower:
    """Calls see(event type, object) for each object of the list (as LISTED), before
    start() returns, and then for every event until stop(), which waits for those of every
    object that is there by then. `gaps` counts how often the server had forgotten the
    version to resume from: after that the list is taken anew, each object of it LISTED
    again, and what happened between is lost."""

    def __init__(self, api, path, see):
        self._api = api
        self._path = path
        self._see = see
        self._lock = threading.Lock()
        self._watch = None
        self._stopping = False
        self._stopped = False
        self._error = None
        self.gaps = 0

    def start(self):
        self._version = self._list()
        self._thread = threading.Thread(target=self._run, name=f"follow {self._path}")
        self._thread.start()

    def stop(self):
        """Returns when the last event was seen; may be called again."""
        try:
            if not self._stopped:
                self._stopped = True
                last = max((int(item["metadata"]["resourceVersion"]) for item in self._api.request("GET", self._path)["items"]), default=0)
                wait_until(lambda: not self._thread.is_alive() or int(self._version) >= last, 60, f"the last event of {self._path}")
        finally:
            with self._lock:
                self._stopping = True
                if self._watch:
                    self._watch.close()
            self._thread.join()

    def check(self):
        """Raises what ended the thread, if anything did."""
        if self._error:
            raise self._error

    def _list(self):
        answer = self._api.request("GET", self._path)
        for item in answer["items"]:
            self._see("LISTED", item)
        return answer["metadata"]["resourceVersion"]

    def _run(self):
        try:
            while True:
                watch = self._api.watch(self._path, self._version)
                with self._lock:
                    if self._stopping:
                        watch.close()
                        return
                    self._watch = watch
                for event in watch:
                    if event["type"] == "ERROR":
                        self.gaps += 1
                        self._version = self._list()
                        break
                    self._version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._see(event["type"], event["object"])
                with self._lock:
                    if self._stopping:
                        return
        except Exception as error:  # handed to the test by check()
            self._error = error
