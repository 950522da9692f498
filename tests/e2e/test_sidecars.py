"""What the sidecars do with the traffic, as the real istiod tells them: the table of
decisions that the rules cite, row by row, and the article's setting after its join.
Every question goes through ads.py; no request is sent."""

from ads import Sidecar, clusters_of
from processes import wait_until
from programs import Controller
from scenario import APP, GATEWAY, GOVERNED, ONE_SERVICE, Scenario

SUFFIX = "svc.cluster.local"
VHOST = "nginx.ingress.kubernetes.io/upstream-vhost"
SERVICE_UPSTREAM = "nginx.ingress.kubernetes.io/service-upstream"
PASSTHROUGH = {"PassthroughCluster": 100}

# A route to a subset that is not there, as KubeSphere leaves it when a Deployment loses its annotation.
DANGLING = ONE_SERVICE + """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: one}
spec: {host: one}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: one}
spec:
  hosts: [one]
  http:
  - route: [{destination: {host: one, port: {number: 80}, subset: v1}}]
"""

# The form that changes every proxy.
MESH_WIDE = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: preserve-client-ip, namespace: istio-system}
spec:
  configPatches:
  - applyTo: NETWORK_FILTER
    match:
      context: ANY
      listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}
    patch:
      operation: MERGE
      value:
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          skip_xff_append: false
          xff_num_trusted_hops: 1
          use_remote_address: true
"""

# A member that KubeSphere can govern.
RETURNING = (ONE_SERVICE.replace("metadata: {name: one}\nspec:\n  replicas", "metadata: {name: one-v1}\nspec:\n  replicas")
             .replace("matchLabels: {app: one}",
                      "matchLabels: &keys {app: one, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}")
             .replace("labels: {app: one}", "labels: *keys"))

CART_INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: cart}
spec:
  ingressClassName: nginx
  rules:
  - host: cart.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: cart, port: {number: 8082}}}}
"""


