#include "k8sclient/net/cpprest_client.h"

#include <cpprest/http_client.h>
#include <openssl/ssl.h>
#include <pplx/threadpool.h>

#include <mutex>

#include "k8sclient/net/keep_alive.h"
#include "k8sclient/net/tls_context.h"
#include "k8sclient/net/transport.h"

namespace meshgraft {
namespace {

namespace http = web::http;

// Called before the connect, and again for each reuse. Only an IPv4 address tells the family that the socket must be
// opened with; connections to a DNS name go without TCP keep-alive, and our own limits find their stalls.
void set_up_socket(http::client::native_handle handle, const TlsContext* tls, bool ipv4) {
  using boost::asio::ip::tcp;
  auto* const secure = tls == nullptr ? nullptr : static_cast<boost::asio::ssl::stream<tcp::socket&>*>(handle);
  auto& socket = secure == nullptr ? *static_cast<tcp::socket*>(handle) : secure->next_layer();
  if (socket.is_open()) return;
  if (secure != nullptr && !tls->sni().empty())
    SSL_set_tlsext_host_name(secure->native_handle(), tls->sni().c_str());
  if (!ipv4) return;
  boost::system::error_code failed;
  socket.open(tcp::v4(), failed);
  if (failed) return;  // the connect will open it, and report
  keep_alive(socket.native_handle());
}

}  // namespace

void init_transport() {
  static std::once_flag once;
  std::call_once(once, [] {
    hide_system_cas();
    crossplat::threadpool::initialize_with_threads(1);  // more are slower, and race on cancellation
  });
}

void post_to_io_thread(std::function<void()> work) {
  crossplat::threadpool::shared_instance().service().post(std::move(work));
}

Result<std::shared_ptr<HttpClient>> make_http_client(const ServerUrl& url, std::shared_ptr<const TlsContext> tls,
                                                     std::chrono::milliseconds step_limit, std::size_t chunk) {
  try {
    http::client::http_client_config config;
    config.set_timeout(step_limit);
    config.set_chunksize(chunk);
    config.set_max_redirects(0);  // a redirect would carry the token to another host
    config.set_tlsext_sni_enabled(false);
    if (!url.https) tls = nullptr;
    if (tls != nullptr) {
      config.set_ssl_context_callback([tls](boost::asio::ssl::context& context) {
        if (!tls->apply(context.native_handle())) throw std::runtime_error("TLS set-up failed");
      });
    }
    config.set_nativehandle_options([tls, ipv4 = url.ip](http::client::native_handle handle) {
      set_up_socket(handle, tls.get(), ipv4);
    });
    auto owned = std::make_shared<HttpClient>(url.text(), config);
    HttpClient* const raw = owned.get();
    // The pool's sockets and timer are better closed on their own thread.
    return std::shared_ptr<HttpClient>(
        raw, [owned = std::move(owned)](HttpClient*) mutable { post_to_io_thread([last = std::move(owned)] {}); });
  } catch (const std::exception& e) {
    return fail(e.what());
  }
}

}  // namespace meshgraft
