#include "k8sclient/model/decode_kinds.h"
#include "k8sclient/model/json_read.h"

// Services, Ingresses and IngressClasses, and who else names the ports of Services.

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

// The text of spec.tls is kept too, sorted: a copy of the Ingress needs all of it.
bool read_tls(FieldReader& reader, Value value, Ingress& ingress) {
  bool is = false;
  if (!reader.present(value, is)) return false;
  if (!is) return true;
  simdjson::ondemand::array list;
  std::string_view raw;
  if (value.get_array().get(list)) return reader.fail("expected a list");
  if (list.raw_json().get(raw)) return reader.fail("not JSON");
  const Result<Json> parsed = read_json(raw);
  if (!parsed) return reader.fail(parsed.error().text);
  ingress.tls = !parsed->empty();
  if (ingress.tls) ingress.tls_spec = to_text(*parsed);
  for (const Json& entry : *parsed) {
    for (const Json* host : items(entry, "/hosts")) {
      if (!host->is_string()) return reader.fail("hosts: expected text");
      ingress.tls_hosts.push_back(text(*host, ""));
    }
  }
  ingress.tls_hosts.shrink_to_fit();
  return true;
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

bool read_endpoint_slice(FieldReader& reader, std::string_view section, Value value, Object& object) {
  EndpointSlice& slice = static_cast<EndpointSlice&>(object);
  const auto name = [&reader](Value item, std::string& out) {
    return reader.fields(item, [&reader, &out](std::string_view key, Value field) {
      return key != "name" || reader.text(field, out);
    });
  };
  if (section == "ports") return reader.list(value, slice.ports, name);
  if (section != "endpoints") return true;
  return reader.items(value, [&](Value endpoint) {
    std::string pod;
    bool ready = true;
    const auto condition = [&](std::string_view key, Value field) { return key != "ready" || reader.boolean(field, ready); };
    const bool good = reader.fields(endpoint, [&](std::string_view key, Value field) {
      if (key == "targetRef") return name(field, pod);
      return key != "conditions" || reader.fields(field, condition);
    });
    if (good && ready && !pod.empty()) slice.ready_pods.push_back(std::move(pod));
    return good;
  });
}

void finish_endpoint_slice(const FieldReader&, Object& object) {
  EndpointSlice& slice = static_cast<EndpointSlice&>(object);
  const auto label = [&slice](std::string_view key) {
    const Labels::const_iterator found = slice.meta.labels.find(key);
    return found == slice.meta.labels.end() ? std::string() : found->second;
  };
  slice.service = label("kubernetes.io/service-name");
  slice.managed_by = label("endpointslice.kubernetes.io/managed-by");
}

bool read_service_monitor(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "spec") return true;
  ServiceMonitor& monitor = static_cast<ServiceMonitor&>(object);
  const auto spaces = [&](std::string_view key, Value field) {
    if (key == "any") return reader.boolean(field, monitor.any_namespace);
    return key != "matchNames" || reader.text_list(field, monitor.namespaces);
  };
  const auto port = [&](Value item) {
    return reader.fields(item, [&](std::string_view key, Value field) {
      return key != "port" || reader.text(field, monitor.ports.emplace_back());
    });
  };
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "selector") return read_selector(reader, field, monitor.selector);
    if (key == "namespaceSelector") return reader.fields(field, spaces);
    return key != "endpoints" || reader.items(field, port);
  });
}

void finish_ingress_class(const FieldReader&, Object& object) {
  IngressClass& ingress_class = static_cast<IngressClass&>(object);
  const Labels::const_iterator found =
      ingress_class.meta.annotations.find("ingressclass.kubernetes.io/is-default-class");
  ingress_class.is_default = found != ingress_class.meta.annotations.end() && found->second == "true";
}

}  // namespace meshgraft::decoding
