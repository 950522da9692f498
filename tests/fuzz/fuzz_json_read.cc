// Small JSON documents: bodies of failed requests and the paths that look into them.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "k8sclient/model/api_error.h"
#include "k8sclient/model/json_read.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshgraft;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t line = bytes.find('\n');
  const std::string_view path = bytes.substr(0, line);
  const std::string_view body = line == std::string_view::npos ? bytes : bytes.substr(line + 1);
  const ApiError error = api_error(500, body, path);
  if (error.message.empty()) std::abort();
  const Result<Json> json = read_json(body);
  if (!json) return json.error().text.empty() ? 1 : 0;
  (void)text(*json, path);
  (void)number(*json, path);
  (void)items(*json, path);
  const Result<Json> again = read_json(to_text(*json));
  if (!again) std::abort();
  return 0;
}
