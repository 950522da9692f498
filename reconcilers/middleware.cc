// Recognises middleware: workloads by what they run or by port and word, Services by the workloads they select.

#include "reconcilers/middleware.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>
#include <utility>

#include "reconcilers/image.h"
#include "reconcilers/keys.h"
#include "reconcilers/middleware_table.h"
#include "reconcilers/selection.h"

namespace meshgraft {
namespace {

using Workloads = std::vector<std::shared_ptr<const Workload>>;

constexpr int kLastPort = 65535;

// What says that a workload or Service is of a product.
struct Sign {
  const Product* product = nullptr;
  std::string evidence;
};

// The words of a name, in lower case, digits at their end taken off: "mysql57-primary" -> mysql, primary.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto close = [&words, &word] {
    std::string bare = word;
    while (!bare.empty() && bare.back() >= '0' && bare.back() <= '9') bare.pop_back();
    if (!bare.empty()) words.push_back(std::move(bare));
    word.clear();
  };
  for (const char c : text) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      word += c;
    } else if (c >= 'A' && c <= 'Z') {
      word += static_cast<char>(c - 'A' + 'a');
    } else {
      close();
    }
  }
  close();
  return words;
}

void add_words(std::vector<std::string>& words, std::string_view text) {
  for (std::string& word : words_of(text)) words.push_back(std::move(word));
}

void add_label_words(std::vector<std::string>& words, const Labels& labels) {
  for (const std::string_view key : {keys::kAppLabel, keys::kAppName, std::string_view("k8s-app"), std::string_view("middleware")}) {
    if (const auto label = labels.find(key); label != labels.end()) add_words(words, label->second);
  }
}

bool has_word(const std::vector<std::string>& words, const Product& product) {
  return std::any_of(product.words.begin(), product.words.end(), [&words](std::string_view word) {
    return !word.empty() && std::find(words.begin(), words.end(), word) != words.end();
  });
}

// A name that says: I use that product, I am not it.
bool names_a_user(const std::vector<std::string>& words) {
  constexpr std::string_view kUsers[] = {"exporter", "consumer", "producer", "client", "backup", "operator", "demo", "sample", "executor"};
  return std::any_of(words.begin(), words.end(),
                     [&kUsers](const std::string& word) { return std::find(std::begin(kUsers), std::end(kUsers), word) != std::end(kUsers); });
}

// "redis-7.0" and "mysql-arm64" are redis and mysql.
std::string_view without_suffix(std::string_view name) {
  for (const std::string_view suffix : {"-arm64", "-amd64", "-alpine"}) {
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  }
  const std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash + 1 == name.size()) return name;
  const std::string_view tail = name.substr(dash + 1);
  const bool number = tail.find_first_not_of("v0123456789.") == std::string_view::npos && tail.find_first_of("0123456789") != std::string_view::npos;
  return number ? name.substr(0, dash) : name;
}

// The table's images by name; those with a slash apart, in the table's order.
struct ImageIndex {
  std::unordered_map<std::string_view, const Product*> by_name;
  std::vector<std::pair<std::string_view, const Product*>> by_path;
};

const ImageIndex& image_index() {
  static const ImageIndex index = [] {
    ImageIndex made;
    for (const Product& row : products()) {
      for (const std::string_view known : row.images) {
        if (known.empty()) continue;
        if (known.find('/') != std::string_view::npos) {
          made.by_path.emplace_back(known, &row);
        } else {
          made.by_name.emplace(known, &row);
        }
      }
    }
    return made;
  }();
  return index;
}

const Product* product_of_image(const std::string& image) {
  const std::string name = image_name(image);
  const ImageIndex& index = image_index();
  for (const std::string_view known : {std::string_view(name), without_suffix(name)}) {
    if (const auto found = index.by_name.find(known); found != index.by_name.end()) return found->second;
  }
  for (const auto& [known, row] : index.by_path) {
    if (is_image(image, known)) return row;
  }
  return nullptr;
}