class Sidecars(Scenario):
    mesh = "kubesphere"

    def address(self, namespace, service):
        return self.api.get("Service", namespace, service)["spec"]["clusterIP"]

    def pod_address(self, namespace, workload):
        (pod,) = self.pods_of(namespace, self.api.get("Deployment", namespace, workload))
        return pod["status"]["podIP"]

    def wait_until_goes_to(self, sidecar, address, port, host, cluster):
        """Until istiod has told the sidecar so: it gathers changes before it pushes."""
        try:
            wait_until(lambda: cluster in clusters_of(sidecar.request(address, port, host)), 60, cluster, step=0.3)
        except TimeoutError:
            self.fail(f"{host} at {address}:{port} goes to {sidecar.request(address, port, host)}, not to {cluster}")

    def until_it_holds(self, check):
        """Until `check` asserts what is so: what it asks has reached istiod by then, kind after kind. Each question of its
        own is answered from one configuration."""
        wrong = []

        def holds():
            try:
                check()
            except AssertionError as error:
                wrong[:] = [error]
                return False
            return True
        try:
            wait_until(holds, 60, "what istiod tells", step=0.3)
        except TimeoutError:
            raise wrong[0] from None

    def remote_address_of(self, sidecar):
        """{(listener, chain, port)} of the connection managers that trust or rewrite client addresses."""
        return {(m["listener"], m["chain"], m["port"]) for m in sidecar.managers()
                if m["use_remote_address"] or m["xff_num_trusted_hops"]}

    def test_where_a_request_goes_is_decided_by_port_name_address_and_host(self):
        self.namespace("decisions", "decisions.yaml")
        client = Sidecar.of(self.cluster, "decisions", "client")
        address = {s: self.address("decisions", s) for s in ("named", "declared", "sniffed")}
        pod = {s: self.pod_address("decisions", s + "-v1") for s in address}
        pod["nacos"] = self.pod_address("decisions", "nacos")
        host = {s: f"{s}.decisions.{SUFFIX}" for s in address}
        subset = lambda service, port: {f"outbound|{port}|v1|{host[service]}": 100}
        whole = lambda service, port: {f"outbound|{port}||{host[service]}": 100}
        self.wait_until_goes_to(client, address["named"], 80, host["named"], *subset("named", 80))
        wait_until(lambda: clusters_of(client.connect(address["sniffed"], 8000)) == subset("sniffed", 8000),
                   60, "the VirtualService of sniffed")
        self.wait_until_governed("decisions", "declared")

        rows = (
                # upstream-vhost and service-upstream
                ("by name", address["named"], 80, host["named"], "http", subset("named", 80)),
                ("by name, port as in the pod", address["named"], 8090, host["named"], "http", subset("named", 8090)),
                ("by name, declared by appProtocol alone", address["declared"], 80, host["declared"], "http", whole("declared", 80)),
                ("by name, sniffed", address["sniffed"], 8000, host["sniffed"], "http", whole("sniffed", 8000)),
                ("by name with a wrong port", address["named"], 80, host["named"] + ":8090", "http", subset("named", 80)),
                # upstream-vhost alone
                ("pod by name", pod["named"], 8080, host["named"], "tcp", PASSTHROUGH),
                ("pod by name, port as in the Service", pod["named"], 8090, host["named"], "http", subset("named", 8090)),
                ("pod by name, declared", pod["declared"], 8081, host["declared"], "tcp", PASSTHROUGH),
                ("pod by name, sniffed", pod["sniffed"], 8083, host["sniffed"], "tcp", PASSTHROUGH),
                # service-upstream alone
                ("public name", address["named"], 80, "shop.example.com", "http", PASSTHROUGH),
                ("public name, declared", address["declared"], 80, "shop.example.com", "http", PASSTHROUGH),
                ("public name, sniffed", address["sniffed"], 8000, "shop.example.com", "http", whole("sniffed", 8000)),
        )

        def decided():
            answers = client.ask(*(f"request {to}:{port} {name} /" for _, to, port, name, *_ in rows))
            for (what, *_, protocol, expected), found in zip(rows, answers, strict=True):
                self.assertEqual((found["protocol"], clusters_of(found)), (protocol, expected), f"{what}: {found}")
                self.assertTrue(all(t["known"] and t["endpoints"] for t in found["targets"]), f"{what}: {found}")
        self.until_it_holds(decided)

        def nacos_has_its_ports():
            listeners = {port: [(l["address"], l["sniffs"], l["http"]) for l in client.listeners(port)]
                         for port in (8848, 9848, 9849, 8849)}
            self.assertEqual(listeners, {8848: [(pod["nacos"], True, True)], 9848: [(pod["nacos"], True, True)],
                                         9849: [(pod["nacos"], False, False)], 8849: [("0.0.0.0", True, True)]})
            for port, name in ((8848, pod["nacos"]), (9848, "nacos.example.com"), (8849, "nacos.example.com")):
                self.assertEqual([t["endpoints"] for t in client.request(pod["nacos"], port, name)["targets"]],
                                 [[f"{pod['nacos']}:{port}"]])
            self.assertEqual(client.connect(pod["nacos"], 9849)["protocol"], "tcp")
            self.assertEqual(client.missing(), [])
        self.until_it_holds(nacos_has_its_ports)

    def test_a_route_to_a_subset_that_is_gone_answers_nobody_while_the_pod_is_up(self):
        self.namespace("dangling", DANGLING)
        sidecar = Sidecar.of(self.cluster, "dangling", "one")
        host, address = f"one.dangling.{SUFFIX}", self.address("dangling", "one")
        gone, whole = f"outbound|80|v1|{host}", f"outbound|80||{host}"
        self.wait_until_goes_to(sidecar, address, 80, host, gone)

        def nobody_answers_while_the_pod_is_up():
            decision, missing, clusters = sidecar.ask(f"request {address}:80 {host} /", "missing", "clusters " + host)
            self.assertEqual([(t["cluster"], t["known"]) for t in decision["targets"]], [(gone, False)])
            self.assertEqual({m["cluster"] for m in missing}, {gone})
            self.assertEqual([c["endpoints"] for c in clusters if c["cluster"] == whole],
                             [[f"{self.pod_address('dangling', 'one')}:80"]])
        self.until_it_holds(nobody_answers_while_the_pod_is_up)
        self.api.delete("VirtualService", "dangling", "one")
        self.wait_until_goes_to(sidecar, address, 80, host, whole)
        self.assertEqual(sidecar.missing(), [])

    def test_the_mesh_wide_filter_changes_every_connection_manager(self):
        self.namespace("bystander", ONE_SERVICE)
        sidecar = Sidecar.of(self.cluster, "bystander", "one")
        self.assertEqual(self.remote_address_of(sidecar), set())
        self.cluster.apply(MESH_WIDE)
        try:
            def every_one_is_changed():
                managers = sidecar.managers()
                self.assertGreater(len(managers), 4)
                self.assertEqual([m for m in managers if not m["use_remote_address"] or m["xff_num_trusted_hops"] != 1], [])
                self.assertLess({"inbound"}, {m["direction"] for m in managers})
            self.until_it_holds(every_one_is_changed)
        finally:
            self.api.delete("EnvoyFilter", "istio-system", "preserve-client-ip")
        wait_until(lambda: not self.remote_address_of(sidecar), 60, "the filter is gone", step=0.3)

    def test_after_a_join_the_gateways_requests_reach_the_members_subset(self):
        for node in ("node-1", "node-2"):
            self.api.label("Node", None, node, ingress="true")
        self.namespace("ingress-nginx", "ingress-nginx.yaml")
        self.namespace("shop", "shop.yaml")
        self.cluster.apply(CART_INGRESS, "shop")
        self.namespace("outside", ONE_SERVICE)
        outside = Sidecar.of(self.cluster, "outside", "one")
        nacos = min(p["status"]["podIP"] for p in self.api.list("Pod", "shop", "app=nacos"))
        wait_until(lambda: any(l["sniffs"] for l in outside.listeners(9848)), 60, "before the join 9848 may be taken for HTTP")
        self.api.label("Namespace", None, "shop", **{APP: "shop"})
        self.api.label("Namespace", None, "ingress-nginx", **{GATEWAY: "ingress-nginx"})
        with Controller(self.cluster) as controller:
            self.wait_until_joined(controller, "shop", "ingress-nginx", seconds=300)
        self.wait_until_governed("shop", "cart")
        gateway = Sidecar.of(self.cluster, "ingress-nginx", "ingress-nginx-controller")
        web = Sidecar.of(self.cluster, "shop", "web")
        cart = f"outbound|8082|v1|cart.shop.{SUFFIX}"
        self.wait_until_goes_to(gateway, *self.as_nginx_sends("shop", "cart")["/"], cart)

        def each_path_goes_to_its_service():
            self.assertEqual(
                {path: clusters_of(gateway.request(*sent, path))
                 for path, sent in {**self.as_nginx_sends("shop", "shop"), "/cart": self.as_nginx_sends("shop", "cart")["/"]}.items()},
                {"/": {f"outbound|80||web.shop.{SUFFIX}": 100},        # not governed: its selector lacks KubeSphere's keys
                 "/orders": {f"outbound|8081||orders.shop.{SUFFIX}": 100},
                 "/cart": {cart: 100}})
            self.assertEqual([t["endpoints"] for t in gateway.request(*self.as_nginx_sends("shop", "cart")["/"])["targets"]],
                             [[f"{self.pod_address('shop', 'cart-v1')}:8082"]])

        def port_80_keeps_client_addresses():
            inbound = [m for m in gateway.managers() if m["direction"] == "inbound"]
            self.assertIn(80, [m["port"] for m in inbound])
            self.assertEqual([m for m in inbound if not m["use_remote_address"] or m["xff_num_trusted_hops"] != 1], [])
            self.assertNotIn(443, [m["port"] for m in inbound])

        def nacos_9848_is_plain_tcp():
            for client in (web, outside):
                self.assertEqual([l for l in client.listeners(9848) if l["http"] or l["sniffs"]], [])
                found = client.connect(nacos, 9848)
                self.assertEqual((found["listener"], found["protocol"]), (f"{nacos}_9848", "tcp"))
                self.assertEqual([t["known"] for t in found["targets"]], [True])

        def no_route_names_a_cluster_that_is_not_there():
            for sidecar in (gateway, web, outside, Sidecar.of(self.cluster, "shop", "cart-v1")):
                self.assertEqual(sidecar.missing(), [])

        for check in (each_path_goes_to_its_service, port_80_keeps_client_addresses, nacos_9848_is_plain_tcp,
                      no_route_names_a_cluster_that_is_not_there):
            with self.subTest(check.__name__.replace("_", " ")):
                self.until_it_holds(check)
        with self.subTest("nobody else's connection managers changed"):
            self.assertEqual({where for where in self.remote_address_of(gateway) if where[0] != "virtualInbound"}, set())
            for other in (web, outside):
                self.assertEqual(self.remote_address_of(other), set())

    def test_on_the_way_back_no_sidecar_is_ever_told_of_a_subset_that_is_gone(self):
        self.namespace("returns", RETURNING)
        sidecar = Sidecar.of(self.cluster, "returns", "one-v1")
        host, address = f"one.returns.{SUFFIX}", self.address("returns", "one")
        self.api.label("Namespace", None, "returns", **{APP: "shop"})
        with Controller(self.cluster) as controller:
            self.wait_until_joined(controller, "returns")
            subset, whole = f"outbound|80|v1|{host}", f"outbound|80||{host}"
            self.wait_until_goes_to(sidecar, address, 80, host, subset)
            told = []  # where it goes, each change

            def back():
                controller.process.check()
                missing, decision = sidecar.ask("missing", f"request {address}:80 {host}")
                self.assertEqual(missing, [], f"after {told}")
                (target,) = decision["targets"]
                self.assertTrue(target["known"] and target["endpoints"], decision)
                if told[-1:] != [target["cluster"]]:
                    told.append(target["cluster"])
                return (target["cluster"] == whole
                        and not self.api.list("VirtualService", "returns") and not self.api.list("DestinationRule", "returns")
                        and self.annotation(self.api.get("Deployment", "returns", "one-v1"), GOVERNED) is None)
            wait_until(lambda: back() is False, 60, "an answer from before")
            self.api.label("Namespace", None, "returns", **{APP: None})
            wait_until(back, 240, "the namespace is as before")
        self.assertEqual(told, [subset, whole], "watched from before to after")

    def as_nginx_sends(self, namespace, name):
        """{path: (address, port, host)}: where ingress-nginx sends a request for each
        path of an Ingress, and with which Host, as its annotations say."""
        ingress = self.api.get("Ingress", namespace, name)
        self.assertEqual(self.annotation(ingress, SERVICE_UPSTREAM), "true", "nginx sends to the Service's address")
        sent = {}
        for path in ingress["spec"]["rules"][0]["http"]["paths"]:
            service = path["backend"]["service"]
            host = self.annotation(ingress, VHOST).replace("$service_name", service["name"]).replace("$namespace", namespace)
            ports = self.api.get("Service", namespace, service["name"])["spec"]["ports"]
            (port,) = [p["port"] for p in ports if p["port"] == service["port"].get("number") or
                       p.get("name") and p["name"] == service["port"].get("name")]
            sent[path["path"]] = (self.address(namespace, service["name"]), port, host)
        return sent
