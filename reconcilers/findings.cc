#include "reconcilers/findings.h"

#include <algorithm>
#include <utility>

#include "reconcilers/findings_rows.h"

namespace meshgraft {
namespace {

std::vector<FindingInfo> all_rows() {
  std::vector<FindingInfo> rows;
  for (const std::span<const FindingInfo> part : {findings_1xx(), findings_2xx(), findings_3xx(), findings_4xx(),
                                                  findings_5xx(), findings_6xx(), findings_7xx(), findings_8xx(), findings_9xx()}) {
    rows.insert(rows.end(), part.begin(), part.end());
  }
  std::sort(rows.begin(), rows.end(), [](const FindingInfo& a, const FindingInfo& b) { return a.code < b.code; });
  return rows;
}

}  // namespace

std::span<const FindingInfo> finding_table() {
  static const std::vector<FindingInfo> rows = all_rows();
  return rows;
}

const FindingInfo* finding_info(std::string_view code) {
  const std::span<const FindingInfo> rows = finding_table();
  const auto found =
      std::lower_bound(rows.begin(), rows.end(), code,
                       [](const FindingInfo& row, std::string_view wanted) { return row.code < wanted; });
  return found != rows.end() && found->code == code ? &*found : nullptr;
}

Finding finding(std::string_view code, ObjectKey about, std::string text, std::string remedy) {
  const FindingInfo* row = finding_info(code);
  Finding made;
  made.code = std::string(code);
  made.severity = row == nullptr ? Severity::error : row->severity;
  made.about = std::move(about);
  made.text = std::move(text);
  made.remedy = remedy.empty() && row != nullptr ? std::string(row->remedy) : std::move(remedy);
  return made;
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::warning:
      return "warning";
    case Severity::info:
      return "info";
  }
  return "unknown";
}

}  // namespace meshgraft