// The container that the pod is about: the first that is not the proxy.
const Container* main_container(const Workload& workload) {
  for (const Container& container : workload.pod.containers) {
    if (container.name != keys::kProxyContainer) return &container;
  }
  return nullptr;
}

std::vector<int> pod_ports(const Workload& workload) {
  std::vector<int> ports;
  for (const Container& container : workload.pod.containers) {
    for (const ContainerPort& port : container.ports) ports.push_back(port.container_port);
  }
  return ports;
}

std::vector<int> pod_ports(const Service& service, const Selection& selection) {
  // Only for a port by name it matters what the containers declare.
  const bool by_name = std::any_of(service.ports.begin(), service.ports.end(), [](const ServicePort& port) { return port.target_port.is_text(); });
  const Workloads workloads = by_name ? selection.workloads_of(service.selector) : Workloads{};
  std::vector<int> ports;
  for (const ServicePort& port : service.ports) {
    const int number = pod_port(port, workloads);
    ports.push_back(number == 0 ? port.port : number);
  }
  return ports;
}

bool contains(const std::vector<int>& ports, int port) { return std::find(ports.begin(), ports.end(), port) != ports.end(); }

// The row that has a word of `words` and a telling port of `ports`; Nacos is asked elsewhere.
std::optional<Sign> by_port(const std::vector<std::string>& words, const std::vector<int>& ports) {
  if (names_a_user(words)) return std::nullopt;
  for (const Product& row : products()) {
    if (row.name == kNacos || !has_word(words, row)) continue;
    for (const int port : ports) {
      if (is_sign(row, port)) return Sign{&row, "port " + std::to_string(port) + " and the name"};
    }
  }
  return std::nullopt;
}

// Whether some port can tell a product at all: most workloads end here, before any word is read.
bool is_any_sign(const std::vector<int>& ports) {
  return std::any_of(ports.begin(), ports.end(), is_sign_of_any);
}

std::optional<Sign> by_workload(const Workload& workload) {
  const Container* main = main_container(workload);
  const Product* product = nullptr;  // that the image of `main` names
  for (const Container& container : workload.pod.containers) {
    const Product* row = product_of_image(container.image);
    if (row != nullptr && row->name == kNacos) return Sign{row, "image " + container.image};
    if (&container == main) product = row;
  }
  if (main == nullptr) return std::nullopt;
  if (product != nullptr) return Sign{product, "image " + main->image};
  const std::vector<int> ports = pod_ports(workload);
  if (!is_any_sign(ports)) return std::nullopt;
  for (const Product& row : products()) {
    if (row.env.empty() || std::none_of(main->env.begin(), main->env.end(), [&row](const EnvVar& env) { return env.name == row.env; })) continue;
    for (const int port : ports) {
      if (is_sign(row, port)) return Sign{&row, "port " + std::to_string(port) + " and variable " + std::string(row.env)};
    }
  }
  std::vector<std::string> words = words_of(workload.meta.name);
  add_words(words, main->name);
  add_words(words, image_name(main->image));
  add_label_words(words, workload.pod.labels);
  return by_port(words, ports);
}

std::optional<int> number_of(std::string_view text) {
  int value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc{} || end.ptr != text.data() + text.size() || value <= 0 || value > kLastPort) return std::nullopt;
  return value;
}

// The main port that Nacos' own variables name.
std::optional<int> nacos_port_of(const Workloads& workloads) {
  for (const auto& workload : workloads) {
    for (const Container& container : workload->pod.containers) {
      for (const EnvVar& env : container.env) {
        if (env.name != "NACOS_APPLICATION_PORT" && env.name != "NACOS_SERVER_PORT") continue;
        if (const auto port = number_of(env.value)) return port;
      }
    }
  }
  return std::nullopt;
}

constexpr int kNacosDefault = 8848;  // alibaba/nacos, distribution/conf/application.properties
constexpr int kGrpcOffset = 1000;    // GrpcSdkServer; peers use 1001, JRaft -1000

// Whether the port of Nacos' gRPC goes with `port`. A manifest may name a port that is none.
bool has_grpc(const std::vector<int>& ports, int port) { return port <= kLastPort - kGrpcOffset && contains(ports, port + kGrpcOffset); }

