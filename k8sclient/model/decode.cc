#include "k8sclient/model/decode.h"

#include <cstring>

#include "k8sclient/model/decode_kinds.h"

namespace meshgraft {
namespace {

using decoding::FieldReader;
using decoding::KindReader;
using decoding::Value;
using simdjson::ondemand::document;

constexpr std::size_t kKeptBytes = std::size_t{256} * 1024;  // an event seldom passes it; a list's buffers are given back

// Reads the fields of one object. `kind_name` and `api_version` in the reader are set when the object says them.
// Null after an error.
template <typename Source>
std::shared_ptr<Object> read_object(FieldReader& reader, Kind kind, Source& source) {
  const KindReader& how = decoding::reader_of(kind);
  std::shared_ptr<Object> object = how.make(kind);
  std::string kind_name;
  reader.api_version.clear();
  const bool good = reader.fields(source, [&](std::string_view key, Value field) {
    if (key == "metadata") return decoding::read_meta(reader, field, object->meta, kind == Kind::autoscaler);
    if (key == "apiVersion") return reader.text(field, reader.api_version);
    if (key == "kind") return reader.text(field, kind_name);
    return how.section(reader, key, field, *object);
  });
  if (!good) return nullptr;
  if (kind == Kind::other) {
    Unknown& unknown = static_cast<Unknown&>(*object);
    unknown.api_version = reader.api_version;
    unknown.kind_name = std::move(kind_name);
  } else {
    const bool fits = kind_name.empty() || kind_name == info(kind).name || kind_name == "PartialObjectMetadata";
    if (!fits) {
      reader.fail("expected a " + std::string(info(kind).name) + ", found a " + kind_name);
      return nullptr;
    }
    if (!info(kind).namespaced) object->meta.ns.clear();
  }
  if (object->meta.name.empty()) {
    reader.fail("the object has no metadata.name");
    return nullptr;
  }
  if (how.finish != nullptr) how.finish(reader, *object);
  return object;
}

EventType event_type(std::string_view text) {
  if (text == "ADDED") return EventType::added;
  if (text == "MODIFIED") return EventType::modified;
  if (text == "DELETED") return EventType::deleted;
  if (text == "BOOKMARK") return EventType::bookmark;
  if (text == "ERROR") return EventType::error;
  return EventType::unknown;
}

bool read_bookmark(FieldReader& reader, Value value, WatchEvent& event) {
  Meta meta;
  if (!reader.fields(value, [&](std::string_view key, Value field) {
        return key != "metadata" || decoding::read_meta(reader, field, meta);
      })) {
    return false;
  }
  const Labels::const_iterator end = meta.annotations.find("k8s.io/initial-events-end");
  event.initial_events_end = end != meta.annotations.end() && end->second == "true";
  event.resource_version = std::move(meta.resource_version);
  return true;
}

bool read_status(FieldReader& reader, Value value, WatchEvent& event) {
  const auto cause = [&](std::string_view key, Value field) {
    std::string reason;
    if (key != "reason") return true;
    if (!reader.text(field, reason)) return false;
    event.too_large_rv = event.too_large_rv || reason == "ResourceVersionTooLarge";
    return true;
  };
  const auto details = [&](std::string_view key, Value field) {
    if (key == "retryAfterSeconds") return reader.number(field, event.retry_after);
    return key != "causes" || reader.items(field, [&](Value item) { return reader.fields(item, cause); });
  };
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "code") return reader.number(field, event.status_code);
    if (key == "reason") return reader.text(field, event.status_reason);
    if (key == "message") return reader.text(field, event.status_message);
    return key != "details" || reader.fields(field, details);
  });
}

}  // namespace

struct Decoder::Impl {
  simdjson::ondemand::parser parser;
  std::vector<char> bytes;  // a copy of the document with the padding that simdjson reads beyond its end
  FieldReader reader;
  document doc;
  simdjson::ondemand::object root;

  // Makes `root` the document's object; false with the reader's error set.
  bool open(std::string_view text) {
    reader.clear();
    if (bytes.size() < text.size() + simdjson::SIMDJSON_PADDING) bytes.resize(text.size() + simdjson::SIMDJSON_PADDING);
    std::memcpy(bytes.data(), text.data(), text.size());
    std::memset(bytes.data() + text.size(), 0, simdjson::SIMDJSON_PADDING);
    const simdjson::padded_string_view padded(bytes.data(), text.size(), bytes.size());
    if (const simdjson::error_code code = parser.iterate(padded).get(doc)) return not_json(code);
    return reopen();
  }

  // Back to the start of the document that open() took.
  bool reopen() {
    doc.rewind();
    const simdjson::error_code code = doc.get_object().get(root);
    if (code == simdjson::INCORRECT_TYPE) return reader.fail("expected a JSON object");
    return code == simdjson::SUCCESS || not_json(code);
  }

