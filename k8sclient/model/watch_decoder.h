#pragma once
// WatchDecoder: turns the bytes of a watch into events. An event is a line, not a read: pieces split lines
// anywhere, also inside a character, and hold many at once. Called by controller/watcher, one a stream; never
// keeps more than one unfinished line, never reads a byte twice.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "k8sclient/model/decode.h"

namespace meshgraft {

class WatchDecoder {
 public:
  // An object is at most 1.5 MiB in etcd (its request limit); conversion and escapes make a line a few times that.
  static constexpr std::size_t kMaxLine = std::size_t{16} * 1024 * 1024;  // bytes

  // Returns false to end the stream: nothing more is decoded then.
  using OnEvent = std::function<bool(Result<WatchEvent>)>;

  // `decoder` is used, not kept: it belongs to the caller's thread and outlives this.
  WatchDecoder(Kind kind, Decoder& decoder, std::size_t max_line = kMaxLine)
      : kind_(kind), decoder_(decoder), max_line_(max_line) {}

  // Calls `on_event` for every line that `bytes` completes. A line that is no event, or longer than the limit, is
  // handed over as an error that names the kind, and ends the stream. Returns false once the stream is ended; the
  // caller closes it. Empty lines are nothing; "\r\n" ends a line too.
  bool feed(std::string_view bytes, const OnEvent& on_event);

  // Bytes of a line that has no end yet. What is left when the stream ends is dropped: the server sends that event
  // again to whoever watches from the last version seen.
  [[nodiscard]] std::size_t unfinished() const { return carry_.size(); }

 private:
  bool line(std::string_view text, const OnEvent& on_event);
  bool too_long(const OnEvent& on_event);

  const Kind kind_;
  Decoder& decoder_;
  const std::size_t max_line_;
  std::string carry_;  // the beginning of the line that the next piece goes on with
  bool ended_ = false;
};

}  // namespace meshgraft
