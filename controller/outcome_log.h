#pragma once
// OutcomeLog: one line for every outcome, with ns, kind, name, rule and code, for machines (the log) and, when
// asked for, one short line for people on standard output. Workers write to it from any thread. init_logging() is called
// by run once.

#include <string>
#include <string_view>

#include "reconcilers/types.h"

namespace meshgraft {

// Sends the log to standard error, one line a message. `json`: one JSON object a line instead of text.
void init_logging(bool json, bool verbose);

class OutcomeLog {
 public:
  // `people`: whether steps are printed on standard output too.
  OutcomeLog(bool json, bool people) : json_(json), people_(people) {}

  // "apply Deployment shop/catalog member-template restarts 2 pods"
  void wrote(const std::string& ns, const Change& change) const;
  // `code`: of the finding that says so, or the class of the error.
  void failed(const std::string& ns, const Change& change, std::string_view code, std::string_view why) const;
  void found(const std::string& ns, const Finding& finding) const;
  // News of a workload or a namespace: "rolled Deployment shop/catalog".
  void told(const std::string& ns, std::string_view what, const ObjectKey& about, std::string_view more = "") const;

 private:
  struct Line;
  void print(const std::string& text) const;

  const bool json_, people_;
};

}  // namespace meshgraft
