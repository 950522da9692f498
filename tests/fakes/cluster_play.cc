#include "tests/fakes/cluster_play.h"

#include <algorithm>

namespace meshgraft::fakes {
namespace {

constexpr int kRounds = 200;  // a rollout of a hundred pods settles well within
constexpr std::string_view kManager = "kube-controller-manager";

}  // namespace

bool ClusterPlay::step(std::int64_t now_millis) {
  bool wrote = false;
  for (int i = 0; i < kRounds && round(now_millis); ++i) wrote = true;
  return wrote;
}

bool ClusterPlay::round(std::int64_t now_millis) {
  now_ = std::max(now_, now_millis);
  engine_.set_time(now_ / 1000);
  const std::uint64_t before = engine_.version();
  if (before == last_version_ && (!due_ || *due_ > now_)) return false;
  due_.reset();
  collect_orphans();
  deployments();
  pods_ = owned("v1", "Pod");
  stateful_sets();
  daemon_sets();
  replica_sets();
  pods();
  endpoint_slices();
  const std::uint64_t after = engine_.version();
  last_version_ = after == before ? after : 0;  // look once more after a change
  return after != before;
}

std::optional<std::int64_t> ClusterPlay::next_due() const { return due_; }

void ClusterPlay::remember_due(std::int64_t millis) {
  if (!due_ || millis < *due_) due_ = millis;
}

ClusterPlay::Owned ClusterPlay::owned(std::string_view api_version, std::string_view kind) const {
  Owned result;
  for (const Object& object : engine_.objects(api_version, kind)) {
    const std::string owner = controller_of(*object);
    auto& names = owner.empty() ? result.of_nobody[text_at(*object, {"metadata", "namespace"})] : result.by_owner[owner];
    names.insert(text_at(*object, {"metadata", "name"}));
  }
  return result;
}

Target ClusterPlay::target_of(const Json& object, std::string_view subresource) const {
  return {engine_.by_kind(text_at(object, {"apiVersion"}), text_at(object, {"kind"})), "",
          text_at(object, {"metadata", "namespace"}), text_at(object, {"metadata", "name"}), std::string(subresource)};
}

Answer ClusterPlay::write(const Json& object, std::string_view subresource) {
  WriteOptions options;
  options.manager = kManager;
  return engine_.update(target_of(object, subresource), object, options);
}

Answer ClusterPlay::create(Json object) {
  WriteOptions options;
  options.manager = kManager;
  const Target target = target_of(object);
  return engine_.create(target, std::move(object), options);
}

void ClusterPlay::remove(const Json& object) {
  DeleteOptions options;
  options.uid = text_at(object, {"metadata", "uid"});
  engine_.remove(target_of(object), options);
}

void ClusterPlay::set_status(const Json& owner, Json status) {
  if (at(owner, {"status"}) == status) return;
  Json next = owner;
  next["status"] = std::move(status);
  next["metadata"].erase("resourceVersion");
  write(next, "status");
}

std::string template_hash(const Json& pod_template) {
  // FNV-1a over the canonical text, spelt without vowels as Kubernetes spells its hashes.
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::uint64_t hash = 1469598103934665603ULL;
  for (unsigned char c : to_text(pod_template)) hash = (hash ^ c) * 1099511628211ULL;
  std::string out;
  for (int i = 0; i < 10; ++i, hash /= kAlphabet.size()) out += kAlphabet[hash % kAlphabet.size()];
  return out;
}

std::string controller_of(const Json& object) {
  for (const Json& owner : at(object, {"metadata", "ownerReferences"})) {
    if (at(owner, {"controller"}) == true) return text_at(owner, {"uid"});
  }
  return "";
}

Json owner_reference(const Json& owner) {
  return {{"apiVersion", owner["apiVersion"]},     {"kind", owner["kind"]}, {"name", at(owner, {"metadata", "name"})},
          {"uid", at(owner, {"metadata", "uid"})}, {"controller", true},    {"blockOwnerDeletion", true}};
}

bool is_ready(const Json& pod) {
  for (const Json& condition : at(pod, {"status", "conditions"})) {
    if (text_at(condition, {"type"}) == "Ready") return text_at(condition, {"status"}) == "True";
  }
  return false;
}

std::int64_t resolved(const Json& value, std::int64_t total, bool up) {
  if (value.is_number_integer()) return value.get<std::int64_t>();
  const std::string text = value.is_string() ? value.get<std::string>() : "25%";
  const std::int64_t percent = std::strtoll(text.c_str(), nullptr, 10);
  return up ? (percent * total + 99) / 100 : percent * total / 100;
}

}  // namespace meshgraft::fakes
