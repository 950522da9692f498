#pragma once
// Membership: who belongs to whom in a namespace (rules 1). Worked out once per plan from the view; the rules for
// Deployments, Services, Ingresses and the Application read it. Pure.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
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
};

struct Membership {
  std::shared_ptr<const Selection> selection;  // of the view: what its Services select; never null
  std::vector<Member> members;  // sorted by kind and name; blocked and excluded ones too
  Middleware middleware;
  std::string app_version;  // value of app.kubernetes.io/version on every object of the app
  std::vector<Finding> findings;
  // The candidate Services with at least one member that is not blocked, sorted by name.
  std::vector<std::shared_ptr<const Service>> services;

  [[nodiscard]] const Member* member_of(const Workload& workload) const;  // null: not a member at all
  [[nodiscard]] std::vector<const Member*> members_of(const Service& service) const;
  [[nodiscard]] bool is_member(std::string_view service_name) const;

  std::vector<std::pair<std::string_view, std::uint32_t>> by_service;  // Service name -> index of a member, sorted
};

// The labels that a member's pods carry in the end: app, version, app.kubernetes.io/name, app.kubernetes.io/version.
Labels member_labels(const Member& member);

// Whether `labels` hold all of member_labels(member), without building them: nearly all members of a joined namespace.
bool carries_labels(const Labels& labels, const Member& member);

// Whether this object carries meshgraft.io/exclude: "true".
bool is_excluded(const Meta& meta);

Membership find_members(const NamespaceView& view, const NamespaceOptions& options, const Facts& facts);

}  // namespace meshgraft
