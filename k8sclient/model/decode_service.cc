#include "k8sclient/model/decode_kinds.h"

// Services, Ingresses and IngressClasses.

namespace meshgraft::decoding {
namespace {

// networking.k8s.io/v1: {service: {name, port: {number, name}}} or {resource: …};
// both v1beta1 groups: {serviceName, servicePort}.
bool read_backend(FieldReader& reader, Value value, IngressBackend& backend) {
  const auto port = [&reader, &backend](std::string_view key, Value field) {
    if (key == "number") return reader.number(field, backend.port);
    if (key == "name") return reader.text(field, backend.port_name);
    return true;
  };
  const auto service = [&](std::string_view key, Value field) {
    if (key == "name") return reader.text(field, backend.service);
    return key != "port" || reader.fields(field, port);
  };
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "service") return reader.fields(field, service);
    if (key == "serviceName") return reader.text(field, backend.service);
    if (key != "servicePort") return true;
    IntOrString old;
    if (!reader.int_or_text(field, old)) return false;
    backend.port = old.number;
    backend.port_name = std::move(old.text);
    return true;
  });
}

bool read_rule(FieldReader& reader, Value value, IngressRule& rule) {
  const auto path = [&reader](Value item, IngressPath& out) {
    return reader.fields(item, [&reader, &out](std::string_view key, Value field) {
      if (key == "path") return reader.text(field, out.path);
      if (key == "pathType") return reader.text(field, out.path_type);
      return key != "backend" || read_backend(reader, field, out.backend);
    });
  };
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "host") return reader.text(field, rule.host);
    if (key != "http") return true;
    return reader.fields(field, [&](std::string_view name, Value inner) {
      return name != "paths" || reader.list(inner, rule.paths, path);
    });
  });
}

bool read_tls(FieldReader& reader, Value value, Ingress& ingress) {
  const bool good = reader.items(value, [&reader, &ingress](Value item) {
    ingress.tls = true;
    return reader.fields(item, [&reader, &ingress](std::string_view key, Value field) {
      return key != "hosts" ||
             reader.items(field, [&](Value host) { return reader.text(host, ingress.tls_hosts.emplace_back()); });
    });
  });
  ingress.tls_hosts.shrink_to_fit();
  return good;
}

}  // namespace

bool read_service(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "spec") return true;
  Service& service = static_cast<Service&>(object);
  const auto port = [&reader](Value item, ServicePort& out) {
    return reader.fields(item, [&reader, &out](std::string_view key, Value field) {
      if (key == "name") return reader.text(field, out.name);
      if (key == "protocol") return reader.text(field, out.protocol);
      if (key == "port") return reader.number(field, out.port);
      if (key == "targetPort") return reader.int_or_text(field, out.target_port);
      return key != "appProtocol" || reader.text(field, out.app_protocol);
    });
  };
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "type") return reader.text(field, service.type);
    if (key == "clusterIP") return reader.text(field, service.cluster_ip);
    if (key == "selector") return reader.text_map(field, service.selector);
    if (key == "ports") return reader.list(field, service.ports, port);
    return key != "sessionAffinity" || reader.text(field, service.session_affinity);
  });
}

bool read_ingress(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "spec") return true;
  Ingress& ingress = static_cast<Ingress&>(object);
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "ingressClassName") return reader.text(field, ingress.class_name);
    if (key == "tls") return read_tls(reader, field, ingress);
    if (key == "rules") {
      return reader.list(field, ingress.rules,
                         [&reader](Value item, IngressRule& rule) { return read_rule(reader, item, rule); });
    }
    if (key != "defaultBackend" && key != "backend") return true;
    bool present = false;
    if (!reader.present(field, present)) return false;
    if (present) return read_backend(reader, field, ingress.default_backend.emplace());
    return true;
  });
}

void finish_ingress(const FieldReader& reader, Object& object) {
  static_cast<Ingress&>(object).old_version = reader.api_version.ends_with("/v1beta1");
}

bool read_ingress_class(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "spec") return true;
  IngressClass& ingress_class = static_cast<IngressClass&>(object);
  return reader.fields(value, [&](std::string_view key, Value field) {
    return key != "controller" || reader.text(field, ingress_class.controller);
  });
}

void finish_ingress_class(const FieldReader&, Object& object) {
  IngressClass& ingress_class = static_cast<IngressClass&>(object);
  const Labels::const_iterator found =
      ingress_class.meta.annotations.find("ingressclass.kubernetes.io/is-default-class");
  ingress_class.is_default = found != ingress_class.meta.annotations.end() && found->second == "true";
}

}  // namespace meshgraft::decoding
