#include <charconv>

#include "k8sclient/model/decode_kinds.h"

// Deployments, StatefulSets, DaemonSets (as Workload) and Pods.

namespace meshgraft::decoding {
namespace {

bool read_probe(FieldReader& reader, Value value, Probe& probe) {
  return reader.fields(value, [&reader, &probe](std::string_view key, Value field) {
    ProbeType type = ProbeType::none;
    if (key == "httpGet")
      type = ProbeType::http_get;
    else if (key == "tcpSocket")
      type = ProbeType::tcp_socket;
    else if (key == "grpc")
      type = ProbeType::grpc;
    else if (key == "exec")
      type = ProbeType::exec;
    else
      return true;
    bool present = false;
    if (!reader.fields(field, [&reader, &probe, &present](std::string_view name, Value inner) {
          present = true;
          if (name == "scheme") {
            std::string scheme;
            if (!reader.text(inner, scheme)) return false;
            probe.https = scheme == "HTTPS";
            return true;
          }
          return name != "port" || reader.int_or_text(inner, probe.port);
        })) {
      return false;
    }
    if (present) probe.type = type;
    return true;
  });
}

bool read_ports(FieldReader& reader, Value value, std::vector<ContainerPort>& ports) {
  return reader.list(value, ports, [&reader](Value item, ContainerPort& port) {
    return reader.fields(item, [&reader, &port](std::string_view key, Value field) {
      if (key == "name") return reader.text(field, port.name);
      if (key == "protocol") return reader.text(field, port.protocol);
      if (key == "containerPort") return reader.number(field, port.container_port);
      if (key == "hostPort") return reader.number(field, port.host_port);
      return true;
    });
  });
}

bool read_env(FieldReader& reader, Value value, std::vector<EnvVar>& env) {
  return reader.list(value, env, [&reader](Value item, EnvVar& variable) {
    return reader.fields(item, [&reader, &variable](std::string_view key, Value field) {
      if (key == "name") return reader.text(field, variable.name);
      if (key == "value") return reader.text(field, variable.value);
      return true;
    });
  });
}

bool read_run_as_user(FieldReader& reader, Value value, std::optional<std::int64_t>& user) {
  return reader.fields(value, [&reader, &user](std::string_view key, Value field) {
    return key != "runAsUser" || reader.number(field, user);
  });
}

bool read_container(FieldReader& reader, Value value, Container& container) {
  std::vector<std::string> command, args;
  if (!reader.fields(value, [&](std::string_view key, Value field) {
        if (key == "name") return reader.text(field, container.name);
        if (key == "image") return reader.text(field, container.image);
        if (key == "command") return reader.text_list(field, command);
        if (key == "args") return reader.text_list(field, args);
        if (key == "env") return read_env(reader, field, container.env);
        if (key == "ports") return read_ports(reader, field, container.ports);
        if (key == "readinessProbe") return read_probe(reader, field, container.readiness);
        if (key == "livenessProbe") return read_probe(reader, field, container.liveness);
        if (key == "startupProbe") return read_probe(reader, field, container.startup);
        if (key == "securityContext") return read_run_as_user(reader, field, container.run_as_user);
        return true;
      })) {
    return false;
  }
  container.args.reserve(command.size() + args.size());
  for (std::string& word : command) container.args.push_back(std::move(word));
  for (std::string& word : args) container.args.push_back(std::move(word));
  return true;
}

bool read_volumes(FieldReader& reader, Value value, std::vector<std::string>& claims) {
  const bool good = reader.items(value, [&reader, &claims](Value volume) {
    return reader.fields(volume, [&reader, &claims](std::string_view key, Value field) {
      if (key != "persistentVolumeClaim") return true;
      return reader.fields(field, [&reader, &claims](std::string_view name, Value inner) {
        return name != "claimName" || reader.text(inner, claims.emplace_back());
      });
    });
  });
  claims.shrink_to_fit();
  return good;
}

bool read_template(FieldReader& reader, Value value, PodTemplate& pod) {
  const auto container = [&reader](Value item, Container& out) { return read_container(reader, item, out); };
  const auto metadata = [&reader, &pod](std::string_view key, Value field) {
    if (key == "labels") return reader.text_map(field, pod.labels);
    if (key == "annotations") return reader.text_map(field, pod.annotations);
    return true;
  };
  const auto spec = [&reader, &pod, &container](std::string_view key, Value field) {
    if (key == "hostNetwork") return reader.boolean(field, pod.host_network);
    if (key == "dnsPolicy") return reader.text(field, pod.dns_policy);
    if (key == "terminationGracePeriodSeconds") return reader.number(field, pod.termination_grace_seconds);
    if (key == "containers") return reader.list(field, pod.containers, container);
    if (key == "initContainers") return reader.list(field, pod.init_containers, container);
    if (key == "volumes") return read_volumes(reader, field, pod.claims);
    if (key == "securityContext") return read_run_as_user(reader, field, pod.run_as_user);
    return true;
  };
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "metadata") return reader.fields(field, metadata);
    if (key == "spec") return reader.fields(field, spec);
    return true;
  });
}

