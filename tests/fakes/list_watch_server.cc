#include "tests/fakes/list_watch_server.h"

#include <algorithm>

namespace meshgraft::test {
namespace {

using On = ListWatchServer::On;

constexpr std::size_t kPage = 2;  // objects; the client's limit is larger, so that it pages over a handful

std::string object_of(const std::string& name, const std::string& version, bool uid = true) {
  return R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"namespace":"shop","name":")" + name +
         (uid ? R"(","uid":"uid-)" + name : "") + (version.empty() ? "" : R"(","resourceVersion":")" + version) +
         R"("},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})";
}

std::string line_of(std::string_view type, const std::string& object) {
  return R"({"type":")" + std::string(type) + R"(","object":)" + object + "}\n";
}

std::string list_of(const std::string& items, const std::string& version, const std::string& token = "") {
  return R"({"kind":"DeploymentList","apiVersion":"apps/v1","metadata":{"resourceVersion":")" + version + "\"" +
         (token.empty() ? "" : R"(,"continue":")" + token + "\"") + R"(},"items":[)" + items + "]}";
}

std::string status_of(int code, std::string_view reason, std::string_view details = "") {
  return R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"it is so","reason":")" +
         std::string(reason) + "\"" + std::string(details) + R"(,"code":)" + std::to_string(code) + "}";
}

bool refuse(Conversation& to, int code, std::string_view reason, std::string_view headers = "") {
  return to.answer(code, "application/json", status_of(code, reason), headers);
}

// One line of a watch, and its end.
bool say(Conversation& to, std::string_view bytes) {
  return to.begin(200, "application/json") && to.chunk(bytes) && to.finish();
}

