#pragma once
// Clients of cpprestsdk for one server, and its only thread. Used by transport and cpprest_exchange. No header of the
// library is included here, and no exception of it comes out.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "k8sclient/base/result.h"
#include "k8sclient/net/server_url.h"

namespace web::http::client {
class http_client;
}

namespace meshgraft {

class TlsContext;
using HttpClient = web::http::client::http_client;

// A client without connections. Follows no redirect. `tls`: null for http://. `step_limit`: the library's own, of each
// step of a request. `chunk`: bytes that it reads at a time, a buffer a connection. The error is a URL or TLS setting
// that the library does not take. The last holder may be any thread.
Result<std::shared_ptr<HttpClient>> make_http_client(const ServerUrl& url, std::shared_ptr<const TlsContext> tls,
                                                     std::chrono::milliseconds step_limit, std::size_t chunk);

// Runs `work` on the library's thread, later. It must not block.
void post_to_io_thread(std::function<void()> work);

}  // namespace meshgraft
