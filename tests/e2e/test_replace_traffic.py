"""Where the requests of a caller with a sidecar go while a Deployment is created again
with a fuller selector, and while it goes back: asked of the real istiod all along."""

from ads import Sidecar
from caller_watch import CallerWatch
from processes import wait_until
from programs import Controller
from replace_scenario import REPLACE, ReplaceScenario
from scenario import APP, ONE_SERVICE, UNDO


class ReplaceTraffic(ReplaceScenario):
    def test_no_request_of_a_caller_leads_nowhere_at_any_step_of_a_replace_and_of_its_way_back(self):
        self.namespace("callers", ONE_SERVICE)
        former = self.shop("shop")
        service = self.api.get("Service", "shop", "web")
        host = "web.shop.svc.cluster.local"
        whole, subset = f"outbound|80||{host}", f"outbound|80|v1|{host}"
        address = self.api.get("Service", "shop", "web")["spec"]["clusterIP"]
        sidecar = Sidecar.of(self.cluster, "callers", "one")
        watch = self.watching("shop")
        caller = self.enterContext(CallerWatch(sidecar, [(address, 80, host)]))
        caller.wait_until_served()

        def goes_to(cluster):
            seen = caller.clusters()
            return bool(seen) and seen[-1][1] == ({cluster: 100},)
        with Controller(self.cluster, *REPLACE) as controller:
            self.label("shop")
            self.wait_until_replaced(controller, "shop", former)
            self.wait_until(controller, lambda: goes_to(subset), "it is governed")
            # What its owner changes meanwhile stays his on the way back.
            self.cluster.kubectl("scale", "deployment/web", "-n", "shop", "--replicas=4")
            self.cluster.kubectl("set", "image", "deployment/web", "-n", "shop", "web=web:2")
            self.cluster.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=300s")
            former["spec"]["replicas"] = 4
            former["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2"
            self.api.label("Namespace", None, "shop", **{APP: None})
            self.wait_until(controller, lambda: self.is_back(former) and goes_to(whole), "it is as before")
            self.wait_until(controller, lambda: caller.asked > 20, "the caller was asked all along")
        watch.stop()
        caller.stop()
        self.assert_as_before(former, self.api.get("Deployment", "shop", "web"))
        self.assert_as_before(service, self.api.get("Service", "shop", "web"))
        self.assertEqual(caller.dead_ends(), [])
        seen = [seen for _, seen in caller.clusters()]
        # KubeSphere may route by the subset once more before it lets go.
        self.assertEqual(seen, [({whole: 100},), ({subset: 100},)] * (len(seen) // 2) + [({whole: 100},)])
        self.assertLessEqual(len(seen), 5, caller.clusters())
        self.assert_served(watch, "shop", "web", 3, "created again, governed, and as before again")

    def is_back(self, former):
        now = self.api.get("Deployment", "shop", "web")
        return (now and not self.records("shop") and now["spec"] == former["spec"] and self.annotation(now, UNDO) is None
                and self.annotation(self.api.get("Service", "shop", "web"), UNDO) is None  # its labels may go last
                and not self.api.list("VirtualService", "shop") and not self.api.list("DestinationRule", "shop"))

    def wait_until(self, controller, condition, what):
        try:
            wait_until(lambda: controller.process.check() or condition(), 300, what, step=0.5)
        except TimeoutError as error:
            self.fail(f"{error}\n{self.records('shop')}\nlog:\n{controller.process.tail(40)}")
