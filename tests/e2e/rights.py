"""Which of its rights the controller used, over the whole tier: each scenario notes at its
end what the audit log says, test_rights.py reads the notes when all have ended. Used by
scenario.py and test_rights.py; run.py says where the notes are."""

import json
import os
from pathlib import Path

FOLDER = "MESHGRAFT_E2E_RIGHTS"  # the variable that names the folder of the notes


def note(scenario, cluster, audit, user):
    """Writes down each (group, resource, verb) that the user was granted and used. Raises
    AssertionError when RBAC denied a request, but for those that came in while the rights
    were not what the chart grants (cluster.rights_differ)."""
    if folder := os.environ.get(FOLDER):
        used = {(r.group, r.resource.split("/")[0], r.verb) for r in audit.requests(user) if not r.denied}
        (Path(folder) / f"{scenario}.json").write_text(json.dumps(sorted(used)))
    denied = [str(r) for r in audit.requests(user, until=cluster.rights_until)
              if r.denied and not any(begin <= r.received <= end for begin, end in cluster.rights_differ)]
    if denied:
        raise AssertionError(f"{scenario}: RBAC denied {denied}")


def noted():
    """{scenario: {(group, resource, verb)}} of the whole tier; {} where it is not run as a whole."""
    folder = os.environ.get(FOLDER)
    return {path.stem: set(map(tuple, json.loads(path.read_text()))) for path in Path(folder).glob("*.json")} if folder else {}
