#pragma once
// Reads API objects from JSON bytes straight into the typed structs: the one reader of API objects. Called by
// rest_api for lists and gets, by the watch decoder for events and by yaml_read for manifests. Never builds a
// whole document tree, never throws.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/result.h"
#include "k8sclient/model/objects.h"

namespace meshgraft {

// One page of a list.
struct ListPage {
  std::vector<ObjectPtr> items;
  std::string resource_version;  // of the list, for the watch that follows
  std::string continue_token;    // "" on the last page
};

// One line of a watch.
enum class EventType : std::uint8_t {
  added,
  modified,
  deleted,
  bookmark,  // no object: the server only says how far it has come
  error,     // a Status; the stream is over
  unknown,   // a type that does not exist yet: to be ignored
};
struct WatchEvent {
  EventType type = EventType::error;
  ObjectPtr object;                 // null for bookmark, error and unknown
  std::string resource_version;     // of the object or bookmark
  bool initial_events_end = false;  // a bookmark annotated k8s.io/initial-events-end
  int status_code = 0;              // error: the Status's code, 0 when it has none
  std::string status_reason, status_message;
  int retry_after = 0;        // error: details.retryAfterSeconds, 0 when it has none
  bool too_large_rv = false;  // error: a cause ResourceVersionTooLarge
};

// Holds the parser's buffers; one per thread. Cheap to keep, costly to make.
class Decoder {
 public:
  Decoder();
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // `bytes`: the JSON of one object of any kind. Unknown kinds give an Unknown. Errors: not JSON, not an object,
  // no kind, no name, a field of the wrong type (the error names the field's path).
  Result<ObjectPtr> object(std::string_view bytes);

  // `bytes`: a list answer for `kind`. Items without kind (lists leave it out) are read as `kind`. A single bad
  // item fails the page, naming item and field.
  Result<ListPage> list(Kind kind, std::string_view bytes);

  // `line`: one JSON document {"type":…,"object":…} without its newline.
  Result<WatchEvent> event(Kind kind, std::string_view line);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace meshgraft
