"""Canaries promoted and aborted by one annotation on a real control plane, with KubeSphere's controllers as a process.
All the time istiod is asked where a caller's request goes: never to a subset that is not there, never to one without
an endpoint."""

import copy
import json
import time

from admission import Moment
from ads import Sidecar
from caller_watch import CallerWatch
from processes import Process, ProcessError, wait_until
from programs import USER, Controller, account_kubeconfig, answered, binary, meshgraft
from scenario import APP, ONE_SERVICE, UNDO, Scenario

PROMOTE = "meshgraft.io/promote"
ABORT = "meshgraft.io/abort"
RELEASES = ("--releases-enabled", "--max-rollouts", "20")
LABELS = ("app", "app.kubernetes.io/name", "app.kubernetes.io/version")
OUTSIDE = "outside"
SHARED = {"v1": 70, "gray": 30}
BROKEN = "web:broken"
DEADLINE = 25  # seconds: longer than any program is known to stand still

# A member that KubeSphere can govern, under the name that a pipeline has written into it. It stays unready with one image.
SHOP = f"""
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{name: http, port: 80, targetPort: 8080}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: &keys {{app: web, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}}}}
  template:
    metadata:
      labels: *keys
      annotations: {{e2e.meshgraft.io/fails-with-image: "{BROKEN}"}}
    spec:
      containers: [{{name: web, image: "web:1", ports: [{{containerPort: 8080}}]}}]
"""


def gray_of(principal, image):
    """The Deployment that the console makes of the principal one: its annotations, our record among them, come along."""
    gray = {k: copy.deepcopy(principal[k]) for k in ("apiVersion", "kind", "spec")}
    gray["metadata"] = {"name": "web-gray", "annotations": principal["metadata"]["annotations"],
                        "labels": {**principal["metadata"]["labels"], "version": "gray"}}
    gray["spec"]["replicas"] = 1
    gray["spec"]["selector"]["matchLabels"]["version"] = "gray"
    template = gray["spec"]["template"]
    template["metadata"]["labels"]["version"] = "gray"
    template["metadata"]["annotations"].pop("e2e.meshgraft.io/fails-with-image")
    template["spec"]["containers"][0]["image"] = image
    return gray


def strategy_of(service):
    """A Canary as the console writes it."""
    labels = {k: service["metadata"]["labels"][k] for k in LABELS}
    routes = [{"destination": {"host": "web", "subset": version}, "weight": weight} for version, weight in SHARED.items()]
    return {"apiVersion": "servicemesh.kubesphere.io/v1alpha2", "kind": "Strategy", "metadata": {"name": "web", "labels": labels},
            "spec": {"type": "Canary", "principal": "v1", "strategyPolicy": "WaitForWorkloadReady", "selector": {"matchLabels": labels},
                     "template": {"spec": {"hosts": ["web"], "http": [{"route": routes}]}}}}


class Traffic:
    """Where a caller's requests to Service web of each namespace go: {version: weight}."""

    def __init__(self, watch, names):
        self.watch = watch
        self._names = list(names)
        self._begin = time.time()

    def history(self, name):
        """[(seconds since the epoch, answer)], every change."""
        at = self._names.index(name)
        found = []
        for seconds, answers in self.watch.clusters():
            answer = {cluster.split("|")[2]: weight for cluster, weight in answers[at].items()}
            if not found or found[-1][1] != answer:
                found.append((self._begin + seconds, answer))
        return found

    def now(self, name):
        return self.history(name)[-1][1]


