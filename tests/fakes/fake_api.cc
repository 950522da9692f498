#include "tests/fakes/fake_api.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

ApiError error_of(const Answer& answer) {
  const std::int64_t wait = number_at(answer.body, {"details", "retryAfterSeconds"});
  return api_error(answer.code, to_text(answer.body), wait > 0 ? std::to_string(wait) : "");
}

Fault status_fault(int code, std::string_view reason, std::string_view message) {
  return {error_of(refusal(code, reason, message, Json::object())), false};
}

ApiError broken_connection(bool sent) {
  ApiError error;
  error.kind = ErrorClass::transport;
  error.message = sent ? "connection reset by peer" : "connection refused";
  error.sent = sent;
  return error;
}

WriteOptions options_of(std::string_view manager, bool force = false, bool dry_run = false) {
  WriteOptions options;
  options.manager = manager;
  options.force = force;
  options.dry_run = dry_run;
  return options;
}

}  // namespace

Fault conflict_fault() { return status_fault(409, "Conflict", "the object has been modified"); }
Fault gone_fault() { return status_fault(410, "Expired", "too old resource version"); }
Fault server_fault() {
  return status_fault(500, "InternalError", "Internal error occurred: etcdserver: request timed out");
}
Fault lost_answer_fault() { return {broken_connection(true), true}; }
Fault refused_fault() { return {broken_connection(false), false}; }
Fault throttled_fault(int seconds) {
  Fault fault = status_fault(429, "TooManyRequests", "too many requests, please try again later");
  fault.error.retry_after = std::chrono::seconds(seconds);
  return fault;
}

void FakeApi::fail_write(std::uint64_t nth, Fault fault) {
  MutexLock lock(mutex_);
  write_faults_.insert_or_assign(writes_ + nth, std::move(fault));
}

void FakeApi::set_fault(std::function<std::optional<Fault>(const Call&)> fault) {
  MutexLock lock(mutex_);
  fault_ = std::move(fault);
}

void FakeApi::drop_watches() {
  {
    MutexLock lock(mutex_);
    ++drops_;
  }
  engine_.wake();
}

void FakeApi::stop_watches() {
  {
    MutexLock lock(mutex_);
    ++stops_;
  }
  engine_.wake();
}

void FakeApi::hold_watches(bool hold) {
  {
    MutexLock lock(mutex_);
    held_ = hold;
  }
  engine_.wake();
}

void FakeApi::set_piece_size(std::size_t bytes) {
  MutexLock lock(mutex_);
  piece_size_ = bytes;
}

std::vector<Call> FakeApi::calls() const {
  MutexLock lock(mutex_);
  return calls_;
}

std::vector<Call> FakeApi::writes() const {
  std::vector<Call> result = calls();
  std::erase_if(result, [](const Call& call) { return !call.is_write(); });
  return result;
}

void FakeApi::forget_calls() {
  MutexLock lock(mutex_);
  calls_.clear();
}

std::size_t FakeApi::running_watches() const {
  MutexLock lock(mutex_);
  return watches_;
}

std::optional<Fault> FakeApi::admitted(Call call) {
  std::function<std::optional<Fault>(const Call&)> asked;
  std::optional<Fault> planned;
  {
    MutexLock lock(mutex_);
    if (call.is_write()) {
      if (auto it = write_faults_.find(++writes_); it != write_faults_.end()) {
        planned = std::move(it->second);
        write_faults_.erase(it);
      }
    }
    calls_.push_back(call);
    asked = fault_;
  }
  if (planned) return planned;
  return asked ? asked(call) : std::nullopt;
}

ApiResult<Target> FakeApi::target_of(const ObjectKey& key) const {
  const KindInfo& row = info(key.kind);
  Target target{engine_.by_plural(row.group, row.version, row.plural), std::string(row.version),
                row.namespaced ? key.ns : "", key.name, ""};
  if (target.type) return target;
  return Unexpected<ApiError>(
      error_of(refusal(404, "NotFound", "the server could not find the requested resource", Json::object())));
}