// P, when `service` exposes P and P+1000 and something besides the numbers says Nacos; 0 otherwise.
int nacos_pair(const Service& service, const std::vector<int>& ports, const Selection& selection) {
  if (std::none_of(ports.begin(), ports.end(), [&ports](int port) { return has_grpc(ports, port); })) return 0;
  const std::optional<int> configured = nacos_port_of(selection.workloads_of(service.selector));
  std::vector<std::string> words = words_of(service.meta.name);
  for (const auto& [key, value] : service.meta.labels) add_words(words, value);
  const bool named = std::find(words.begin(), words.end(), "nacos") != words.end();
  for (const int port : ports) {
    if (!has_grpc(ports, port)) continue;
    if (port == kNacosDefault || named || (configured && *configured == port)) return port;
  }
  return 0;
}

// P of a Service whose pods are known to be Nacos.
int nacos_port(const std::vector<int>& ports, std::optional<int> configured) {
  if (configured) return *configured;
  if (contains(ports, kNacosDefault)) return kNacosDefault;
  for (const int port : ports) {
    if (has_grpc(ports, port)) return port;
  }
  return kNacosDefault;
}

std::optional<Sign> by_service(const Service& service, const std::vector<int>& ports) {
  if (!is_any_sign(ports)) return std::nullopt;
  std::vector<std::string> words = words_of(service.meta.name);
  add_label_words(words, service.meta.labels);
  return by_port(words, ports);
}

}  // namespace

Middleware find_middleware(const NamespaceView& view) { return find_middleware(view, Selection(view)); }

Middleware find_middleware(const NamespaceView& view, const Selection& selection) {
  Middleware found;
  std::unordered_map<const Workload*, Sign> signs;
  for (const auto& workload : view.workloads) {
    if (auto sign = by_workload(*workload)) signs.emplace(workload.get(), std::move(*sign));
  }
  // A pair of ports may be all that tells Nacos; then every Service of the same pods is one too.
  const Product* nacos = product(kNacos);
  for (std::size_t i = 0; i < view.services.size(); ++i) {
    const Service& service = *view.services[i];
    const auto selected = selection.selected_by(i);
    const bool known = std::any_of(selected.begin(), selected.end(), [&](std::uint32_t index) {
      const auto sign = signs.find(view.workloads[index].get());
      return sign != signs.end() && sign->second.product == nacos;
    });
    if (known) continue;
    const auto ports = pod_ports(service, selection);
    if (const int port = nacos_pair(service, ports, selection); port != 0) {
      const std::string evidence = "ports " + std::to_string(port) + " and " + std::to_string(port + kGrpcOffset);
      for (const std::uint32_t index : selected) signs.insert_or_assign(view.workloads[index].get(), Sign{nacos, evidence});
      found.services[service.meta.name] = {std::string(kNacos), evidence, port};
    }
  }
  for (std::size_t i = 0; i < view.services.size(); ++i) {
    const Service& service = *view.services[i];
    if (found.services.contains(service.meta.name)) continue;
    const auto ports = pod_ports(service, selection);
    std::optional<Sign> sign;
    for (const std::uint32_t index : selection.selected_by(i)) {
      if (const auto known = signs.find(view.workloads[index].get()); known != signs.end()) {
        sign = known->second;
        if (sign->product == nacos) break;
      }
    }
    if (!sign) {
      sign = by_service(service, ports);
      if (!sign) continue;
      for (const std::uint32_t index : selection.selected_by(i)) signs.emplace(view.workloads[index].get(), *sign);
    }
    const bool is_nacos = sign->product == nacos;
    found.services[service.meta.name] = {std::string(sign->product->name), sign->evidence,
                                         is_nacos ? nacos_port(ports, nacos_port_of(selection.workloads_of(service.selector))) : 0};
  }
  for (const auto& [workload, sign] : signs) found.workloads.emplace(workload->key(), sign.product->name);
  return found;
}

}  // namespace meshgraft
