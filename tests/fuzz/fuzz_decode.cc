// Answers of an API server, or of whatever stands in its place: objects, lists and events of every kind, decoded
// without a crash. The first byte picks the kind.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "k8sclient/model/decode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshgraft;
  if (size < 1) return 0;
  static Decoder decoder;
  const Kind kind = kinds()[data[0] % kinds().size()].kind;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Result<ObjectPtr> object = decoder.object(bytes);
  if (object && (*object)->meta.name.empty()) std::abort();
  if (!object && object.error().text.empty()) std::abort();
  const Result<ListPage> page = decoder.list(kind, bytes);
  if (page) {
    for (const ObjectPtr& item : page->items) {
      if (item == nullptr || item->kind != kind) std::abort();
    }
  }
  (void)decoder.event(kind, bytes);
  return 0;
}
