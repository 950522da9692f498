"""What people do with kubectl and helm to a Deployment at every single step of its replace: each verb
while each kind of write is on its way, and when all is done, every pair in a namespace of its own
and all at the same time."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from admission import Moment
from cluster import rolled_out
from outcomes import tell
from processes import wait_until
from programs import USER, Controller, answered, unheard
from replace_scenario import KEYS, POLICY, SHOP, UPDATED, ReplaceScenario

REPLICAS = 2
MORE = 3  # what he, or his autoscaler, scales it to
RESTARTED = "kubectl.kubernetes.io/restartedAt"
# His own rollouts take no pod away before the next one is ready: what is missing then is missing by our doing.
MANIFEST = SHOP.replace("replicas: 3", f"replicas: {REPLICAS}\n  strategy: {{rollingUpdate: {{maxSurge: 1, maxUnavailable: 0}}}}")
VERBS = {
    "image": ("set", "image", "deployment/web", "web=web:2"),
    "scale": ("scale", "deployment/web", f"--replicas={MORE}"),
    "restart": ("rollout", "restart", "deployment/web"),
    "undo": ("rollout", "undo", "deployment/web"),
    "replace": ("replace", "-f", "-"),
    "delete": ("delete", "deployment/web"),
    "autoscale": ("autoscale", "deployment/web", f"--min={MORE}", "--max=5"),  # one pod too few for it: it needs no metric
    "helm": ("upgrade", "shop", "--set", "image=web:2"),
    "helm4": ("upgrade", "shop", "--set", "image=web:2"),
}
HELMS = ("helm", "helm4")
# The kinds of writes of a replace in their order. What happens while the first one of a kind is held happens after the
# write before it.
STEPS = {
    "record": ("CREATE", "ControllerRevision"),
    "orphan": ("DELETE", "Deployment"),
    "plant": ("CREATE", "Deployment"),
    "acknowledge": ("UPDATE", "ControllerRevision"),
    "hand-over": ("UPDATE", "ReplicaSet"),
    "old-sets": ("DELETE", "ReplicaSet"),
    "bind": ("UPDATE", "Deployment"),
    "forget": ("DELETE", "ControllerRevision"),
    "done": None,
}
ORIGINAL_STANDS = ("record", "orphan")
# What is said, and rightly, of the one that was created again: it has no revision before, and its selector stays.
REFUSED = {"undo": "no rollout history found", "replace": "field is immutable", "helm4": "conflict.*\"meshgraft\""}
NOBODY = "(NotFound)"
TRY_AGAIN = "(Conflict)"  # `kubectl replace` between whose read and write another controller has written


class Cell:
    """One verb at one step, in a namespace of its own."""

    def __init__(self, verb, step):
        self.verb, self.step = verb, step
        self.namespace = f"{verb}-at-{step}"
        # An upgrade creates what it does not find: helm takes the name, and it is his (MG214).
        self.taken = verb in HELMS and step == "plant"
        self.begun = False
        self.answer = None  # a completed process, once there was a Deployment for it
        self.again = None  # the future answer, where there was none at first


class ReplaceVerbs(ReplaceScenario):
    def test_what_people_do_at_each_step_of_a_replace_is_in_what_comes_of_it(self):
        cells = {c.namespace: c for c in (Cell(verb, step) for verb in VERBS for step in STEPS)}
        self.pool = self.enterContext(ThreadPoolExecutor(len(VERBS)))
        self.chart, _ = self.chart_of(MANIFEST)
        former = self.shops(cells.values())
        watch = self.watching(*cells)

        def act(request):
            cell = cells.get(request["namespace"])
            if cell and not cell.begun and STEPS[cell.step] == (request["operation"], request["kind"]["kind"]):
                self.do(cell)
        with Controller(self.cluster, "--replace-enabled", "--max-rollouts", str(len(cells))) as controller:
            with Moment(self.cluster, USER, "apps", "*", act):
                for name in cells:
                    self.label(name)
                for cell in cells.values():
                    if cell.step == "done":
                        self.wait_until_replaced(controller, cell.namespace, former[cell.namespace])
                        self.do(cell)
                for cell in cells.values():
                    wait_until(lambda: controller.process.check() or cell.answer or cell.again and cell.again.done(), 240,
                               f"he has an answer in {cell.namespace}")
                    cell.answer = cell.answer or cell.again.result()
                for cell in cells.values():
                    self.wait_until_ended(controller, cell, former[cell.namespace])
        watch.stop()
        self.assertEqual(watch.gaps, 0, "the watch of EndpointSlices was interrupted: no proof")
        for cell in cells.values():
            with self.subTest(cell.namespace):
                self.assert_ended(cell, watch)
        for verb in VERBS:
            self.tell_verb(watch, [c for c in cells.values() if c.verb == verb])

    def shops(self, cells):
        """A namespace of each with MANIFEST running, and policy replace asked for: {name: former Deployment}."""
        names = [c.namespace for c in cells]
        for name in names:
            self.api.create("Namespace", None, {"apiVersion": "v1", "kind": "Namespace", "metadata": {
                "name": name, "annotations": {POLICY: "replace", UPDATED: "true"}}})
        older = [c.namespace for c in cells if c.verb == "undo"]  # there is a revision to go back to
        self.cluster.apply("---".join(of(name).replace("web:1", "web:0") for name in older))
        for name in older:
            self.cluster.wait_for_deployments(name)
        self.cluster.apply("---".join(of(c.namespace) for c in cells if c.verb not in HELMS))
        for done in self.pool.map(lambda c: self.run_helm(c.verb, "install", "shop", self.chart, "-n", c.namespace),
                                  [c for c in cells if c.verb in HELMS]):
            self.assertEqual(done.returncode, 0, done.stderr)
        for name in names:
            self.cluster.wait_for_deployments(name)
            wait_until(lambda: self.endpoints_are_there(name), 60, f"every ready pod of {name} is an endpoint")
        return {name: self.api.get("Deployment", name, "web") for name in names}

    def do(self, cell):
        """The verb. When there is no Deployment at this moment, which kubectl says, once more when there is one: it comes by
        the write that this one holds."""
        cell.begun = True
        answer = self.call(cell)
        if NOBODY not in answer.stderr:
            cell.answer = answer
            return

        def again():
            wait_until(lambda: self.api.get("Deployment", cell.namespace, "web"), 120, f"there is a Deployment in {cell.namespace}")
            return self.call(cell)
        cell.again = self.pool.submit(again)

    def call(self, cell):
        words = (*VERBS[cell.verb], "-n", cell.namespace)
        if cell.verb in HELMS:
            return answered(lambda: self.run_helm(cell.verb, *words[:2], self.chart, *words[2:]))
        stdin = of(cell.namespace, "Deployment") if cell.verb == "replace" else None
        return answered(lambda: self.cluster.kubectl(*words, check=False, stdin=stdin),
                        without=lambda done: unheard(done) or TRY_AGAIN in done.stderr)

    def wait_until_ended(self, controller, cell, former):
        if cell.taken:
            self.wait_until_said(controller, "MG214", cell.namespace)
        elif cell.verb != "delete":
            self.wait_until_replaced(controller, cell.namespace, former)
        if cell.verb == "autoscale":
            wait_until(lambda: self.api.get("Deployment", cell.namespace, "web")["spec"]["replicas"] == MORE, 120,
                       f"the autoscaler has found the new one of {cell.namespace}", step=0.3)
        if cell.verb != "delete":
            return self.cluster.wait_for_deployments(cell.namespace, 120)
        try:
            wait_until(lambda: controller.process.check() or not self.left(cell.namespace), 180, f"nothing is left in {cell.namespace}", step=0.3)
        except TimeoutError as error:
            self.fail(f"{error}\n{json.dumps(self.left(cell.namespace))}\nlog:\n{controller.process.tail(40)}")

    def left(self, namespace):
        return [f"{kind} {one['metadata']['name']}" for kind in ("Deployment", "ReplicaSet", "Pod", "ControllerRevision")
                for one in self.api.list(kind, namespace)]

    def assert_ended(self, cell, watch):
        self.assertEqual(cell.again is not None, cell.step == "plant" and not cell.taken, "there is no Deployment before the new one is created")
        refused = cell.verb in REFUSED and cell.step not in ORIGINAL_STANDS and not cell.taken
        self.assertEqual(cell.answer.returncode, 1 if refused else 0, cell.answer.stderr)
        if refused:
            self.assertRegex(cell.answer.stderr, REFUSED[cell.verb])
        if cell.verb == "delete":
            return self.assertEqual(self.left(cell.namespace), [], "it stays deleted")
        now = self.api.get("Deployment", cell.namespace, "web")
        self.assertTrue(rolled_out(now))
        self.assertEqual(KEYS <= set(now["spec"]["selector"]["matchLabels"]), not cell.taken)
        self.assertEqual(len(self.records(cell.namespace)), cell.taken, "what stood there is kept as long as somebody else has the name")
        if not cell.taken:
            self.assert_sidecar(cell.namespace, "web")
        template = now["spec"]["template"]
        image = "web:2" if cell.verb in ("image", *HELMS) and not refused else "web:0" if cell.verb == "undo" and not refused else "web:1"
        restarted = RESTARTED in template["metadata"].get("annotations", {})
        self.assertEqual((template["spec"]["containers"][0]["image"], now["spec"]["replicas"], restarted),
                         (image, MORE if cell.verb in ("scale", "autoscale") else REPLICAS, cell.verb == "restart"), "what he did, and nothing else")
        owners = {owner["uid"] for one in self.api.list("ReplicaSet", cell.namespace)
                  for owner in one["metadata"].get("ownerReferences", [{"uid": "nobody"}])}
        self.assertEqual(owners, {now["metadata"]["uid"]}, "no former ReplicaSet is left")
        self.assertGreaterEqual(watch.fewest().get((cell.namespace, "web"), 0), REPLICAS, watch.history(cell.namespace, "web"))

    def tell_verb(self, watch, cells):
        """One row for a verb: the fewest endpoints at any step, the most writes."""
        verb = cells[0].verb
        writes = [w for w in self.writes(self._since) if w.namespace in {c.namespace for c in cells}]
        scaling = Counter(w.namespace for w in writes if w.resource == "replicasets" and w.verb == "patch")
        most, where = max((count, name) for name, count in Counter(w.namespace for w in writes).items())
        refused, taken = sum(c.answer.returncode != 0 for c in cells), sum(c.taken for c in cells)
        words = VERBS[verb][:2 if verb in ("image", "restart", "undo") else 1]
        tell(f"{verb if verb in HELMS else 'kubectl'} {' '.join(words)} at each step of a replace",
             f"{verb}-at-*/web", min(watch.fewest()[c.namespace, "web"] for c in cells), REPLICAS, most, scaling[where],
             ("deleted, nothing left" if verb == "delete" else "created again with it") + f" at {len(cells) - refused - taken} steps"
             + (f", refused at {refused} and created again without" if refused else "")
             + (f", his own at {taken} where the name is free (MG214)" if taken else ""))


def of(namespace, kind=""):
    """MANIFEST, or its document of one kind, for a namespace."""
    documents = [d for d in MANIFEST.split("---") if f"kind: {kind}" in d]
    return "---".join(documents).replace("metadata: {name: web", f"metadata: {{namespace: {namespace}, name: web")
