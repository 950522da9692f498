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
EXCLUDED = "traffic.sidecar.istio.io/excludeInboundPorts"
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
---
apiVersion: v1
kind: Service
metadata: {name: plain}
spec:
  selector: {app: one}
  ports: [{name: tcp-plain, port: 6000}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: plain}
spec: {host: plain}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: plain}
spec:
  hosts: [plain]
  tcp:
  - route: [{destination: {host: plain, port: {number: 6000}, subset: v1}}]
"""

# A Service of another namespace on a port where the pods of `named` listen too.
STRANGER = ONE_SERVICE.replace("name: one", "name: stranger").replace("app: one", "app: stranger").replace("port: 80", "port: 8080")

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

    def decided(self, sidecar, rows):
        """Asserts where each row's request goes, all from one configuration: (what it is, address, port, Host, protocol, clusters)."""
        answers = sidecar.ask(*(f"request {to}:{port} {name} /" for _, to, port, name, *_ in rows))
        for (what, *_, protocol, expected), found in zip(rows, answers, strict=True):
            self.assertEqual((found["protocol"], clusters_of(found)), (protocol, expected), f"{what}: {found}")
            self.assertTrue(all(t["known"] and t["endpoints"] for t in found["targets"]), f"{what}: {found}")

    def test_where_a_request_goes_is_decided_by_port_name_address_and_host(self):
        self.namespace("strangers", STRANGER)
        self.namespace("decisions", "decisions.yaml")
        client, onlooker = (Sidecar.of(self.cluster, "decisions", name) for name in ("client", "onlooker"))
        governed = ("named", "declared", "sniffed", "twice", "mixed")
        address = {s: self.address("decisions", s) for s in governed}
        host = {s: f"{s}.decisions.{SUFFIX}" for s in (*governed, "direct")}
        subset = lambda service, port, version="v1": {f"outbound|{port}|{version}|{host[service]}": 100}
        whole = lambda service, port: {f"outbound|{port}||{host[service]}": 100}
        pod = {s: self.pod_address("decisions", s + "-v1") for s in ("named", "declared", "sniffed", "mixed", "direct")}
        pod["nacos"] = self.pod_address("decisions", "nacos")
        pod["bare"] = self.api.get("Pod", "decisions", "mixed-bare")["status"]["podIP"]
        self.wait_until_governed("decisions", *host)
        public, stranger = "shop.example.com", f"stranger.strangers.{SUFFIX}"

        rows = (
                # upstream-vhost and service-upstream
                ("by name", address["named"], 80, host["named"], "http", subset("named", 80)),
                ("by name, port as in the pod", address["named"], 8090, host["named"], "http", subset("named", 8090)),
                ("by name, declared by appProtocol alone", address["declared"], 80, host["declared"], "http", whole("declared", 80)),
                ("by name, declared, port as in the pod", address["declared"], 8092, host["declared"], "http", whole("declared", 8092)),
                ("by name, sniffed", address["sniffed"], 8000, host["sniffed"], "http", whole("sniffed", 8000)),
                ("by name with a wrong port", address["named"], 80, host["named"] + ":8090", "http", subset("named", 80)),
                # upstream-vhost alone
                ("pod by name", pod["named"], 8080, host["named"], "tcp", PASSTHROUGH),
                ("pod by name, port as in the Service", pod["named"], 8090, host["named"], "http", subset("named", 8090)),
                ("pod by name, declared", pod["declared"], 8081, host["declared"], "tcp", PASSTHROUGH),
                ("pod by name, declared, port as in the Service", pod["declared"], 8092, host["declared"], "http", whole("declared", 8092)),
                ("pod by name, sniffed", pod["sniffed"], 8083, host["sniffed"], "tcp", PASSTHROUGH),
                # service-upstream alone
                ("public name", address["named"], 80, public, "http", PASSTHROUGH),
                ("public name, port as in the pod", address["named"], 8090, public, "http", PASSTHROUGH),
                ("public name, declared", address["declared"], 80, public, "http", PASSTHROUGH),
                ("public name, declared, port as in the pod", address["declared"], 8092, public, "http", PASSTHROUGH),
                ("public name, sniffed", address["sniffed"], 8000, public, "http", whole("sniffed", 8000)),
                # from a registry: a pod's address, port as in the Service
                ("pod by its address", pod["named"], 8090, pod["named"], "http", PASSTHROUGH),
                ("pod by its address and port", pod["named"], 8090, pod["named"] + ":8090", "http", PASSTHROUGH),
                ("pod by a public name", pod["named"], 8090, public, "http", PASSTHROUGH),
                ("pod of a headless Service by its address", pod["direct"], 8096, pod["direct"], "http", PASSTHROUGH),
                ("pod of a headless Service by name", pod["direct"], 8096, host["direct"], "http", subset("direct", 8096)),
                # pods with and without a version
                ("by name, a pod without a version behind it", address["mixed"], 8095, host["mixed"], "http", subset("mixed", 8095)),
        )
        self.until_it_holds(lambda: self.decided(client, rows))

        strange = (
                ("pod by name, a stranger has its port", pod["named"], 8080, host["named"], "http", PASSTHROUGH),
                ("pod by a stranger's name", pod["named"], 8080, stranger, "http", {f"outbound|8080||{stranger}": 100}),
        )
        self.until_it_holds(lambda: self.decided(onlooker, strange))

        def raw_tcp_on_a_sniffed_port_gets_the_subset():
            self.assertEqual(clusters_of(client.connect(address["sniffed"], 8000)), subset("sniffed", 8000))
        self.until_it_holds(raw_tcp_on_a_sniffed_port_gets_the_subset)

        def a_subset_of_a_headless_Service_is_a_name_only():
            (found,) = client.request(pod["direct"], 8096, host["direct"])["targets"]
            self.assertEqual((found["type"], found["endpoints"]), ("ORIGINAL_DST", [f"{pod['direct']}:8096"]))
        self.until_it_holds(a_subset_of_a_headless_Service_is_a_name_only)

        def a_Service_without_endpoints_is_known_and_empty():
            name = f"empty.decisions.{SUFFIX}"
            found = client.request(self.address("decisions", "empty"), 8097, name)
            self.assertEqual((found["protocol"], [(t["cluster"], t["known"], t["endpoints"]) for t in found["targets"]]),
                             ("http", [(f"outbound|8097||{name}", True, [])]))
        self.until_it_holds(a_Service_without_endpoints_is_known_and_empty)

        def a_pod_without_a_version_is_in_no_subset():
            endpoints = {c["cluster"]: c["endpoints"] for c in client.ask("clusters " + host["mixed"])[0]}
            self.assertEqual(endpoints, {f"outbound|8095|v1|{host['mixed']}": [f"{pod['mixed']}:8095"],
                                         f"outbound|8095||{host['mixed']}": sorted(f"{pod[p]}:8095" for p in ("mixed", "bare"))})
        self.until_it_holds(a_pod_without_a_version_is_in_no_subset)

        def one_of_two_versions_gets_everything_without_a_Strategy():
            self.assertIn(clusters_of(client.request(address["twice"], 8094, host["twice"])), [subset("twice", 8094, v) for v in ("v1", "v2")])
        self.until_it_holds(one_of_two_versions_gets_everything_without_a_Strategy)

        def nacos_has_its_ports():
            self.assertEqual(self.treated(client, 8848, 9848, 9849, 8849), {
                8848: [(pod["nacos"], True, True)], 9848: [(pod["nacos"], True, True)],
                9849: [(pod["nacos"], False, False)], 8849: [("0.0.0.0", True, True)]})
            for port, name in ((8848, pod["nacos"]), (9848, "nacos.example.com"), (8849, "nacos.example.com")):
                self.assertEqual([t["endpoints"] for t in client.request(pod["nacos"], port, name)["targets"]],
                                 [[f"{pod['nacos']}:{port}"]])
            self.assertEqual(client.connect(pod["nacos"], 9849)["protocol"], "tcp")
            self.assertEqual(client.missing(), [])
        self.until_it_holds(nacos_has_its_ports)

        self.api.label("Namespace", None, "decisions", **{APP: "shop"})
        with Controller(self.cluster) as controller:
            self.wait_until_joined(controller, "decisions")
        pod["nacos"] = self.pod_address("decisions", "nacos")
        joined = (
                ("joined, by name", address["named"], 80, host["named"], "http", subset("named", 80)),
                ("joined, by name, declared", address["declared"], 80, host["declared"], "http", subset("declared", 80)),
                ("joined, by name, declared, port as in the pod", address["declared"], 8092, host["declared"], "http", subset("declared", 8092)),
                ("joined, by name, sniffed", address["sniffed"], 8000, host["sniffed"], "http", subset("sniffed", 8000)),
                ("joined, public name", address["named"], 8090, public, "http", PASSTHROUGH),
                ("joined, public name, declared", address["declared"], 80, public, "http", PASSTHROUGH),
                ("joined, public name, sniffed", address["sniffed"], 8000, public, "http", PASSTHROUGH),
        )
        self.until_it_holds(lambda: self.decided(client, joined))

        def nacos_ports_are_declared():
            self.assertEqual(self.treated(client, 8848, 9848, 9849), {
                8848: [("0.0.0.0", True, True)], 9848: [(pod["nacos"], False, False)], 9849: [(pod["nacos"], False, False)]})
            for name in (pod["nacos"], "nacos.example.com", f"nacos-headless.decisions.{SUFFIX}"):
                self.assertEqual([t["endpoints"] for t in client.request(pod["nacos"], 8848, name)["targets"]], [[f"{pod['nacos']}:8848"]], name)
            self.assertEqual(client.connect(pod["nacos"], 9848)["protocol"], "tcp")
            self.assertEqual(client.missing(), [])
        self.until_it_holds(nacos_ports_are_declared)

    def treated(self, sidecar, *ports):
        """{port: [(address, does it look at what comes first, does it speak HTTP)]} of the outbound listeners."""
        answers = sidecar.ask(*(f"listeners {port}" for port in ports))
        return {port: [(l["address"], l["sniffs"], l["http"]) for l in found] for port, found in zip(ports, answers, strict=True)}

    def test_a_route_to_a_subset_that_is_gone_answers_nobody_while_the_pod_is_up(self):
        self.namespace("dangling", DANGLING)
        sidecar = Sidecar.of(self.cluster, "dangling", "one")
        host, address = f"one.dangling.{SUFFIX}", self.address("dangling", "one")
        gone, whole, plain = f"outbound|80|v1|{host}", f"outbound|80||{host}", f"outbound|6000|v1|plain.dangling.{SUFFIX}"
        self.wait_until_goes_to(sidecar, address, 80, host, gone)

        def nobody_answers_while_the_pod_is_up():
            decision, connection, missing, clusters = sidecar.ask(
                f"request {address}:80 {host} /", f"connect {self.address('dangling', 'plain')}:6000", "missing", "clusters " + host)
            self.assertEqual([(t["cluster"], t["known"]) for t in decision["targets"]], [(gone, False)])
            # The connection is closed.
            self.assertEqual((connection["protocol"], [(t["cluster"], t["known"]) for t in connection["targets"]]), ("tcp", [(plain, False)]))
            self.assertEqual({m["cluster"] for m in missing}, {gone, plain})
            self.assertEqual([c["endpoints"] for c in clusters if c["cluster"] == whole],
                             [[f"{self.pod_address('dangling', 'one')}:80"]])
        self.until_it_holds(nobody_answers_while_the_pod_is_up)
        for name in ("one", "plain"):
            self.api.delete("VirtualService", "dangling", name)
        self.wait_until_goes_to(sidecar, address, 80, host, whole)
        self.until_it_holds(lambda: self.assertEqual(sidecar.missing(), []))

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

        to, inside = self.address("shop", "cart"), f"cart.shop.{SUFFIX}"
        reach = ("cart.shop", "cart.shop.svc", inside, inside + ".", inside + ":8082", inside + ":80", inside.upper(), to, f"{to}:8082")
        miss = ("cart", "cart.ingress-nginx", "cart.shop.svc.cluster", "cart.example.com", "10.0.0.1")

        def the_Host_names_the_service_with_its_namespace_or_address():
            answers = gateway.ask(*(f"request {to}:8082 {host} /" for host in reach + miss))
            self.assertEqual({host: clusters_of(found) for host, found in zip(reach + miss, answers, strict=True)},
                             {**dict.fromkeys(reach, {cart: 100}), **dict.fromkeys(miss, PASSTHROUGH)})

        def a_port_that_is_not_captured_changes_nothing_that_istiod_sends():
            pod = gateway_pod()
            self.assertIn("443", pod["metadata"]["annotations"].pop(EXCLUDED).split(","))
            captured = Sidecar(self.cluster.tools, self.cluster.xds, pod)
            for question in ("managers", "listeners 443", "clusters"):
                self.assertCountEqual(captured.ask(question)[0], gateway.ask(question)[0], question)

        def gateway_pod():
            controller = self.api.get("Deployment", "ingress-nginx", "ingress-nginx-controller")
            return min(self.pods_of("ingress-nginx", controller), key=lambda p: p["metadata"]["name"])

        for check in (each_path_goes_to_its_service, the_Host_names_the_service_with_its_namespace_or_address,
                      port_80_keeps_client_addresses, a_port_that_is_not_captured_changes_nothing_that_istiod_sends,
                      nacos_9848_is_plain_tcp, no_route_names_a_cluster_that_is_not_there):
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