// strategy of a Deployment, updateStrategy of the other two.
bool read_update_strategy(FieldReader& reader, Value value, Workload& workload) {
  return reader.fields(value, [&reader, &workload](std::string_view key, Value field) {
    if (key == "type") return reader.text(field, workload.strategy);
    if (key != "rollingUpdate") return true;
    return reader.fields(field, [&reader, &workload](std::string_view name, Value inner) {
      if (name == "maxUnavailable") return reader.int_or_text(inner, workload.max_unavailable);
      if (name == "maxSurge") return reader.int_or_text(inner, workload.max_surge);
      if (name == "partition") return reader.number(inner, workload.partition);
      return true;
    });
  });
}

// "2026-11-22T19:50:06Z" as seconds since the epoch; 0 for anything else. Howard Hinnant, days_from_civil.
std::int64_t seconds_of(std::string_view time) {
  if (time.size() < 20 || time[4] != '-' || time[10] != 'T' || time.back() != 'Z') return 0;
  const auto number = [time](std::size_t at, std::size_t length) {
    std::int64_t value = 0;
    std::from_chars(time.data() + at, time.data() + at + length, value);
    return value;
  };
  const std::int64_t month = number(5, 2);
  const std::int64_t year = number(0, 4) - (month <= 2 ? 1 : 0);
  const std::int64_t era = year / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + number(8, 2) - 1;
  const std::int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
  return days * 86400 + number(11, 2) * 3600 + number(14, 2) * 60 + number(17, 2);
}

struct Condition {
  std::string type, status, reason, message, updated;
};

bool read_conditions(FieldReader& reader, Value value, std::vector<Condition>& conditions) {
  return reader.list(value, conditions, [&reader](Value item, Condition& condition) {
    return reader.fields(item, [&reader, &condition](std::string_view key, Value field) {
      if (key == "type") return reader.text(field, condition.type);
      if (key == "status") return reader.text(field, condition.status);
      if (key == "reason") return reader.text(field, condition.reason);
      if (key == "message") return reader.text(field, condition.message);
      if (key == "lastUpdateTime") return reader.text(field, condition.updated);
      return true;
    });
  });
}

bool read_workload_status(FieldReader& reader, Value value, Workload& workload) {
  Workload::Status& status = workload.status;
  std::vector<Condition> conditions;
  bool says_available = false;
  const auto daemon_set = [&](std::string_view key, Value field) {
    if (key == "desiredNumberScheduled") return reader.number32(field, workload.replicas);
    if (key == "currentNumberScheduled") return reader.number(field, status.replicas);
    if (key == "updatedNumberScheduled") return reader.number(field, status.updated);
    if (key == "numberReady") return reader.number(field, status.ready);
    if (key == "numberAvailable") return reader.number(field, status.available);
    if (key == "numberUnavailable") return reader.number(field, status.unavailable);
    return true;
  };
  if (!reader.fields(value, [&](std::string_view key, Value field) {
        status.known = true;
        if (key == "observedGeneration") return reader.number(field, status.observed_generation);
        if (key == "conditions") return read_conditions(reader, field, conditions);
        if (workload.kind == Kind::daemon_set) return daemon_set(key, field);
        if (key == "replicas") return reader.number(field, status.replicas);
        if (key == "updatedReplicas") return reader.number(field, status.updated);
        if (key == "readyReplicas") return reader.number(field, status.ready);
        if (key == "unavailableReplicas") return reader.number(field, status.unavailable);
        if (key != "availableReplicas") return true;
        says_available = true;
        return reader.number(field, status.available);
      })) {
    return false;
  }
  // A StatefulSet says it since Kubernetes 1.22; before, ready was all that there was.
  if (workload.kind == Kind::stateful_set && !says_available) status.available = status.ready;
  for (Condition& condition : conditions) {
    const bool late = condition.type == "Progressing" && condition.status == "False" &&
                      condition.reason == "ProgressDeadlineExceeded";
    const bool refused = condition.type == "ReplicaFailure" && condition.status == "True";
    const bool complete =
        condition.type == "Progressing" && condition.status == "True" && condition.reason == "NewReplicaSetAvailable";
    status.rollout_complete = status.rollout_complete || complete;
    if (complete) status.complete_since = seconds_of(condition.updated);
    status.deadline_exceeded = status.deadline_exceeded || late;
    status.quota_exceeded = status.quota_exceeded || refused;
    if (refused || (late && status.message.empty())) status.message = std::move(condition.message);
  }
  return true;
}

}  // namespace

