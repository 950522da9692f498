#pragma once
// The rules for Service ports: protocols of middleware (rules 7) and names of members' ports (rules 5). plan calls
// both desired_ functions through the registry. Pure.
//
// What a port speaks, the first line that answers:
//   it says so itself, by name or appProtocol       what it says
//   a number of its middleware product              the table's http or grpc, tcp for the rest
//   httpGet probe on the port (gRPC: grpc probe)    http, without a name for TLS: unknown; grpc
//   a number that is TCP whoever serves it          tcp
//   backend of an Ingress                           http; by nginx' backend-protocol: grpc, or tcp for TLS
//   a word in its name: http web api ui, grpc       http, grpc
//   annotation meshgraft.io/protocol.<port>         what it says
//   nothing                                         unknown: MG301, nothing is written
//
// What a member's port then gets ("KS": KubeSphere's controllers are there and read names alone):
//   declared         | spoken       | KS | written
//   http family, by a name KubeSphere reads      |   | nothing
//   http family, by appProtocol or other name    | yes | name <protocol>-<name>; is the name used: MG302
//   http family, by appProtocol or other name    | no  | nothing
//   tcp, udp                                     |     | nothing
//   an appProtocol that hides a good name        |     | nothing, MG303
//   nothing          | http family  | yes | name <protocol>-<name>; is the name used: appProtocol and MG302
//   nothing          | http family  | no  | appProtocol
//   nothing          | tcp          |     | appProtocol: tcp
//   nothing          | unknown      |     | nothing, MG301

#include <string>

#include "reconcilers/middleware_table.h"
#include "reconcilers/port_protocol.h"
#include "reconcilers/reconciler.h"

namespace meshgraft {

// What is known of a port besides what it declares.
struct PortEvidence {
  int pod_port = 0;                       // 0: not known
  const Product* product = nullptr;       // of the middleware it belongs to
  bool http_probe = false, tls_probe = false, grpc_probe = false;
  bool of_product = false;                // `pod_port` stands in the product's row
  std::string ingress;                    // name of an Ingress that it is a backend of, "" for none
  std::string ingress_protocol;           // nginx' backend-protocol of that Ingress, "" for HTTP
  std::string annotation;                 // value of meshgraft.io/protocol.<port>, "" for none
};
struct PortVerdict {
  Protocol protocol = Protocol::unknown;
  std::string because;                    // "it is the backend of Ingress shop"
};

// The first table. A declared protocol is the caller's to see.
PortVerdict spoken_protocol(const ServicePort& port, const PortEvidence& evidence);

// `name` with the protocol in front: web -> http-web; "" -> http-9080. A name that would be too long, or is taken by
// `others`, becomes http-<port>.
std::string port_name_for(Protocol protocol, const ServicePort& port, const std::vector<ServicePort>& others);

// Which Ingress uses which Service of the namespace; made once per rule.
class BackendIndex {
 public:
  explicit BackendIndex(const NamespaceView& view);
  // Of `service`, in the order of the view; empty when none uses it.
  [[nodiscard]] const std::vector<std::shared_ptr<const Ingress>>& users_of(std::string_view service) const;

 private:
  std::map<std::string, std::vector<std::shared_ptr<const Ingress>>, std::less<>> users_;
};

// Evidence for every port of `service`, in its order. `workloads` are those that it selects.
std::vector<PortEvidence> port_evidence(const Service& service, const std::vector<std::shared_ptr<const Workload>>& workloads,
                                        const BackendIndex& backends, const Product* product);

// appProtocol of Nacos and other middleware: in joined namespaces; Nacos alone in settings.nacos_namespaces when
// facts.nacos_wanted has them. Findings MG701, MG702, MG703.
Decision desired_middleware_ports(const Context& context);
std::span<const RbacRule> rbac_middleware_ports();

// Names and appProtocol of members' ports; Ingresses that use a name are switched to the number first.
Decision desired_service_ports(const Context& context);
std::span<const RbacRule> rbac_service_ports();

}  // namespace meshgraft
