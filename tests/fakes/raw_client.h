#pragma once
// RawClient: JSON in, JSON out against any API server of a kubeconfig, for the sandbox's own subcommands. Uses the
// program's transport and credentials; knows no typed model, so that it can reach kinds and subresources that the
// program has no use for.

#include <memory>
#include <string>
#include <string_view>

#include "k8sclient/base/json.h"
#include "k8sclient/base/result.h"
#include "tests/fakes/answer.h"

namespace meshgraft {
class Transport;
class CredentialSource;
}  // namespace meshgraft

namespace meshgraft::fakes {

class RawClient {
 public:
  // Errors: a kubeconfig that cannot be read or used; nothing is sent yet.
  static Result<std::unique_ptr<RawClient>> open(const std::string& kubeconfig);
  ~RawClient();

  // `target`: path and query. The error is one sentence; a Status from the server is an answer.
  Result<Answer> call(std::string_view method, const std::string& target, const Json& body = nullptr,
                      std::string_view content_type = "application/json");

 private:
  RawClient();
  std::string token_;
  std::unique_ptr<CredentialSource> credentials_;
  std::unique_ptr<Transport> transport_;
};

// "/apis/apps/v1/namespaces/shop/deployments/web": `ns` and `name` may be "".
std::string raw_path(std::string_view api_version, std::string_view plural, std::string_view ns = "",
                     std::string_view name = "");

}  // namespace meshgraft::fakes
