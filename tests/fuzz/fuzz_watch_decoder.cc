// Bytes of a watch: whatever they are, and however they are cut, the same events come out and go through the state
// machine. The first byte picks the kind, the second the size of the pieces.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "k8sclient/model/watch_decoder.h"
#include "k8sclient/model/watch_machine.h"

namespace {

using namespace meshgraft;

std::vector<std::string> decode(Kind kind, std::string_view bytes, std::size_t piece) {
  static Decoder decoder;
  WatchDecoder lines(kind, decoder, 64 * 1024);
  WatchMachine machine(kind);
  std::vector<std::string> seen;
  ListPage page;
  page.resource_version = "1";
  (void)machine.on_page(page, {}, 0.5);
  machine.on_watch_start({});
  const WatchDecoder::OnEvent on_event = [&seen, &machine](Result<WatchEvent> event) {
    seen.push_back(event ? std::to_string(static_cast<int>(event->type)) + event->resource_version +
                               event->status_message + (event->object ? to_string(event->object->key()) : "")
                         : event.error().text);
    return machine.on_event(std::move(event)).go_on;
  };
  while (!bytes.empty() && lines.feed(bytes.substr(0, piece), on_event))
    bytes.remove_prefix(std::min(piece, bytes.size()));
  machine.on_watch_end(nullptr, {}, 0.5);
  (void)machine.next();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Kind kind = kinds()[data[0] % kinds().size()].kind;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (decode(kind, bytes, bytes.size() + 1) != decode(kind, bytes, 1 + data[1])) std::abort();
  return 0;
}
