#pragma once
// Membership: who belongs to whom in a namespace (rules 1). Worked out once per plan from the view; the rules for
// Deployments, Services, Ingresses and the Application read it. Pure.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reconcilers/middleware.h"
#include "reconcilers/options.h"
#include "reconcilers/selection.h"
#include "reconcilers/types.h"

namespace meshgraft {

struct Member {
  std::shared_ptr<const Workload> workload;
  std::shared_ptr<const Service> service;  // null when blocked for want of one
  std::string version;
  std::string app_name;     // value of app.kubernetes.io/name on workload and Service (rules 1.5)
  std::string app_label;    // value of app on the workload (rules 1.4)
  std::string app_version;  // value of app.kubernetes.io/version on the workload: the app's, or what a selector keeps
  bool sidecar = false;     // wanted
  bool excluded = false;    // meshgraft.io/exclude
  std::string blocked;      // the code that blocks it ("MG201"), "" when nothing does
  std::string why;          // for people, when blocked
  bool labelled = false;    // its metadata carries member_labels() already
  std::string gap;          // governance_gap() of a Deployment with a Service, by the labels that it carries
};

// Moved, never copied: it points into itself.
struct Membership {
  Membership() = default;
  Membership(Membership&&) = default;
  Membership& operator=(Membership&&) = default;

  std::shared_ptr<const Selection> selection;  // of the view: what its Services select; never null
  std::vector<Member> members;  // sorted by kind and name; blocked and excluded ones too
  Middleware middleware;
  std::string app_version;  // value of app.kubernetes.io/version on every object of the app
  std::vector<Finding> findings;
  // The candidate Services with at least one member that is not blocked, sorted by name.
  std::vector<std::shared_ptr<const Service>> services;

  [[nodiscard]] const Member* member_of(const Workload& workload) const;  // null: not a member at all
  // All members of services[service], blocked and excluded ones too, in the order of `members`.
  [[nodiscard]] std::span<const Member* const> members_of(std::size_t service) const;
  // Where in `services` the one of this name is.
  [[nodiscard]] std::optional<std::size_t> index_of(std::string_view service_name) const;
  [[nodiscard]] bool is_member(std::string_view service_name) const { return index_of(service_name).has_value(); }

  // Members with a Service, one Service's after the other's; where those of services[i] begin, and one more for the end.
  std::vector<const Member*> behind;
  std::vector<std::uint32_t> first_behind;
};

// The labels that a member's pods carry in the end: app, version, app.kubernetes.io/name, app.kubernetes.io/version.
Labels member_labels(const Member& member);

// Whether `labels` hold all of member_labels(member), without building them: nearly all members of a joined namespace.
bool carries_labels(const Labels& labels, const Member& member);

// Whether this object carries meshgraft.io/exclude: "true".
bool is_excluded(const Meta& meta);

Membership find_members(const NamespaceView& view, const NamespaceOptions& options, const Facts& facts);

}  // namespace meshgraft
