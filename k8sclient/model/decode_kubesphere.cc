#include <algorithm>

#include "k8sclient/model/decode_kinds.h"

// KubeSphere's kinds, and the Application that it composes apps with.

namespace meshgraft::decoding {
namespace {

bool read_match_labels(FieldReader& reader, Value value, Labels& labels) {
  return reader.fields(
      value, [&](std::string_view key, Value field) { return key != "matchLabels" || reader.text_map(field, labels); });
}

}  // namespace

bool read_application(FieldReader& reader, std::string_view section, Value value, Object& object) {
  Application& application = static_cast<Application&>(object);
  if (section == "spec") {
    return reader.fields(value, [&](std::string_view key, Value field) {
      if (key == "selector") return read_match_labels(reader, field, application.match_labels);
      return key != "addOwnerRef" || reader.boolean(field, application.add_owner_ref);
    });
  }
  if (section != "status") return true;
  const auto component = [&reader](Value item, std::string& out) {
    std::string kind, name;
    if (!reader.fields(item, [&](std::string_view key, Value field) {
          if (key == "kind") return reader.text(field, kind);
          return key != "name" || reader.text(field, name);
        })) {
      return false;
    }
    out = std::move(kind) + "/" + name;
    return true;
  };
  return reader.fields(value, [&](std::string_view key, Value field) {
    return key != "components" || reader.list(field, application.components, component);
  });
}

bool read_strategy(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "spec") return true;
  Strategy& strategy = static_cast<Strategy&>(object);
  int route = 0;
  const auto found = [&strategy](RouteDestination one) {
    const bool known = std::find(strategy.subsets.begin(), strategy.subsets.end(), one.subset) != strategy.subsets.end();
    if (!one.subset.empty() && !known) strategy.subsets.push_back(one.subset);
    strategy.destinations.push_back(std::move(one));
  };
  const auto routes = [&](std::string_view key, Value field) {
    if (key == "hosts") return reader.text_list(field, strategy.hosts);
    return read_routes(reader, key, field, route, found);
  };
  const bool good = reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "type") return reader.text(field, strategy.type);
    if (key == "principal") return reader.text(field, strategy.principal);
    if (key == "governor") return reader.text(field, strategy.governor);
    if (key == "strategyPolicy") return reader.text(field, strategy.policy);
    if (key == "selector") return read_match_labels(reader, field, strategy.match_labels);
    if (key != "template") return true;
    return reader.fields(
        field, [&](std::string_view name, Value inner) { return name != "spec" || reader.fields(inner, routes); });
  });
  strategy.subsets.shrink_to_fit();
  strategy.destinations.shrink_to_fit();
  return good;
}

bool read_gateway(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "spec") return true;
  Gateway& gateway = static_cast<Gateway&>(object);
  const auto deployment = [&](std::string_view key, Value field) {
    return key != "annotations" || reader.text_map(field, gateway.deployment_annotations);
  };
  const auto controller = [&](std::string_view key, Value field) {
    if (key == "config") return reader.text_map(field, gateway.controller_config);
    if (key != "scope") return true;
    bool enabled = true;
    if (!reader.fields(field, [&](std::string_view name, Value inner) {
          if (name == "enabled") return reader.boolean(inner, enabled);
          return name != "namespace" || reader.text(inner, gateway.watched_namespace);
        })) {
      return false;
    }
    if (!enabled) gateway.watched_namespace.clear();
    return true;
  };
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "deployment") return reader.fields(field, deployment);
    return key != "controller" || reader.fields(field, controller);
  });
}

void finish_gateway(const FieldReader& reader, Object& object) {
  const std::size_t slash = reader.api_version.find('/');
  static_cast<Gateway&>(object).version =
      slash == std::string::npos ? std::string(info(Kind::gateway).version) : reader.api_version.substr(slash + 1);
}

// status.core.version is what ks-installer reports; the object's label of that name is what it was installed with.
bool read_cluster_configuration(FieldReader& reader, std::string_view section, Value value, Object& object) {
  ClusterConfiguration& configuration = static_cast<ClusterConfiguration&>(object);
  if (section == "spec") {
    return reader.fields(value, [&](std::string_view key, Value field) {
      if (key != "servicemesh") return true;
      return reader.fields(field, [&](std::string_view name, Value inner) {
        return name != "enabled" || reader.boolean(inner, configuration.mesh_enabled);
      });
    });
  }
  if (section != "status") return true;
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "servicemesh") {
      return reader.fields(field, [&](std::string_view name, Value inner) {
        return name != "status" || reader.text(inner, configuration.mesh_status);
      });
    }
    if (key != "core") return true;
    return reader.fields(field, [&](std::string_view name, Value inner) {
      return name != "version" || reader.text(inner, configuration.version);
    });
  });
}

void finish_cluster_configuration(const FieldReader&, Object& object) {
  ClusterConfiguration& configuration = static_cast<ClusterConfiguration&>(object);
  const Labels::const_iterator label = configuration.meta.labels.find("version");
  if (configuration.version.empty() && label != configuration.meta.labels.end()) configuration.version = label->second;
}

bool read_install_plan(FieldReader& reader, std::string_view section, Value value, Object& object) {
  InstallPlan& plan = static_cast<InstallPlan&>(object);
  if (section == "status") {
    return reader.fields(
        value, [&](std::string_view key, Value field) { return key != "state" || reader.text(field, plan.state); });
  }
  if (section != "spec") return true;
  const auto extension = [&](std::string_view key, Value field) {
    if (key == "name") return reader.text(field, plan.extension);
    return key != "version" || reader.text(field, plan.extension_version);
  };
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "enabled") return reader.boolean(field, plan.enabled);
    return key != "extension" || reader.fields(field, extension);
  });
}

}  // namespace meshgraft::decoding
