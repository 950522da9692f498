// The fast reader of YAML: whatever it accepts, the general reader must accept and read as the same documents.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "k8sclient/model/yaml_block.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshgraft;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto fast = yaml::parse_block(text);
  if (!fast) return 0;
  const auto general = yaml::parse(text, false);
  if (!general || general->size() != fast->size()) std::abort();
  for (std::size_t i = 0; i < fast->size(); ++i) {
    const yaml::RawDocument& one = (*fast)[i];
    const yaml::RawDocument& other = (*general)[i];
    if (one.number != other.number || one.json != other.json) std::abort();
    if (!one.json.is_null() && one.line != other.line) std::abort();
  }
  return 0;
}