  bool not_json(simdjson::error_code code) {
    return reader.fail(std::string("not JSON: ") + simdjson::error_message(code));
  }

  // After the last field: nothing may follow.
  bool closed() {
    const char* rest = nullptr;
    if (doc.current_location().get(rest) != simdjson::SUCCESS) return true;
    return reader.fail("not JSON: text after the end of the document");
  }

  [[nodiscard]] Unexpected<Error> error() const { return fail(reader.error()); }

  void give_back() {
    if (bytes.size() <= kKeptBytes) return;
    std::vector<char>().swap(bytes);
    parser = simdjson::ondemand::parser();
  }
};

Decoder::Decoder() : impl_(std::make_unique<Impl>()) {}
Decoder::~Decoder() = default;

Result<ObjectPtr> Decoder::object(std::string_view bytes) {
  Impl& in = *impl_;
  std::string kind_name, api_version;
  const auto type_of = [&in, &kind_name, &api_version](std::string_view key, Value field) {
    if (key == "kind") return in.reader.text(field, kind_name);
    return key != "apiVersion" || in.reader.text(field, api_version);
  };
  if (!in.open(bytes) || !in.reader.fields(in.root, type_of) || !in.closed()) return in.error();
  if (kind_name.empty()) return fail("the document has no kind");
  if (api_version.empty()) return fail("the document has no apiVersion");
  if (!in.reopen()) return in.error();
  const std::shared_ptr<Object> object =
      read_object(in.reader, kind_of(api_version, kind_name).value_or(Kind::other), in.root);
  if (object == nullptr) return in.error();
  return ObjectPtr(object);
}

Result<ListPage> Decoder::list(Kind kind, std::string_view bytes) {
  Impl& in = *impl_;
  ListPage page;
  bool has_items = false;
  std::string kind_name;
  const auto metadata = [&](std::string_view key, Value field) {
    if (key == "resourceVersion") return in.reader.text(field, page.resource_version);
    return key != "continue" || in.reader.text(field, page.continue_token);
  };
  const auto item = [&](Value value, ObjectPtr& out) {
    out = read_object(in.reader, kind, value);
    return out != nullptr;
  };
  const auto top = [&](std::string_view key, Value field) {
    if (key == "kind") return in.reader.text(field, kind_name);
    if (key == "metadata") return in.reader.fields(field, metadata);
    if (key != "items") return true;
    has_items = true;
    return in.reader.list(field, page.items, item);
  };
  const bool good = in.open(bytes) && in.reader.fields(in.root, top) && in.closed();
  if (page.continue_token.empty()) in.give_back();
  const std::string plural(kind == Kind::other ? std::string_view("objects") : info(kind).plural);
  if (!good) return fail("list of " + plural + ": " + in.reader.error());
  if (!has_items || (!kind_name.empty() && !kind_name.ends_with("List"))) {
    return fail("expected a list of " + plural + ", found " +
                (kind_name.empty() ? "something else" : "a " + kind_name));
  }
  return page;
}

Result<WatchEvent> Decoder::event(Kind kind, std::string_view line) {
  Impl& in = *impl_;
  WatchEvent event;
  bool has_type = false, has_object = false;
  const auto read = [&](Value field) {
    has_object = true;
    switch (event.type) {
      case EventType::unknown:
        return true;
      case EventType::bookmark:
        return read_bookmark(in.reader, field, event);
      case EventType::error:
        return read_status(in.reader, field, event);
      case EventType::added:
      case EventType::modified:
      case EventType::deleted:
        break;
    }
    event.object = read_object(in.reader, kind, field);
    if (event.object != nullptr) event.resource_version = event.object->meta.resource_version;
    return event.object != nullptr;
  };
  const auto top = [&](std::string_view key, Value field) {
    if (key == "type") {
      std::string type;
      if (!in.reader.text(field, type)) return false;
      event.type = event_type(type);
      return has_type = true;
    }
    return key != "object" || !has_type || read(field);
  };
  bool good = in.open(line) && in.reader.fields(in.root, top) && in.closed();
  // The server writes the type first; should it ever come last, the line is read once more.
  if (good && has_type && !has_object) good = in.reopen() && in.reader.fields(in.root, top);
  if (line.size() > kKeptBytes) in.give_back();
  const std::string name(kind == Kind::other ? std::string_view("object") : info(kind).name);
  if (!good) return fail(name + " event: " + in.reader.error());
  if (!has_type) return fail(name + " event: no type");
  if (!has_object) return fail(name + " event: no object");
  return event;
}

}  // namespace meshgraft