bool read_workload(FieldReader& reader, std::string_view section, Value value, Object& object) {
  Workload& workload = static_cast<Workload&>(object);
  if (section == "status") return read_workload_status(reader, value, workload);
  if (section != "spec") return true;
  return reader.fields(value, [&reader, &workload](std::string_view key, Value field) {
    if (key == "replicas") return workload.kind == Kind::daemon_set || reader.number32(field, workload.replicas);
    if (key == "selector") return read_selector(reader, field, workload.selector);
    if (key == "template") return read_template(reader, field, workload.pod);
    if (key == "strategy" || key == "updateStrategy") return read_update_strategy(reader, field, workload);
    if (key == "serviceName") return reader.text(field, workload.service_name);
    if (key == "paused") return reader.boolean(field, workload.paused);
    if (key == "progressDeadlineSeconds") return reader.number32(field, workload.progress_deadline_seconds);
    if (key == "minReadySeconds") return reader.number32(field, workload.min_ready_seconds);
    return true;
  });
}

// A live object without status is one that its controller has not seen yet; that much is known.
void finish_workload(const FieldReader&, Object& object) {
  Workload& workload = static_cast<Workload&>(object);
  if (!workload.meta.uid.empty()) workload.status.known = true;
}

bool read_pod(FieldReader& reader, std::string_view section, Value value, Object& object) {
  Pod& pod = static_cast<Pod&>(object);
  const auto name_of = [&reader](Value item, std::string& name) {
    return reader.fields(item, [&reader, &name](std::string_view key, Value field) {
      return key != "name" || reader.text(field, name);
    });
  };
  if (section == "spec") {
    return reader.fields(value, [&](std::string_view key, Value field) {
      if (key == "nodeName") return reader.text(field, pod.node);
      if (key == "hostNetwork") return reader.boolean(field, pod.host_network);
      if (key == "initContainers") return reader.list(field, pod.init_containers, name_of);
      if (key != "containers") return true;
      const bool good = reader.list(field, pod.containers, [&](Value item, std::string& name) {
        std::string& image = pod.images.emplace_back();
        return reader.fields(item, [&](std::string_view inner_key, Value inner) {
          if (inner_key == "name") return reader.text(inner, name);
          return inner_key != "image" || reader.text(inner, image);
        });
      });
      pod.images.shrink_to_fit();
      return good;
    });
  }
  if (section != "status") return true;

  // ContainerCreating and PodInitializing are how every pod starts: any other reason is worth more.
  const auto waits = [&](std::string_view key, Value field) {
    if (key != "reason") return true;
    std::string reason;
    if (!reader.text(field, reason)) return false;
    const bool usual = pod.waiting_reason.empty() || pod.waiting_reason == "ContainerCreating" ||
                       pod.waiting_reason == "PodInitializing";
    if (usual && !reason.empty()) pod.waiting_reason = std::move(reason);
    return true;
  };
  const auto container_state = [&](std::string_view key, Value field) {
    if (key == "restartCount") {
      std::int64_t restarts = 0;
      if (!reader.number(field, restarts)) return false;
      pod.restarts = std::max(pod.restarts, static_cast<int>(restarts));
      return true;
    }
    if (key != "state") return true;
    return reader.fields(
        field, [&](std::string_view name, Value inner) { return name != "waiting" || reader.fields(inner, waits); });
  };
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "phase") return reader.text(field, pod.phase);
    if (key == "containerStatuses" || key == "initContainerStatuses") {
      return reader.items(field, [&](Value item) { return reader.fields(item, container_state); });
    }
    if (key != "conditions") return true;
    std::vector<Condition> conditions;
    if (!read_conditions(reader, field, conditions)) return false;
    for (Condition& condition : conditions) {
      if (condition.type == "Ready") pod.ready = condition.status == "True";
      if (condition.type == "PodScheduled" && condition.status == "False" && condition.reason == "Unschedulable")
        pod.unschedulable = std::move(condition.message);
    }
    return true;
  });
}

}  // namespace meshgraft::decoding
