#include "k8sclient/model/watch_decoder.h"

#include <utility>

namespace meshgraft {
namespace {

constexpr std::size_t kKeptCarry = std::size_t{64} * 1024;  // bytes; a carry that grew beyond it is given back after its line

}  // namespace

bool WatchDecoder::feed(std::string_view bytes, const OnEvent& on_event) {
  while (!ended_ && !bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (carry_.size() + part.size() > max_line_) return too_long(on_event);
    if (end == std::string_view::npos) {
      carry_.append(part);
      return true;
    }
    bytes.remove_prefix(end + 1);
    if (carry_.empty()) {
      ended_ = !line(part, on_event);  // the whole line lies in this piece: no copy
      continue;
    }
    carry_.append(part);
    ended_ = !line(carry_, on_event);
    carry_.clear();
    if (carry_.capacity() > kKeptCarry) carry_.shrink_to_fit();
  }
  return !ended_;
}

bool WatchDecoder::line(std::string_view text, const OnEvent& on_event) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty()) return true;
  Result<WatchEvent> event = decoder_.event(kind_, text);
  const bool good = event.has_value();
  return on_event(std::move(event)) && good;
}

bool WatchDecoder::too_long(const OnEvent& on_event) {
  ended_ = true;
  std::string().swap(carry_);
  on_event(fail(std::string(info(kind_).name) + " event: a line of the watch is longer than " +
                std::to_string(max_line_) + " bytes"));
  return false;
}

}  // namespace meshgraft
