"""The article's setting on Istio as KubeSphere 3.3 sets it up: microservices behind
one Ingress of two paths, Nacos, and an ingress-nginx that owns port 80 of two nodes."""

from programs import Controller, plan
from scenario import APP, GATEWAY, GOVERNED, Scenario

ANNOTATION = "nginx.ingress.kubernetes.io/"
MEMBERS = ("web", "orders", "cart-v1")


class Article(Scenario):
    mesh = "kubesphere"

    def test_the_articles_setting_joins_without_a_gap(self):
        for node in ("node-1", "node-2"):
            self.api.label("Node", None, node, ingress="true")
        self.namespace("ingress-nginx", "ingress-nginx.yaml")
        self.namespace("shop", "shop.yaml")
        nacos_before = {p["metadata"]["uid"] for p in self.api.list("Pod", "shop", "app=nacos")}
        watch = self.watching("shop", "ingress-nginx")
        self.api.label("Namespace", None, "shop", **{APP: "shop"})
        self.api.label("Namespace", None, "ingress-nginx", **{GATEWAY: "ingress-nginx"})
        foretold = plan(self.cluster)
        begin = self.audit.position()

        with Controller(self.cluster) as controller:
            self.wait_until_joined(controller, "shop", "ingress-nginx", seconds=180)
        watch.stop()

        with self.subTest("no Service was ever without a ready endpoint"):
            self.assert_never_without_endpoint(watch, [
                ("shop", "web"), ("shop", "orders"), ("shop", "cart"), ("shop", "nacos-headless"),
                ("ingress-nginx", "ingress-nginx-controller"), ("ingress-nginx", "ingress-nginx-controller-admission")], "joined")
        with self.subTest("members"):
            for name in MEMBERS:
                self.assert_sidecar("shop", name)
                self.assert_labels(self.api.get("Deployment", "shop", name), **{
                    "app": name.removesuffix("-v1"), "version": "v1", "app.kubernetes.io/name": "shop",
                    "app.kubernetes.io/version": "v1"})
            for name in ("web", "orders", "cart"):
                self.assertEqual(self.annotation(self.api.get("Service", "shop", name), GOVERNED), "true")
        with self.subTest("Nacos has its ports, and was left alone otherwise"):
            service = self.api.get("Service", "shop", "nacos-headless")
            self.assertEqual({p["port"]: p.get("appProtocol") for p in service["spec"]["ports"]},
                             {8848: "http", 9848: "tcp", 9849: "tcp", 7848: "tcp"})
            self.assertIsNone(self.annotation(service, GOVERNED))
            pods = self.api.list("Pod", "shop", "app=nacos")
            self.assertEqual({p["metadata"]["uid"] for p in pods}, nacos_before)
        with self.subTest("a port that KubeSphere could not read has a name now"):
            (port,) = self.api.get("Service", "shop", "orders")["spec"]["ports"]
            self.assertEqual((port["name"], port["port"], port["targetPort"]), ("http-8081", 8081, 8081))
        with self.subTest("the Ingress of two paths"):
            ingress = self.api.get("Ingress", "shop", "shop")
            self.assert_labels(ingress, **{"app.kubernetes.io/name": "shop", "app.kubernetes.io/version": "v1"})
            self.assertEqual(self.annotation(ingress, ANNOTATION + "upstream-vhost"),
                             "$service_name.$namespace.svc.cluster.local")
            self.assertEqual(self.annotation(ingress, ANNOTATION + "service-upstream"), "true")
        with self.subTest("ingress-nginx keeps its nodes' ports, without hostNetwork, with a sidecar"):
            self.gateway_is_in_the_mesh()
        with self.subTest("preserve-client-ip"):
            self.client_address_is_kept()
        with self.subTest("KubeSphere governs what its selectors allow"):
            self.wait_until_governed("shop", "cart")
            rule = self.api.get("DestinationRule", "shop", "cart")
            self.assertEqual([s["name"] for s in rule["spec"]["subsets"]], ["v1"])
            self.assertIn("http", self.api.get("VirtualService", "shop", "cart")["spec"])
            self.assertIsNone(self.api.get("VirtualService", "shop", "web"))
        with self.subTest("plan had told the truth"):
            self.assert_plan_told_the_truth(foretold, begin, ["shop", "ingress-nginx"])
        with self.subTest("a second run"):
            self.second_run_writes_nothing("shop", "ingress-nginx")

    def gateway_is_in_the_mesh(self):
        deployment = self.api.get("Deployment", "ingress-nginx", "ingress-nginx-controller")
        pod = deployment["spec"]["template"]["spec"]
        self.assertFalse(pod.get("hostNetwork", False))
        self.assertEqual(pod["dnsPolicy"], "ClusterFirst")
        (container,) = pod["containers"]
        self.assertEqual({p["containerPort"]: p.get("hostPort") for p in container["ports"]},
                         {80: 80, 443: 443, 8443: None})
        self.assertEqual(deployment["spec"]["strategy"]["rollingUpdate"], {"maxUnavailable": 1, "maxSurge": 0})
        self.assert_sidecar("ingress-nginx", "ingress-nginx-controller")
        nodes = {p["spec"]["nodeName"] for p in self.pods_of("ingress-nginx", deployment)}
        self.assertEqual(nodes, {"node-1", "node-2"})

    def client_address_is_kept(self):
        data = self.api.get("ConfigMap", "ingress-nginx", "ingress-nginx-controller")["data"]
        self.assertEqual({k: data.get(k) for k in ("enable-real-ip", "proxy-real-ip-cidr")},
                         {"enable-real-ip": "true", "proxy-real-ip-cidr": "127.0.0.6/32"})
        # Istio's webhook was asked: it fails closed (see the cluster's start).
        found = self.api.get("EnvoyFilter", "ingress-nginx", "preserve-client-ip")
        self.assertEqual(found["spec"]["workloadSelector"]["labels"]["app.kubernetes.io/name"], "ingress-nginx")
        self.assertEqual({p["match"]["context"] for p in found["spec"]["configPatches"]}, {"SIDECAR_INBOUND"})