// `next`: the version after the newest one, for lines that nobody else sends.
struct Recipe {
  ListWatchServer::Fault fault;
  void (*act)(Conversation& to, const std::string& next);
};

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> kRecipes{
      // What may be answered in place of anything.
      {{"http-401", On::any}, [](Conversation& to, const std::string&) { refuse(to, 401, "Unauthorized"); }},
      {{"http-403", On::any}, [](Conversation& to, const std::string&) { refuse(to, 403, "Forbidden"); }},
      {{"http-404", On::any}, [](Conversation& to, const std::string&) { refuse(to, 404, "NotFound"); }},
      {{"http-410", On::any}, [](Conversation& to, const std::string&) { refuse(to, 410, "Expired"); }},
      {{"http-429", On::any},
       [](Conversation& to, const std::string&) { refuse(to, 429, "TooManyRequests", "Retry-After: 1\r\n"); }},
      {{"http-500", On::any}, [](Conversation& to, const std::string&) { refuse(to, 500, "InternalError"); }},
      {{"http-503-html", On::any},
       [](Conversation& to, const std::string&) { to.answer(503, "text/html", "<html>busy</html>"); }},
      {{"http-504-too-large-version", On::any},
       [](Conversation& to, const std::string&) {
         to.answer(504, "application/json",
                   status_of(504, "Timeout", R"(,"details":{"causes":[{"reason":"ResourceVersionTooLarge"}]})"));
       }},
      {{"redirect", On::any},
       [](Conversation& to, const std::string&) {
         to.answer(302, "text/plain", "", "Location: https://127.0.0.1:1/\r\n");
       }},
      {{"wrong-content-type", On::any},
       [](Conversation& to, const std::string&) { to.answer(200, "text/plain", "welcome\n"); }},
      {{"html", On::any},
       [](Conversation& to, const std::string&) { to.answer(200, "text/html", "<html>log in</html>\n"); }},
      {{"gzip-that-nobody-asked-for", On::any},
       [](Conversation& to, const std::string&) {
         to.answer(200, "application/json", "\x1f\x8b\x08 and so on\n", "Content-Encoding: gzip\r\n");
       }},
      {{"nul-bytes", On::any},
       [](Conversation& to, const std::string&) { say(to, {"{\"type\":\"AD\0DED\",\"kind\":\"\0\"}\n", 29}); }},
      {{"reset", On::any, false, true, true}, [](Conversation& to, const std::string&) { to.reset(); }},
      {{"closed-without-answer", On::any, false, true, true}, [](Conversation& to, const std::string&) { to.close(); }},
      {{"silent", On::any}, [](Conversation& to, const std::string&) { to.hang(); }},
      {{"no-http", On::any, false, true, true},
       [](Conversation& to, const std::string&) {
         to.raw("SSH-2.0-OpenSSH_9.2\r\n");
         to.close();
       }},
      // Lists.
      {{"list-truncated", On::list},
       [](Conversation& to, const std::string&) { to.answer_json(list_of(object_of("x", "7"), "50").substr(0, 90)); }},
      {{"list-closed-midway", On::list},
       [](Conversation& to, const std::string&) {
         to.raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{\"kind\":\"Dep");
         to.close();
       }},
      {{"list-empty-body", On::list}, [](Conversation& to, const std::string&) { to.answer_json(""); }},
      {{"list-without-version", On::list},
       [](Conversation& to, const std::string&) { to.answer_json(list_of(object_of("x", "7"), "")); }},
      {{"list-object-without-uid", On::list},
       [](Conversation& to, const std::string&) { to.answer_json(list_of(object_of("x", "7", false), "50")); }},
      {{"list-object-without-version", On::list},
       [](Conversation& to, const std::string&) { to.answer_json(list_of(object_of("x", ""), "50")); }},
      {{"list-without-end", On::list},
       [](Conversation& to, const std::string&) {
         bool more = to.begin(200, "application/json") && to.chunk(R"({"kind":"DeploymentList","items":[)");
         const std::string piece(std::size_t{64} * 1024, ' ');
         while (more) more = to.chunk(piece);
       }},
      {{"list-of-something-else", On::list},
       [](Conversation& to, const std::string&) { to.answer_json(R"({"kind":"Deployment","metadata":{"name":"x"}})"); }},
      // Watches.
      {{"watch-410-in-stream", On::watch, true},
       [](Conversation& to, const std::string&) { say(to, line_of("ERROR", status_of(410, "Expired"))); }},
      {{"watch-429-in-stream", On::watch},
       [](Conversation& to, const std::string&) {
         say(to, line_of("ERROR", status_of(429, "TooManyRequests", R"(,"details":{"retryAfterSeconds":1})")));
       }},
      {{"watch-500-in-stream", On::watch},
       [](Conversation& to, const std::string&) { say(to, line_of("ERROR", status_of(500, "InternalError"))); }},
      {{"watch-error-without-status", On::watch, true},
       [](Conversation& to, const std::string&) { say(to, line_of("ERROR", "{}")); }},
      {{"watch-truncated-line", On::watch, true},
       [](Conversation& to, const std::string& next) {
         say(to, line_of("ADDED", object_of("x", next)).substr(0, 60) + "\n");
       }},
      {{"watch-cut-inside-a-line", On::watch},
       [](Conversation& to, const std::string& next) {
         if (to.begin(200, "application/json")) to.chunk(line_of("ADDED", object_of("x", next)).substr(0, 60));
         to.reset();
       }},
      {{"watch-ended-inside-a-line", On::watch},
       [](Conversation& to, const std::string& next) {
         say(to, line_of("ADDED", object_of("x", next)).substr(0, 60));
       }},
      {{"watch-endless-line", On::watch, true},
       [](Conversation& to, const std::string&) {
         bool more = to.begin(200, "application/json") && to.chunk(R"({"type":"ADDED","object":{"metadata":{"name":")");
         const std::string piece(std::size_t{256} * 1024, 'x');
         while (more) more = to.chunk(piece);
       }},
      {{"watch-object-without-uid", On::watch, true},
       [](Conversation& to, const std::string& next) { say(to, line_of("ADDED", object_of("x", next, false))); }},
      {{"watch-object-without-version", On::watch, true},
       [](Conversation& to, const std::string&) { say(to, line_of("ADDED", object_of("x", ""))); }},
      {{"watch-version-goes-back", On::watch, true},
       [](Conversation& to, const std::string&) { say(to, line_of("BOOKMARK", object_of("x", "5"))); }},
      {{"watch-unknown-event", On::watch, false, false},
       [](Conversation& to, const std::string& next) { say(to, line_of("MERGED", object_of("x", next))); }},
      {{"watch-silent-after-headers", On::watch},
       [](Conversation& to, const std::string&) {
         to.begin(200, "application/json");
         to.hang();
       }},
      {{"watch-ends-at-once", On::watch, false, false},
       [](Conversation& to, const std::string&) { say(to, "\n"); }},
      {{"watch-bad-chunk", On::watch},
       [](Conversation& to, const std::string&) {
         if (to.begin(200, "application/json")) to.raw("zz\r\n{}\r\n");
         to.close();
       }},
  };
  return kRecipes;
}

std::string parameter(const std::string& target, const std::string& name) {
  for (const char before : {'?', '&'}) {
    const std::size_t at = target.find(before + name + "=");
    if (at == std::string::npos) continue;
    const std::size_t begin = at + name.size() + 2;
    return target.substr(begin, target.find('&', begin) - begin);
  }
  return "";
}

}  // namespace

const std::vector<ListWatchServer::Fault>& ListWatchServer::faults() {
  static const std::vector<Fault> kFaults = [] {
    std::vector<Fault> all;
    for (const Recipe& recipe : recipes()) all.push_back(recipe.fault);
    all.push_back({"list-410-on-continue", On::list});
    all.push_back({"chunks-of-one-byte", On::any, false, false});
    return all;
  }();
  return kFaults;
}

