#pragma once
// Typed objects for the controller's unit tests, made by hand: only the fields that a test names.

#include <memory>
#include <string>

#include "k8sclient/model/objects.h"

namespace meshgraft {

template <typename T>
std::shared_ptr<T> made(const std::string& ns, const std::string& name, const std::string& version = "1") {
  auto object = std::make_shared<T>();
  object->meta.ns = ns;
  object->meta.name = name;
  object->meta.uid = "uid-" + name;
  object->meta.resource_version = version;
  return object;
}

inline std::shared_ptr<Namespace> made_namespace(const std::string& name, const Labels& labels = {},
                                                 const std::string& version = "1") {
  auto object = made<Namespace>("", name, version);
  object->meta.labels = labels;
  return object;
}

// A Deployment of two pods, complete.
inline std::shared_ptr<Workload> made_deployment(const std::string& ns, const std::string& name,
                                                 const std::string& version = "1") {
  auto object = made<Workload>(ns, name, version);
  object->replicas = 2;
  object->meta.generation = 1;
  object->pod.containers.push_back({"app", "shop/app:1.0", {}, {}, {}, {}, {}, {}, {}});
  Workload::Status& status = object->status;
  status.known = true;
  status.observed_generation = 1;
  status.replicas = status.updated = status.ready = status.available = 2;
  return object;
}

}  // namespace meshgraft
