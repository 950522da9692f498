"""Reads the API server's audit log of a test cluster: every write of the controller,
as it was received. Used by the tests. The log is complete up to any request whose
answer was seen, because the API server writes it before it answers."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

WRITES = {"create", "update", "patch", "delete", "deletecollection"}
WRITE_DEADLINE = 4.0  # seconds: how long the controller waits for the answer to a write (controller/sink.h)
NO_OBJECTS = {"events", "leases", "selfsubjectaccessreviews", "selfsubjectrulesreviews"}


@dataclass
class Request:
    verb: str         # create, update, patch, delete, get, list, watch, …
    resource: str     # "deployments", with a subresource "deployments/scale"
    namespace: str    # "" for cluster-scoped objects
    name: str
    code: int         # of the answer
    body: object      # as sent; None when there was none
    query: dict = field(default_factory=dict)  # fieldManager, force, dryRun: each one value
    received: float = 0.0  # seconds since the epoch
    answered: float = 0.0
    group: str = ""   # "apps", "" for the core's
    message: str = ""  # of the answer, when it was an error
    denied: bool = False  # RBAC said no; 403 is also what a namespace that is going away answers

    @property
    def is_write(self):
        """It changes objects; not Events, Leases, reviews or dry runs."""
        return self.verb in WRITES and "dryRun" not in self.query and self.resource not in NO_OBJECTS

    @property
    def unheard(self):
        """Its sender had given up when it was answered, or was told that its time was up: it may have been carried out all
        the same, and was sent again if not."""
        return self.code >= 500 or self.answered - self.received >= WRITE_DEADLINE

    def __str__(self):
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.verb} {self.resource} {where} as {self.query.get('fieldManager', '')}: {self.code}"


def read_request(event, user):
    """One line of the log; None when it is somebody else's or not answered yet."""
    if event["user"]["username"] != user or event.get("stage") != "ResponseComplete":
        return None
    reference = event.get("objectRef", {})
    resource = reference.get("resource", "")
    if reference.get("subresource"):
        resource += "/" + reference["subresource"]
    body = event.get("requestObject")
    if event["verb"] == "create" and isinstance(body, dict) and body.get("metadata", {}).get("creationTimestamp", "") is None:
        del body["metadata"]["creationTimestamp"]  # written down by API servers such as 1.24, sent by nobody
    name = reference.get("name") or ((body or {}).get("metadata", {}).get("name", "") if isinstance(body, dict) else "")
    query = {k: v[0] for k, v in parse_qs(urlsplit(event["requestURI"]).query).items()}
    received, answered = (datetime.fromisoformat(event[stamp].replace("Z", "+00:00")).timestamp()
                          for stamp in ("requestReceivedTimestamp", "stageTimestamp"))
    return Request(event["verb"], resource, reference.get("namespace", ""), name, event["responseStatus"]["code"], body,
                   query, received, answered, reference.get("apiGroup", ""),
                   event["responseStatus"].get("message", ""), event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid")


class AuditLog:
    def __init__(self, path):
        self._path = path

    def position(self):
        """To be handed to requests() later: only what came after it. The end of the last whole line: half of one may be
        written, as somebody else's request is answered now."""
        with open(self._path, "rb") as log:
            return sum(len(line) for line in log if line.endswith(b"\n"))

    def requests(self, user, since=0, until=None):
        """Every request of a user since a position (until another), in the order of their answers."""
        found = []
        with open(self._path, "rb") as log:
            log.seek(since)
            for line in log:
                since += len(line)
                if not line.endswith(b"\n") or until is not None and since > until:
                    break
                if request := read_request(json.loads(line), user):
                    found.append(request)
        return found

    def writes(self, user, since=0):
        """Those of requests() that change objects; not Events, Leases, reviews or dry runs."""
        return [r for r in self.requests(user, since) if r.is_write]