class Releases(Scenario):
    mesh = "kubesphere"
    values = ("releases.enabled=true",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.create_namespace(OUTSIDE)
        cls.cluster.apply(ONE_SERVICE, OUTSIDE)
        cls.cluster.wait_for_deployments(OUTSIDE)

    def canaries(self, controller, images):
        """Namespaces of these names, joined, in each a canary with this image that gets 30 % of a caller's requests.
        Returns where the requests of such a caller go."""
        for name in images:
            self.cluster.create_namespace(name, {APP: "shop"})
            self.cluster.apply(SHOP, name)
        self.wait_until_joined(controller, *images)
        for name, image in images.items():
            self.wait_until_governed(name, "web")
            self.api.create("Deployment", name, gray_of(self.api.get("Deployment", name, "web"), image))
        for name in images:
            wait_until(lambda: self.subsets(name) == {"v1", "gray"}, 60, f"both subsets of {name}")
            self.api.create("Strategy", name, strategy_of(self.api.get("Service", name, "web")))
            if images[name] == BROKEN:  # only what fails fails soon; the others may take as long as the machine needs
                self.api.patch("Deployment", name, "web", {"spec": {"progressDeadlineSeconds": DEADLINE}})
        self.wait_until_joined(controller, *images)
        address = {n: self.api.get("Service", n, "web")["spec"]["clusterIP"] for n in images}
        watch = self.enterContext(CallerWatch(Sidecar.of(self.cluster, OUTSIDE, "one"),
                                              [(address[n], 80, f"web.{n}.svc.cluster.local") for n in images]))
        traffic = Traffic(watch, images)
        watch.wait_until_served()
        for name in images:
            wait_until(lambda: traffic.now(name) == SHARED, 60, f"the canary of {name} gets its share")
        watch.wait_until_served()
        return traffic

    def subsets(self, name):
        rule = self.api.get("DestinationRule", name, "web")
        return {s["name"] for s in rule["spec"].get("subsets") or []} if rule else set()

    def image(self, name, deployment="web"):
        found = self.api.get("Deployment", name, deployment)
        return found and found["spec"]["template"]["spec"]["containers"][-1]["image"]

    def release(self, name, *arguments):
        """`meshgraft release web` at work in a namespace."""
        process = Process(f"release-{name}{arguments[0]}", [
            binary("meshgraft"), "release", "web", "-n", name, "--kubeconfig", account_kubeconfig(self.cluster), *arguments],
            self.cluster.folder)
        self.addCleanup(process.stop)
        return process

    def ends(self, process, seconds=240):
        """The exit status of a command, once it has ended by itself."""
        wait_until(lambda: not process.running(), seconds, f"{process.arguments} ends:\n{process.tail()}", step=0.2)
        return process.stop()

    def assert_ended(self, traffic, name, image):
        """The principal alone is left, with this image, and a caller's requests are all its own."""
        self.assertEqual(self.image(name), image)
        self.assertIsNone(self.api.get("Strategy", name, "web"))
        self.assertIsNone(self.api.get("Deployment", name, "web-gray"))
        wait_until(lambda: self.subsets(name) == {"v1"} and traffic.now(name) == {"v1": 100}, 60, f"{name} is as before the canary")

    def assert_always_served(self, traffic, endpoints, *names):
        asked = traffic.watch.asked
        wait_until(lambda: traffic.watch.dead_ends() or traffic.watch.asked > asked + 1, 60, "a caller was watched to the end")
        traffic.watch.stop()
        endpoints.stop()
        self.assertEqual(traffic.watch.dead_ends(), [], f"of {traffic.watch.asked} answers")
        self.assert_never_without_endpoint(endpoints, [(n, "web") for n in names], "released, or as before")

    def print_steps(self, traffic, name, since):
        """What was written when, and where a caller's request went then."""
        rows = [(w.answered, described(w)) for w in self.writes(since) if w.namespace == name and w.code < 300
                and (w.resource == "strategies" or w.resource == "deployments" and UNDO not in str(w.body))]
        answers = traffic.history(name)
        print(f"\n{name}: seconds | written | where a caller's request goes")
        begin = rows[0][0] if rows else 0
        for when, what in sorted([*rows, *((w, None) for w, _ in answers if w > begin)], key=lambda row: row[0]):
            goes = [a for w, a in answers if w <= when][-1:] or [{}]
            print(f"  {when - begin:5.1f} | {what or '(istiod has told it)'} | {', '.join(f'{k} {v} %' for k, v in goes[0].items())}")

    def test_promoted_aborted_held_and_meddled_with_a_caller_always_has_a_server(self):
        images = {"promoted": "web:2", "aborted": "web:2", "held": BROKEN, "turned": "web:2", "deleted": "web:2"}
        meddled = set()
        told = []

        def act(request):
            """People do something at the moment at which the principal gets gray's image."""
            name, found = request["namespace"], request.get("object") or {}
            if request["kind"]["kind"] != "Deployment" or name in meddled or found.get("metadata", {}).get("name") != "web":
                return
            if images.get(name) not in json.dumps(found.get("spec", {})):
                return
            meddled.add(name)
            if name == "promoted":
                told.append(answered(lambda: meshgraft(self.cluster, "release", "web", "-n", name)).stdout)
            elif name == "aborted":
                self.api.annotate("Strategy", name, "web", **{PROMOTE: None, ABORT: "true"})
            elif name == "turned":
                self.api.patch("Strategy", name, "web", {"spec": {"governor": "v1"}})
            elif name == "deleted":
                self.api.delete("Strategy", name, "web")

        with Controller(self.cluster, *RELEASES) as controller:
            traffic = self.canaries(controller, images)
            endpoints = self.watching(*images)
            begin = self.audit.position()
            with Moment(self.cluster, USER, "apps", "deployments", act):
                followed = {n: self.release(n, "--promote") for n in ("promoted", "aborted", "held", "deleted")}
                self.api.annotate("Strategy", "turned", "web", **{PROMOTE: "true"})
                status = {n: self.ends(process) for n, process in followed.items()}
                said = {n: process.tail(100) for n, process in followed.items()}
                wait_until(lambda: not self.api.get("Strategy", "turned", "web"), 240, "the one that was turned round ends")
            with self.subTest("promoted to the end, under its name"):
                self.assertEqual(status["promoted"], 0, said["promoted"])
                self.assertIn("promoted/web: promoted; Deployment web runs web:2", said["promoted"])
                self.assertRegex(told[0], r"promoting .* gray 100", "said while the principal got gray's image")
                self.assert_ended(traffic, "promoted", "web:2")
            with self.subTest("aborted while the principal got gray's image"):
                self.assertEqual(status["aborted"], 0, said["aborted"])
                self.assertIn("aborted/web: aborted; Deployment web runs web:1", said["aborted"])
                self.assert_ended(traffic, "aborted", "web:1")
            with self.subTest("an image that never becomes ready as the principal's"):
                self.assertEqual(status["held"], 1, said["held"])
                self.assertIn("MG804", said["held"])
                wait_until(lambda: self.image("held") == "web:1", 60, "the principal has its own image again")
                self.cluster.wait_for_deployments("held")
                wait_until(lambda: traffic.now("held") == {"gray": 100}, 60, "and gray has the traffic")
                self.assertEqual(self.ends(self.release("held", "--abort")), 0)
                self.assert_ended(traffic, "held", "web:1")
            with self.subTest("governor changed by hand meanwhile"):
                self.assert_ended(traffic, "turned", "web:2")
            with self.subTest("Strategy deleted meanwhile"):
                self.assertEqual(status["deleted"], 1, said["deleted"])
                self.assertIn("the Strategy was deleted before the release had ended", said["deleted"])
                self.assertIsNotNone(self.api.get("Deployment", "deleted", "web-gray"), "nobody said what to do with it")
                wait_until(lambda: any("MG204" in line and '"deleted"' in line for line in controller.metrics().splitlines()), 60,
                           "two versions without a Strategy are told")
            self.assertEqual(meddled, set(images))
        self.assert_always_served(traffic, endpoints, *images)
        for name in ("promoted", "aborted", "held"):
            self.print_steps(traffic, name, begin)

    def test_a_controller_killed_at_each_kind_of_write_goes_on_where_it_was(self):
        seen = set()

        def act(request):
            found = request.get("object") or {}
            spec = found.get("spec", {})
            kind = (request["operation"], request["kind"]["kind"], spec.get("governor") or "web:2" * ("web:2" in json.dumps(spec)))
            if request["namespace"] != "killed" or kind[1] not in ("Strategy", "Deployment") or kind in seen:
                return
            seen.add(kind)
            # A request of the one before may be heard of late, when the next is not yet started.
            wait_until(lambda: controller.process, 10, "it is known as a process").kill()

        with Controller(self.cluster, *RELEASES) as first:
            traffic = self.canaries(first, {"killed": "web:2"})
        endpoints = self.watching("killed")
        self.api.annotate("Strategy", "killed", "web", **{PROMOTE: "true"})
        for _ in range(20):
            if not self.api.get("Strategy", "killed", "web"):
                break
            controller = Controller(self.cluster, *RELEASES)
            with Moment(self.cluster, USER, "*", "*", act):
                try:
                    controller.__enter__()
                except ProcessError:
                    pass  # killed at its very first write
                wait_until(lambda: not controller.process.running() or not self.api.get("Strategy", "killed", "web"),
                           120, "the next kind of write", step=0.2)
                controller.process.kill()
        self.assert_ended(traffic, "killed", "web:2")
        self.assert_always_served(traffic, endpoints, "killed")
        self.assertLessEqual({("UPDATE", "Strategy", ""), ("UPDATE", "Strategy", "gray"), ("UPDATE", "Deployment", "web:2"),
                              ("UPDATE", "Strategy", "v1"), ("DELETE", "Deployment", ""), ("DELETE", "Strategy", "")},
                             seen, "it was killed at each of these")


def described(write):
    """A write in a few words."""
    what = f"{write.resource} {write.name}"
    if write.verb == "delete":
        return f"{what} deleted"
    found = []

    def walk(value, path):
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{path}/{key}")
        elif path.endswith("governor") or path.endswith("image"):
            found.append(f"{path.rsplit('/', 1)[1]} := {value}")
        elif "/annotations/" in path.replace("~1", "/") and value is not None:
            found.append(f"annotation {path.replace('~1', '/').rsplit('/', 1)[1]}")
    if isinstance(write.body, list):
        for step in write.body:
            if step["op"] in ("add", "replace"):
                walk(step.get("value"), step["path"])
    else:
        walk(write.body, "")
    return f"{what}: {', '.join(found) or 'patched'}"
