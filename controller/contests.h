#pragma once
// Contests: which fields of a namespace's objects somebody keeps changing back, and which of them are given up for now
// (docs/design/contract.md, section 3, line 7). A worker asks it before it sends a plan and tells it of every write.
// It knows no API: who the other one is, the worker reads when a field is given up. What it remembers is gone with the
// process; then the rounds are counted anew.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "k8sclient/base/clock.h"
#include "reconcilers/types.h"

namespace meshgraft {

class Contests {
 public:
  static constexpr Duration kWindow = std::chrono::minutes(10);
  static constexpr std::size_t kRounds = 3;          // in kWindow; a round is: changed back, and set again
  static constexpr std::size_t kRoundsOfRestarts = 1;  // of a field whose change restarts pods
  static constexpr Duration kRetry = std::chrono::hours(1);

  // `change` was carried out. Only its retakes matter. A restoring write, or a removal, ends every contest on its
  // object: the field is not wanted any more.
  void wrote(const Change& change, Time now);

  // The fields of `change` that have had all their rounds: it must not be sent with them. They count as given up from
  // here on. Empty for most changes.
  std::vector<std::string> give_up(const Change& change, Time now);

  // Nobody wants these fields of `target` any more: a path that begins with `prefix`.
  void forget(const ObjectKey& target, std::string_view prefix);

  // Who changes the field back, for people.
  void name(const ObjectKey& target, const std::string& path, std::string manager);

  // Fields that are given up now. One that restarts no pods is tried again kRetry after it was given up: once, then
  // the next change of it gives it up at once.
  [[nodiscard]] std::map<ObjectKey, std::map<std::string, std::string>> given_up(Time now);
  // When the next of them is tried again.
  [[nodiscard]] std::optional<Time> next_retry() const;
  [[nodiscard]] bool empty() const { return fields_.empty(); }

 private:
  struct Field {
    std::vector<Time> rounds;  // when it was set again, within kWindow
    std::uint64_t value = 0;   // fingerprint of what was set
    std::optional<Time> given_up;
    bool restarts = false;
    std::string manager;
  };
  struct Key {
    ObjectKey target;
    std::string path;
    auto operator<=>(const Key&) const = default;
  };
  static std::size_t most_of(const Field& field) { return field.restarts ? kRoundsOfRestarts : kRounds; }

  std::map<Key, Field> fields_;  // that were changed back at least once
};

}  // namespace meshgraft
