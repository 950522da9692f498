"""Two replicas on a real API server: one writes, and when it is gone the other does,
never both. Who wrote what is read from the audit log: both have the name of the
ServiceAccount, by a certificate that puts each in a group of its own.

A replica whose machine stands still for longer than it may go without renewing ends, as it
must. Where that happens to one that this test has not touched, what was being tried is tried
again with replicas that are there."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from datetime import datetime

import yaml

from audit import WRITES
from processes import Process, ProcessError, free_ports, wait_until
from programs import NAMESPACE, USER, binary
from scenario import APP, ONE_SERVICE, Scenario

TAKEN_OVER = 20  # seconds: the lease's 15, a round, and the write itself
A_ROUND = 2.5    # seconds between two looks at the Lease, with their own time; what is longer, something stood still
TRIES = 3
LOST = "lost; another replica goes on"
LEFT = "a request did not end in time; leaving without it"


class Replica:
    """`meshgraft run --leader-elect` with a certificate that tells it from the others."""

    def __init__(self, cluster, name):
        cluster.pki._sign(name, f"/O={name}/CN={USER}", "client.ext")
        config = yaml.safe_load(cluster.kubeconfig.read_text())
        config["users"][0]["user"] = {"client-certificate": str(cluster.pki.folder / f"{name}.crt"),
                                      "client-key": str(cluster.pki.folder / f"{name}.key")}
        path = cluster.folder / f"{name}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        (port,) = free_ports(1)
        self.name = name
        self.address = f"127.0.0.1:{port}"
        self.process = Process(name, [binary("meshgraft"), "run", "--kubeconfig", path, "--leader-elect",
                                      "--lease-namespace", NAMESPACE, "--metrics-address", self.address], cluster.folder)

    def get(self, path):
        try:
            return urllib.request.urlopen(f"http://{self.address}{path}", timeout=5).read().decode()
        except (OSError, urllib.error.URLError):
            return None

    def leads(self):
        return "leader_election_master_status{name=\"meshgraft\"} 1" in (self.get("/metrics") or "")

    def says(self, text):
        return text in self.process.log.read_text(errors="replace")


class Leader(Scenario):
    mesh = "kubesphere"

    def setUp(self):
        self.replicas = []

    def replica(self):
        replica = Replica(self.cluster, f"replica-{len(self.replicas)}")
        self.replicas.append(replica)
        self.addCleanup(replica.process.kill)
        replica.process.wait_for(lambda: replica.get("/readyz") is not None, 60, f"{replica.name} is ready")
        return replica

    def leader_and_standby(self):
        """Two that run, of which the first leads."""
        def pair():
            here = [r for r in self.replicas if r.process.running()]
            while len(here) < 2:
                here.append(self.replica())
                wait_until(lambda: any(r.leads() or not r.process.running() for r in here), 60, "one leads")
            leading = [r for r in here if r.leads()]
            return len(leading) == 1 and (leading[0], *(r for r in here if r is not leading[0]))
        leader, standby = wait_until(pair, 60, "one of two leads")
        return leader, standby

    def tried(self, name, part):
        """Calls part(leader, standby, namespace); again, when one of the two had to end because it stood still."""
        for attempt in range(TRIES):
            leader, standby = self.leader_and_standby()
            namespace = f"{name}-{attempt}"
            self.namespace(namespace, ONE_SERVICE)
            try:
                part(leader, standby, namespace)
                return
            except (AssertionError, TimeoutError, ProcessError) as error:
                if attempt + 1 == TRIES or not any(r.says(LOST) for r in (leader, standby) if r is not self.frozen):
                    raise
                print(f"{name}: once more, a replica has lost its Lease while it stood still: {error}", flush=True)

    frozen = None  # the replica that this test has made stand still

    def requests_by(self, since):
        """[(replica, event)] of every request of one that was answered, in the order of receipt."""
        found = []
        with open(self.cluster.audit_log, "rb") as log:
            log.seek(since)
            for line in log:
                if not line.endswith(b"\n"):
                    break  # half of it: the API server is writing it
                event = json.loads(line)
                groups = [g for g in event["user"].get("groups", []) if g.startswith("replica-")]
                if event["user"]["username"] == USER and groups and event["stage"] == "ResponseComplete":
                    found.append((groups[0], event))
        return sorted(found, key=lambda f: received(f[1]))

    def writes_by(self, since):
        """[(received, answered, replica, namespace, code)] of every write, in the order of receipt."""
        found = []
        for name, event in self.requests_by(since):
            reference = event.get("objectRef", {})
            if event["verb"] in WRITES and reference.get("resource") not in ("leases", "events"):
                found.append((received(event), answered(event), name, reference.get("namespace") or reference.get("name", ""),
                              event["responseStatus"]["code"]))
        return found

    def lease_requests(self, replica, since):
        """Its requests for the Lease."""
        return [event for name, event in self.requests_by(since)
                if name == replica.name and event.get("objectRef", {}).get("resource") == "leases"]

    def assert_one_after_the_other(self, since, first, second):
        """No write of `first` was carried out after `second` began to write."""
        writes = self.writes_by(since)
        begin = min((w[0] for w in writes if w[2] == second.name), default=None)
        self.assertIsNotNone(begin, f"{second.name} wrote nothing")
        late = [w for w in writes if w[2] == first.name and w[4] < 300 and w[1] > begin]
        self.assertEqual(late, [])
        return begin

    def label(self, name):
        self.api.label("Namespace", None, name, **{APP: name})

    def wait_until_written_by(self, replica, since, namespace):
        replica.process.wait_for(lambda: any(w[2:4] == (replica.name, namespace) for w in self.writes_by(since)), 60,
                                 f"{replica.name} writes to {namespace}")

    def assert_taken_over(self, since, first, second, namespace):
        """Labels a namespace whose leader has just gone: the other one joins it, and in time, whatever time it was
        kept from looking at the Lease being its own matter."""
        self.label(namespace)
        begin = time.time()
        self.wait_until_written_by(second, since, namespace)
        end = self.assert_one_after_the_other(since, first, second)
        looks = [t for t in map(received, self.lease_requests(second, since)) if begin < t < end]
        moments = [begin, *looks, end]
        stood = sum(max(0, b - a - A_ROUND) for a, b in zip(moments, moments[1:]))
        print(f"{second.name} wrote {end - begin:.1f} s after {first.name} was gone; {stood:.1f} s of them something stood still",
              flush=True)
        self.assertLess(end - begin - stood, TAKEN_OVER)

    def test_a_leader_that_is_killed_frozen_or_stopped_is_followed_by_the_other(self):
        for part in (self.only_the_leader_writes, self.killed, self.frozen_and_thawed, self.stopped):
            with self.subTest(part.__name__):
                self.tried(part.__name__.replace("_", "-"), part)

    def only_the_leader_writes(self, leader, standby, namespace):
        since = self.audit.position()
        self.label(namespace)
        self.wait_until_written_by(leader, since, namespace)
        self.assertEqual({w[2] for w in self.writes_by(since)}, {leader.name})
        self.assertFalse(standby.leads())

    def killed(self, leader, standby, namespace):
        since = self.audit.position()
        leader.process.kill()
        self.assert_taken_over(since, leader, standby, namespace)

    def frozen_and_thawed(self, leader, standby, namespace):
        busy = f"{namespace}-busy"
        self.namespace(busy, ONE_SERVICE)
        since = self.audit.position()
        self.label(busy)
        leader.process.wait_for(lambda: any(w[2] == leader.name for w in self.writes_by(since)), 60,
                                "the leader is in the middle of writing")
        self.frozen = leader
        os.kill(leader.process.pid, signal.SIGSTOP)
        try:
            self.assert_taken_over(since, leader, standby, namespace)
        finally:
            os.kill(leader.process.pid, signal.SIGCONT)
        wait_until(lambda: not leader.process.running(), 30, "the frozen leader finds its lease lost and ends")
        self.assertEqual(leader.process._child.returncode, 1)
        self.assertTrue(leader.says(LOST), leader.process.tail())
        self.assert_one_after_the_other(since, leader, standby)

    def stopped(self, leader, standby, namespace):
        since = self.audit.position()
        begin = time.time()
        self.assertEqual(leader.process.stop(), 0, leader.process.tail())
        print(f"{leader.name} ended {leader.process.stopped_in:.1f} s after SIGTERM", flush=True)
        if leader.says(LEFT):  # what stood still has kept it from giving its Lease away
            self.stopped_late += 1
            self.assertLess(self.stopped_late, TRIES, leader.process.tail())
            self.stopped(*self.leader_and_standby(), namespace)
            return
        standby.process.wait_for(standby.leads, 60, f"{standby.name} leads")
        print(f"{standby.name} led {time.time() - begin:.1f} s after SIGTERM", flush=True)
        given = self.lease_requests(leader, since)[-1]
        self.assertEqual(given["requestObject"]["spec"]["holderIdentity"], "", "the Lease was given away")
        looks = [event["verb"] for event in self.lease_requests(standby, since)
                 if received(event) > answered(given) and event["responseStatus"]["code"] < 300]
        self.assertIn("update", looks[:2], "it is taken at the next look, not waited out")
        self.label(namespace)
        self.wait_until_written_by(standby, since, namespace)
        self.assert_one_after_the_other(since, leader, standby)
        self.assertEqual(standby.process.stop(), 0)

    stopped_late = 0


def received(event):
    """Seconds since 1970."""
    return moment(event["requestReceivedTimestamp"])


def answered(event):
    return moment(event["stageTimestamp"])


def moment(text):
    """Seconds since 1970 of an audit event's time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