ApiResult<ObjectPtr> FakeApi::decoded(const Json& object) {
  MutexLock lock(mutex_);
  Result<ObjectPtr> result = decoder_.object(to_text(object));
  if (result) return std::move(*result);
  ApiError error;
  error.kind = ErrorClass::bad_answer;
  error.message = result.error().text;
  return Unexpected<ApiError>(std::move(error));
}

ApiResult<ListPage> FakeApi::list(const ListRequest& request) {
  Call call;
  call.verb = CallVerb::list;
  call.key = {request.kind, request.ns, ""};
  call.resource_version = request.resource_version;
  if (std::optional<Fault> fault = admitted(call)) return Unexpected<ApiError>(fault->error);
  ApiResult<Target> target = target_of(call.key);
  if (!target) return Unexpected<ApiError>(target.error());
  ListOptions options;
  options.limit = static_cast<std::size_t>(std::max(0, request.limit));
  options.continue_token = request.continue_token;
  options.resource_version = request.resource_version;
  options.label_selector = request.label_selector;
  options.field_selector = request.field_selector;
  const Answer answer = engine_.list(*target, options);
  if (!answer.ok()) return Unexpected<ApiError>(error_of(answer));
  MutexLock lock(mutex_);
  Result<ListPage> page = decoder_.list(request.kind, to_text(answer.body));
  if (page) return std::move(*page);
  ApiError error;
  error.kind = ErrorClass::bad_answer;
  error.message = page.error().text;
  return Unexpected<ApiError>(std::move(error));
}

ApiResult<Unit> FakeApi::watch(const WatchRequest& request, const std::function<bool(std::string_view)>& on_bytes) {
  Call call;
  call.verb = CallVerb::watch;
  call.key = {request.kind, request.ns, ""};
  call.resource_version = request.resource_version;
  if (std::optional<Fault> fault = admitted(call)) return Unexpected<ApiError>(fault->error);
  ApiResult<Target> target = target_of(call.key);
  if (!target) return Unexpected<ApiError>(target.error());
  WatchOptions options;
  options.type = target->type;
  options.version = target->version;
  options.ns = request.ns;
  options.label_selector = request.label_selector;

  std::uint64_t stops = 0, drops = 0;
  std::size_t piece = 0;
  {
    MutexLock lock(mutex_);
    stops = stops_;
    drops = drops_;
    piece = piece_size_;
    ++watches_;
  }
  const auto leave = [this](ApiResult<Unit> result) {
    MutexLock lock(mutex_);
    --watches_;
    return result;
  };
  const auto send = [&](const Json& event) {
    const std::string line = to_text(event) + "\n";
    const std::size_t step = piece == 0 ? line.size() : piece;
    for (std::size_t i = 0; i < line.size(); i += step) {
      if (!on_bytes(std::string_view(line).substr(i, step))) return false;
    }
    return true;
  };
  const auto end = std::chrono::steady_clock::now() + request.timeout;
  std::uint64_t version = std::strtoull(request.resource_version.c_str(), nullptr, 10);
  bool first = version == 0;
  while (true) {
    bool held = false;
    const std::uint64_t ticket = engine_.wake_ticket();
    {
      MutexLock lock(mutex_);
      held = held_;
      if (stops_ != stops) {
        ApiError error;
        error.kind = ErrorClass::cancelled;
        error.message = "the watch was stopped";
        --watches_;
        return Unexpected<ApiError>(std::move(error));
      }
      if (drops_ != drops) {
        --watches_;
        return Unexpected<ApiError>(broken_connection(true));
      }
    }
    if (!held) {
      const WatchBatch batch = first ? engine_.initial_events(options) : engine_.events_since(options, version);
      first = false;
      version = batch.version;
      for (const Json& event : batch.events) {
        if (!send(event)) return leave(Unit{});
      }
      if (batch.ended) return leave(Unit{});
    }
    if (mode_ == WatchMode::drain || std::chrono::steady_clock::now() >= end) {
      const KindInfo& row = info(request.kind);
      send({{"type", "BOOKMARK"},
            {"object",
             {{"kind", row.name},
              {"apiVersion", api_version(row)},
              {"metadata", {{"resourceVersion", std::to_string(version)}}}}}});
      return leave(Unit{});
    }
    engine_.wait_beyond(held ? UINT64_MAX : version, ticket, end);
  }
}

