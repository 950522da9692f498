#pragma once
// ReleaseRecord: what a release keeps while it is under way, in the annotation meshgraft.io/undo of its Strategy: what
// the principal was like before, what it is to be like, and whether that failed. Bound to the Strategy's uid, so that a
// copy says nothing. Written before anything else is. The rule for releases reads and writes it. Pure.
//
//   {"uid":"…","release":{"principal":"<uid>","gray":"<uid>","was":{…},"want":{…},"wrote":{…},"retry":"","held":true,
//    "since":1700000000000}}

#include <cstdint>
#include <string>

#include "k8sclient/base/json.h"
#include "k8sclient/model/objects.h"

namespace meshgraft {

struct ReleaseRecord {
  bool present = false;        // a record of this very Strategy was read
  std::string broken;          // why the annotation cannot be read, "" when it can
  std::string principal, gray;  // uids; another principal makes the record anew, gray's is there for people to read
  Json was, want;              // release_parts: of the principal before, and what a promotion gives it
  Json wrote;                  // what a promotion gave it before gray changed; null for nothing
  std::string retry;           // the value of meshgraft.io/retry when it was made
  bool held = false;           // it failed with `want`
  std::int64_t since = 0;      // milliseconds since the epoch: when the release was asked for
  bool operator==(const ReleaseRecord&) const = default;
};

ReleaseRecord read_release_record(const Strategy& strategy);

// The annotation's value.
std::string release_record_text(const ReleaseRecord& record, const std::string& uid);

}  // namespace meshgraft
