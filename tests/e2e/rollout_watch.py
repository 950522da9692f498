"""Follows the Deployments of some namespaces from start to stop, and keeps how many
were rolling out at one time at most. Used by the tests of the gate. Never writes."""

from cluster import rolled_out
from follow import Follower


class RolloutWatch:
    """with RolloutWatch(api, ["shop"]) as watch: …; then watch.most and watch.rolled

    A Deployment counts as rolling from the write that changes its template until its
    status says that every pod is of it and ready."""

    def __init__(self, api, namespaces):
        self._namespaces = set(namespaces)
        self._templates = {}
        self._rolling = set()
        self._follower = Follower(api, "/apis/apps/v1/deployments", self._see)
        self.most = 0
        self.rolled = []  # (namespace, name) in the order in which they began

    def __enter__(self):
        self._follower.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._follower.stop()
        self._follower.check()

    def _see(self, event_type, deployment):
        key = (deployment["metadata"]["namespace"], deployment["metadata"]["name"])
        if key[0] not in self._namespaces:
            return
        template = deployment["spec"]["template"]
        before = self._templates.setdefault(key, template)
        if event_type == "DELETED" or template == before and rolled_out(deployment):
            self._rolling.discard(key)
        elif template != before:
            self._templates[key] = template
            self._rolling.add(key)
            self.rolled.append(key)
            self.most = max(self.most, len(self._rolling))
