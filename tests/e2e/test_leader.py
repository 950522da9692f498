"""Two replicas on a real API server: one writes, and when it is gone the other does,
never both. Who wrote what is read from the audit log: both have the name of the
ServiceAccount, by a certificate that puts each in a group of its own."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from datetime import datetime

import yaml

from audit import WRITES
from processes import Process, free_ports, wait_until
from programs import NAMESPACE, USER, binary
from scenario import APP, ONE_SERVICE, Scenario

TAKEN_OVER = 20  # seconds: the lease's 15, a round, and the write itself


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
        self.process.wait_for(lambda: self.get("/readyz") is not None, 60, f"{name} is ready")

    def get(self, path):
        try:
            return urllib.request.urlopen(f"http://{self.address}{path}", timeout=5).read().decode()
        except (OSError, urllib.error.URLError):
            return None

    def leads(self):
        return "leader_election_master_status{name=\"meshgraft\"} 1" in (self.get("/metrics") or "")


class Leader(Scenario):
    mesh = "kubesphere"

    def replica(self, name):
        replica = Replica(self.cluster, name)
        self.addCleanup(lambda: replica.process.kill())
        return replica

    def writes_by(self, since):
        """[(received, answered, replica, namespace, code)] of every write, in the order of receipt."""
        found = []
        with open(self.cluster.audit_log, "rb") as log:
            log.seek(since)
            for line in log:
                if not line.endswith(b"\n"):
                    break  # half of it: the API server is writing it
                event = json.loads(line)
                resource = event.get("objectRef", {}).get("resource", "")
                if event["user"]["username"] != USER or event["verb"] not in WRITES or resource in ("leases", "events"):
                    continue
                groups = [g for g in event["user"]["groups"] if g.startswith("replica-")]
                namespace = event["objectRef"].get("namespace") or event["objectRef"].get("name", "")
                found.append((moment(event["requestReceivedTimestamp"]), moment(event["stageTimestamp"]), groups[0],
                              namespace, event["responseStatus"]["code"]))
        return sorted(found)

    def assert_one_after_the_other(self, since, first, second):
        """No write of `first` was carried out after `second` began to write."""
        writes = self.writes_by(since)
        begin = min((w[0] for w in writes if w[2] == second.name), default=None)
        self.assertIsNotNone(begin, f"{second.name} wrote nothing")
        late = [w for w in writes if w[2] == first.name and w[4] < 300 and w[1] > begin]
        self.assertEqual(late, [])
        return begin

    def labelled(self, *names):
        for name in names:
            self.api.label("Namespace", None, name, **{APP: name})

    def assert_taken_over(self, since, ended, first, second, namespace):
        wait_until(lambda: [w for w in self.writes_by(since) if w[2] == second.name and w[3] == namespace],
                   90, f"{second.name} writes to {namespace}")
        begin = self.assert_one_after_the_other(since, first, second)
        took = begin - ended
        print(f"{second.name} wrote {took:.1f} s after {first.name} was gone", flush=True)
        self.assertLess(took, TAKEN_OVER)

    def test_a_leader_that_is_killed_frozen_or_stopped_is_followed_by_the_other(self):
        for name in ("one", "two", "three", "four", "five"):
            self.namespace(name, ONE_SERVICE)
        since = self.audit.position()
        a = self.replica("replica-a")
        wait_until(a.leads, 30, "the first replica leads")
        b = self.replica("replica-b")
        self.labelled("one")
        wait_until(lambda: any(w[3] == "one" for w in self.writes_by(since)), 60, "the first namespace is written to")
        self.assertEqual({w[2] for w in self.writes_by(since)}, {"replica-a"}, "only the leader writes")
        self.assertFalse(b.leads())

        with self.subTest("killed"):
            since = self.audit.position()
            a.process.kill()
            ended = time.time()
            self.labelled("two")
            self.assert_taken_over(since, ended, a, b, "two")

        with self.subTest("frozen"):
            c = self.replica("replica-c")
            since = self.audit.position()
            self.labelled("three")
            wait_until(lambda: self.writes_by(since), 60, "the leader is in the middle of writing", step=0.005)
            os.kill(b.process.pid, signal.SIGSTOP)
            ended = time.time()
            self.labelled("four")
            self.assert_taken_over(since, ended, b, c, "four")
            os.kill(b.process.pid, signal.SIGCONT)
            wait_until(lambda: not b.process.running(), 30, "the frozen leader finds its lease lost and ends")
            self.assertEqual(b.process._child.returncode, 1)
            self.assertIn("lost; another replica goes on", b.process.tail())
            self.assert_one_after_the_other(since, b, c)

        with self.subTest("stopped"):
            d = self.replica("replica-d")
            since = self.audit.position()
            ended = time.time()
            self.assertEqual(c.process.stop(), 0, c.process.tail())
            self.assertLess(c.process.stopped_in, 5, "seconds until it had ended")
            wait_until(d.leads, 10, "the Lease was given away, not waited out")
            print(f"replica-d led {time.time() - ended:.1f} s after SIGTERM", flush=True)
            self.labelled("five")
            wait_until(lambda: [w for w in self.writes_by(since) if w[2] == d.name and w[3] == "five"], 60, "it writes")
            self.assert_one_after_the_other(since, c, d)
            self.assertEqual(d.process.stop(), 0)


def moment(text):
    """Seconds since 1970 of an audit event's time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