ApiResult<Json> FakeApi::get_json(const ObjectKey& key) {
  Call call;
  call.key = key;
  if (std::optional<Fault> fault = admitted(call)) return Unexpected<ApiError>(fault->error);
  ApiResult<Target> target = target_of(key);
  if (!target) return Unexpected<ApiError>(target.error());
  Answer answer = engine_.get(*target);
  if (!answer.ok()) return Unexpected<ApiError>(error_of(answer));
  return std::move(answer.body);
}

ApiResult<ObjectPtr> FakeApi::get(const ObjectKey& key) {
  ApiResult<Json> json = get_json(key);
  if (!json) return Unexpected<ApiError>(json.error());
  return decoded(*json);
}

ApiResult<Written> FakeApi::write(Call call, const std::function<Answer(const Target&)>& action) {
  const ObjectKey key = call.key;
  const std::optional<Fault> fault = admitted(std::move(call));
  if (fault && !fault->took_effect) return Unexpected<ApiError>(fault->error);
  ApiResult<Target> target = target_of(key);
  if (!target) return Unexpected<ApiError>(target.error());
  const Answer answer = action(*target);
  if (fault) return Unexpected<ApiError>(fault->error);
  if (!answer.ok()) return Unexpected<ApiError>(error_of(answer));
  Written written;
  written.uid = text_at(answer.body, {"metadata", "uid"});
  written.resource_version = text_at(answer.body, {"metadata", "resourceVersion"});
  if (text_at(answer.body, {"kind"}) == "Status") return written;
  ApiResult<ObjectPtr> object = decoded(answer.body);
  if (!object) return Unexpected<ApiError>(object.error());
  written.object = std::move(*object);
  return written;
}

ApiResult<Written> FakeApi::patch(const PatchRequest& request) {
  Call call;
  call.verb = CallVerb::patch;
  call.key = request.target;
  call.body = request.body;
  call.patch = request.type;
  call.manager = request.field_manager;
  call.force = request.force;
  call.dry_run = request.dry_run;
  const PatchFormat format = request.type == PatchType::apply   ? PatchFormat::apply
                             : request.type == PatchType::merge ? PatchFormat::merge
                                                                : PatchFormat::json;
  return write(std::move(call), [&](const Target& target) {
    return engine_.patch(target, format, request.body,
                         options_of(request.field_manager, request.force, request.dry_run));
  });
}

ApiResult<Written> FakeApi::create(const ObjectKey& target, const Json& body, std::string_view field_manager) {
  Call call;
  call.verb = CallVerb::create;
  call.key = target;
  call.body = body;
  call.manager = field_manager;
  return write(std::move(call),
               [&](const Target& place) { return engine_.create(place, body, options_of(field_manager)); });
}

ApiResult<Written> FakeApi::replace(const ObjectKey& target, const Json& body, std::string_view field_manager) {
  Call call;
  call.verb = CallVerb::replace;
  call.key = target;
  call.body = body;
  call.manager = field_manager;
  return write(std::move(call),
               [&](const Target& place) { return engine_.update(place, body, options_of(field_manager)); });
}

ApiResult<Unit> FakeApi::remove(const DeleteRequest& request) {
  Call call;
  call.verb = CallVerb::remove;
  call.key = request.target;
  call.uid = request.uid;
  call.resource_version = request.resource_version;
  call.orphan = request.orphan;
  ApiResult<Written> done = write(std::move(call), [&](const Target& target) {
    DeleteOptions options;
    options.uid = request.uid;
    options.resource_version = request.resource_version;
    options.propagation = request.orphan ? DeleteOptions::orphan : DeleteOptions::background;
    return engine_.remove(target, options);
  });
  if (!done) return Unexpected<ApiError>(done.error());
  return Unit{};
}

ApiResult<Json> FakeApi::server_version() {
  Call call;
  call.verb = CallVerb::version;
  if (std::optional<Fault> fault = admitted(call)) return Unexpected<ApiError>(fault->error);
  return Json{{"major", "1"}, {"minor", "37"}, {"gitVersion", "v1.37.2"}};
}

}  // namespace meshgraft::fakes
