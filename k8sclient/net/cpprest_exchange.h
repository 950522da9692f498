#pragma once
// Exchange: one request on its way through cpprestsdk, its answer coming out of a BodyPipe. Made and waited for by
// transport. No header of the library is included here; nothing blocks its thread, and no exception comes out.

#include <cstddef>
#include <memory>
#include <string>

#include "k8sclient/base/clock.h"
#include "k8sclient/net/body_pipe.h"
#include "k8sclient/net/cpprest_client.h"
#include "k8sclient/net/transport.h"

namespace meshgraft {

class Exchange {
 public:
  struct Limits {
    std::size_t cap = 0;           // of the pipe
    StreamGauge* gauge = nullptr;  // of the pipe
    Time deadline = Time::max();   // the request's body is begun by then or never
    bool again = false;            // the second try: write_time.h
  };

  // Sends at once. Everything that the library's thread touches is shared, so the caller may leave before it ends.
  Exchange(HttpClient& client, const HttpRequest& request, const std::string& user_agent, const Limits& limits);

  [[nodiscard]] const std::shared_ptr<BodyPipe>& pipe() const { return pipe_; }

  // False when the server surely has nothing of the body; true for a request without one.
  [[nodiscard]] bool may_have_been_read() const;

  // Ends it wherever it is, and waits a little for that.
  void cancel();

 private:
  struct Library;
  std::shared_ptr<BodyPipe> pipe_;
  std::shared_ptr<Library> library_;
};

}  // namespace meshgraft
