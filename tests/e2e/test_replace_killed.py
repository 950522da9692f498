"""A controller that is killed with SIGKILL at each kind of write of a replace, there and on
the way back: the next one makes it good. Much of its time is the 90 s for which each that
is started anew waits on the way back for what KubeSphere may still write."""

from admission import Moment
from processes import ProcessError, wait_until
from programs import USER, Controller
from replace_scenario import REPLACE, ReplaceScenario
from scenario import APP, UNDO

# What a replace writes.
KINDS_OF_STEPS = {
    ("CREATE", "ControllerRevision"), ("DELETE", "Deployment"), ("CREATE", "Deployment"), ("UPDATE", "ControllerRevision"),
    ("UPDATE", "ReplicaSet"), ("DELETE", "ReplicaSet"), ("UPDATE", "Deployment"), ("DELETE", "ControllerRevision")}


class ReplaceKilled(ReplaceScenario):
    def killed_at_each_kind(self, namespace, done):
        """Controllers one after the other, each killed at its first write of a kind that none before it was killed at, until
        the namespace is done. Returns these kinds, as (operation, kind)."""
        seen = set()

        def act(request):
            kind = (request["operation"], request["kind"]["kind"])
            if request["namespace"] != namespace or kind in seen:
                return
            seen.add(kind)
            wait_until(lambda: controller.process, 10, "it is known as a process").kill()
        for _ in range(20):
            if done():
                break
            controller = Controller(self.cluster, *REPLACE)
            with Moment(self.cluster, USER, "apps", "*", act):
                try:
                    controller.__enter__()
                    wait_until(lambda: not controller.process.running() or done(), 120, "the next kind of write", step=0.2)
                except ProcessError:
                    pass  # killed at its very first write
                finally:
                    controller.process.kill()
        return seen

    def test_a_controller_killed_at_each_kind_of_step_there_and_back_is_made_good_by_the_next(self):
        former = self.shop("killed")
        watch = self.watching("killed")
        self.label("killed")
        seen = self.killed_at_each_kind("killed", lambda: self.is_replaced("killed", "web", former))
        with Controller(self.cluster, *REPLACE) as last:
            self.wait_until_replaced(last, "killed", former)
            self.wait_until_governed("killed", "web")
        self.assertEqual(len(self.api.list("ReplicaSet", "killed")), 1)
        self.assertLessEqual(KINDS_OF_STEPS, seen, "it was killed at each of these")

        def is_back():
            now = self.api.get("Deployment", "killed", "web")
            return (now and not self.records("killed") and now["spec"]["selector"] == former["spec"]["selector"]
                    and self.annotation(now, UNDO) is None)
        self.api.label("Namespace", None, "killed", **{APP: None})
        seen = self.killed_at_each_kind("killed", is_back)
        with Controller(self.cluster, *REPLACE) as last:
            wait_until(lambda: last.process.check() or is_back(), 240, "the former one is there again", step=0.2)
        watch.stop()
        self.assert_served(watch, "killed", "web", 3, "killed at each kind of write, there and back; the next made it good")
        self.assert_as_before(former, self.api.get("Deployment", "killed", "web"))
        # The other is the history of the rollout by which the sidecars went.
        self.assertEqual([r["spec"]["replicas"] for r in self.api.list("ReplicaSet", "killed") if r["spec"]["replicas"]], [3])
        # The former selector matches the pods that there are: their ReplicaSet is taken over.
        self.assertLessEqual({one for one in KINDS_OF_STEPS if one[1] != "ReplicaSet"}, seen, "it was killed at each of these")
