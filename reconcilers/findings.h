#pragma once
// The table of findings: every code with its severity, cause, remedy and source. Rules make findings through
// finding(); `meshgraft reference findings` prints the table as docs/findings.md and docs/findings.zh-CN.md.

#include <span>
#include <string>
#include <string_view>

#include "reconcilers/types.h"

namespace meshgraft {

struct FindingInfo {
  std::string_view code;
  Severity severity;
  std::string_view title;      // "the selector keeps KubeSphere from governing this Deployment"
  std::string_view cause, remedy;
  std::string_view title_zh, cause_zh, remedy_zh;
  std::string_view source;     // where the fact is from
  std::string_view istioctl;   // IST0xxx where one matches, else ""
};

std::span<const FindingInfo> finding_table();   // sorted by code
const FindingInfo* finding_info(std::string_view code);

// A finding of a code of the table. `remedy` "" takes the table's.
Finding finding(std::string_view code, ObjectKey about, std::string text, std::string remedy = "");

std::string_view to_string(Severity severity);  // "error", "warning", "info"

}  // namespace meshgraft