ListWatchServer::ListWatchServer(FaultServer::Options options, bool offers_streams)
    : offers_streams_(offers_streams),
      server_(std::move(options),
              [this](const SeenRequest& request, Conversation& client) { answer(request, client); }) {}

void ListWatchServer::inject(std::string_view name) {
  const MutexLock lock(mutex_);
  fault_ = name;
}

bool ListWatchServer::was_met() const {
  const MutexLock lock(mutex_);
  return fault_.empty();
}

void ListWatchServer::expire() {
  const MutexLock lock(mutex_);
  oldest_ = ++version_;
}

void ListWatchServer::put(const std::string& name) {
  const MutexLock lock(mutex_);
  const bool is_new = !truth_.contains(name);
  truth_[name] = std::to_string(++version_);
  log(is_new ? "ADDED" : "MODIFIED", name, version_);
}

void ListWatchServer::remove(const std::string& name) {
  const MutexLock lock(mutex_);
  truth_.erase(name);
  log("DELETED", name, ++version_);
}

void ListWatchServer::log(std::string_view type, const std::string& name, int version) {
  events_.push_back({version, line_of(type, object_of(name, std::to_string(version)))});
}

std::map<std::string, std::string> ListWatchServer::truth() const {
  const MutexLock lock(mutex_);
  return truth_;
}

void ListWatchServer::answer(const SeenRequest& request, Conversation& client) {
  const bool is_watch = parameter(request.target, "watch") == "true";
  bool byte_by_byte = false;
  std::string fault, next;
  {
    const MutexLock lock(mutex_);
    next = std::to_string(version_ + 1);
    const bool is_next_page = !parameter(request.target, "continue").empty();
    for (const Fault& one : faults()) {
      const bool fits = one.on == On::any || (one.on == On::watch) == is_watch;
      if (one.name == fault_ && fits && (fault_ != "list-410-on-continue" || is_next_page)) fault = fault_;
    }
    if (!fault.empty()) fault_.clear();
  }
  if (fault == "list-410-on-continue") {
    refuse(client, 410, "Expired");
    return;
  }
  byte_by_byte = fault == "chunks-of-one-byte";
  for (const Recipe& recipe : recipes()) {
    if (recipe.fault.name == fault) return recipe.act(client, next);
  }
  if (is_watch) return watch(request, client, byte_by_byte);
  list(request, client, byte_by_byte);
}

bool ListWatchServer::send(Conversation& client, std::string_view text, bool byte_by_byte) {
  if (!client.begin(200, "application/json")) return false;
  const std::size_t piece = byte_by_byte ? 1 : text.size();
  for (std::size_t at = 0; at < text.size(); at += piece) {
    if (!client.chunk(text.substr(at, piece))) return false;
  }
  return client.finish();
}

void ListWatchServer::list(const SeenRequest& request, Conversation& client, bool byte_by_byte) {
  const std::string after = parameter(request.target, "continue");
  std::string items, token;
  std::size_t count = 0;
  const MutexLock lock(mutex_);
  const bool paged = !parameter(request.target, "limit").empty();
  for (auto at = truth_.upper_bound(after); at != truth_.end(); ++at) {
    if (paged && count == kPage) {
      token = std::prev(at)->first;
      break;
    }
    items.append(count++ == 0 ? "" : ",").append(object_of(at->first, at->second));
  }
  const std::string page = list_of(items, std::to_string(version_), token);
  if (byte_by_byte) {
    send(client, page, true);
  } else {
    client.answer_json(page);
  }
}

void ListWatchServer::watch(const SeenRequest& request, Conversation& client, bool byte_by_byte) {
  const bool initial = parameter(request.target, "sendInitialEvents") == "true";
  std::string text;
  {
    const MutexLock lock(mutex_);
    if (initial && !offers_streams_) {
      refuse(client, 422, "Invalid");
      return;
    }
    const int from = std::atoi(parameter(request.target, "resourceVersion").c_str());
    if (!initial && from < oldest_) {
      refuse(client, 410, "Expired");
      return;
    }
    if (initial) {
      for (const auto& [name, version] : truth_) text += line_of("ADDED", object_of(name, version));
    } else {
      for (const Event& event : events_) {
        if (event.version > from) text += event.line;
      }
    }
    text += R"({"type":"BOOKMARK","object":{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"resourceVersion":")" +
            std::to_string(version_) +
            (initial ? R"(","annotations":{"k8s.io/initial-events-end":"true"}}}})" : R"("}}})") + "\n";
  }
  send(client, text, byte_by_byte);
}

}  // namespace meshgraft::test
