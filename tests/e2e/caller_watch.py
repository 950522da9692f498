"""Asks istiod again and again, from start to stop, where the requests of one caller go,
and keeps every answer that leads nowhere. Used by the tests as the proof that no
sidecar is ever told of a cluster that is not there, or of one without endpoints.
Sends no request to a workload."""

import threading
import time

from processes import wait_until


class CallerWatch:
    """with CallerWatch(sidecar, [(address, 80, host), …]) as caller: caller.wait_until_served(); …; then caller.dead_ends()

    sidecar: an ads.Sidecar of a pod that stays for as long as this does."""

    PAUSE = 0.2  # seconds between two questions, so that others get the processor too

    def __init__(self, sidecar, requests):
        self._sidecar = sidecar
        self._questions = ["missing", *(f"request {address}:{port} {host}" for address, port, host in requests)]
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._seen = []  # (seconds since start, {cluster: weight} of each request), every change
        self._dead_ends = []
        self._served = False  # by the last answer
        self._asked = 0
        self._error = None

    def __enter__(self):
        self._begin = time.monotonic()
        self._thread = threading.Thread(target=self._ask, name="caller")
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        self._thread.join()

    @property
    def asked(self):
        """How often it has been answered."""
        with self._lock:
            return self._asked

    def wait_until_served(self, seconds=60):
        """Until every request leads somewhere: istiod hears of pods a moment after they are ready. The proof begins here:
        where they led before is forgotten."""
        def begins():
            with self._lock:
                if self._error:
                    raise self._error
                if self._served:
                    self._dead_ends.clear()
                    del self._seen[:-1]
                return self._served
        wait_until(begins, seconds, "istiod knows an endpoint of every cluster that the caller's requests lead to")

    def dead_ends(self):
        """[text]: the answers since wait_until_served() that lead nowhere. Raises what asking has raised."""
        with self._lock:
            if self._error:
                raise self._error
            return list(self._dead_ends)

    def clusters(self):
        """[(seconds since start, ({cluster: weight}, …))], every change, one set for each request."""
        with self._lock:
            return list(self._seen)

    def _ask(self):
        try:
            while not self._stop.is_set():
                self._see(self._sidecar.ask(*self._questions))
                self._stop.wait(self.PAUSE)
        except Exception as error:  # told by dead_ends(), in the thread of the test
            with self._lock:
                self._error = error

    def _see(self, answers):
        missing, *decisions = answers
        at = round(time.monotonic() - self._begin, 1)
        with self._lock:
            self._asked += 1
            found = [f"{at} s: {m['where']} leads to {m['cluster']}, which is not there" for m in missing]
            for question, decision in zip(self._questions[1:], decisions):
                targets = [t for t in decision["targets"] if t["weight"]]
                if not targets or not all(t["known"] and t["endpoints"] for t in targets):
                    found.append(f"{at} s: {question}: {decision}")
            self._served = not found
            self._dead_ends += found
            now = tuple({t["cluster"]: t["weight"] for t in d["targets"]} for d in decisions)
            if not self._seen or self._seen[-1][1] != now:
                self._seen.append((at, now))
