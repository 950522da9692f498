#include "controller/outcome_log.h"

#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>
#include <utility>

#include "controller/events.h"
#include "k8sclient/base/json.h"
#include "k8sclient/model/api_error.h"
#include "reconcilers/findings.h"

namespace meshgraft {
namespace {

std::string_view level_name(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return "debug";
    case spdlog::level::warn:
      return "warn";
    case spdlog::level::err:
      return "error";
    case spdlog::level::critical:
      return "critical";
    default:
      return "info";
  }
}

// {"time":…,"level":…,"message":…}; a message that is an object already gives its own members.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    Json head{{"time", rfc3339_utc(message.time)}, {"level", level_name(message.level)}};
    const bool whole = text.size() > 2 && text.front() == '{' && text.back() == '}';
    if (!whole) head["message"] = text;
    std::string out = to_text(head);
    if (whole) out.replace(out.size() - 1, 1, ",").append(text.substr(1));
    out += '\n';
    line.append(out.data(), out.data() + out.size());
  }
  [[nodiscard]] std::unique_ptr<formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

}  // namespace

void init_logging(bool json, bool verbose) {
  auto logger = std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(verbose ? spdlog::level::debug : spdlog::level::info);
  logger->flush_on(spdlog::level::info);
  if (json) {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-5l %v", spdlog::pattern_time_type::utc);
  }
  spdlog::set_default_logger(std::move(logger));
}

// The fields of one line, in their order.
struct OutcomeLog::Line {
  bool json;
  OrderedJson fields;
  void add(std::string_view name, std::string_view value) {
    if (!value.empty()) fields[std::string(name)] = value;
  }
  void add(const ObjectKey& key) {
    if (key.kind != Kind::other) add("kind", info(key.kind).name);
    add("name", key.name);
  }
  [[nodiscard]] std::string text() const {
    if (json) return fields.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    std::string line;
    for (const auto& [name, value] : fields.items()) {
      const std::string& field = value.get_ref<const std::string&>();
      const bool plain = name == "message" || field.find_first_of(" \"=") == std::string::npos;
      if (!line.empty()) line += ' ';
      line += name == "message"
                  ? field
                  : name + "=" + (plain ? field : value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
    }
    return line;
  }
};

void OutcomeLog::wrote(const std::string& ns, const Change& change) const {
  Line line{json_, {}};
  line.add("message", "wrote");
  line.add("ns", ns);
  line.add(change.target);
  line.add("rule", change.rule);
  line.add("code", "ok");
  line.add("verb", to_string(change.verb));
  line.add("stage", to_string(change.stage));
  line.add("why", change.why);
  // The report on a namespace follows every step: it is no step of its own.
  if (change.stage == Stage::namespace_status) return spdlog::debug(line.text());
  spdlog::info(line.text());
  std::string step = fmt::format("{} {} {}", to_string(change.verb), to_string(change.target), to_string(change.stage));
  if (change.restarts > 0)
    step += fmt::format(" restarts {} {}", change.restarts, change.restarts == 1 ? "pod" : "pods");
  print(step);
}

void OutcomeLog::failed(const std::string& ns, const Change& change, std::string_view code,
                        std::string_view why) const {
  Line line{json_, {}};
  line.add("message", "not written");
  line.add("ns", ns);
  line.add(change.target);
  line.add("rule", change.rule);
  line.add("code", code);
  line.add("verb", to_string(change.verb));
  line.add("stage", to_string(change.stage));
  line.add("why", why);
  // A conflict means that the object has moved on: it is looked at again, and a user has nothing to do.
  spdlog::log(code == to_string(ErrorClass::conflict) ? spdlog::level::info : spdlog::level::warn, line.text());
}

void OutcomeLog::found(const std::string& ns, const Finding& finding) const {
  Line line{json_, {}};
  line.add("message", "found");
  line.add("ns", ns);
  line.add(finding.about);
  line.add("code", finding.code);
  line.add("why", finding.text);
  spdlog::log(finding.severity == Severity::info ? spdlog::level::info : spdlog::level::warn, line.text());
}

void OutcomeLog::told(const std::string& ns, std::string_view what, const ObjectKey& about,
                      std::string_view more) const {
  Line line{json_, {}};
  line.add("message", what);
  line.add("ns", ns);
  line.add(about);
  line.add("why", more);
  spdlog::info(line.text());
  print(fmt::format("{} {}{}{}", what, to_string(about), more.empty() ? "" : ": ", more));
}

void OutcomeLog::print(const std::string& text) const {
  if (!people_) return;
  // One write a line, so that lines of several threads do not mix.
  const std::string line = text + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

}  // namespace meshgraft
