// How fast answers of the API server become objects: lists of Pods with managedFields in pages of 500, as a
// cluster of 10,000 sends them (100 MB; bar: under 0.5 s of CPU for all of it), and watch events with their framing.

#include <benchmark/benchmark.h>

#include <string>

#include "k8sclient/base/json.h"
#include "k8sclient/model/decode.h"
#include "k8sclient/model/watch_decoder.h"

namespace meshgraft {
namespace {

constexpr int kPods = 10'000;
constexpr int kPage = 500;
constexpr std::size_t kPodBytes = 10'000;

// The server's record of who owns which field, which makes up most of an object.
Json managed_fields(int container_count) {
  Json containers = Json::object();
  for (int i = 0; i < container_count; ++i) {
    Json fields = Json::object({{".", Json::object()}});
    for (const char* field : {"f:image",
                              "f:imagePullPolicy",
                              "f:name",
                              "f:resources",
                              "f:terminationMessagePath",
                              "f:terminationMessagePolicy",
                              "f:livenessProbe",
                              "f:readinessProbe",
                              "f:securityContext",
                              "f:env",
                              "f:ports",
                              "f:volumeMounts",
                              "f:startupProbe",
                              "f:lifecycle",
                              "f:args",
                              "f:command",
                              "f:envFrom",
                              "f:stdin",
                              "f:tty",
                              "f:workingDir"}) {
      fields[field] = Json::object({{".", Json::object()}, {"f:value", Json::object()}});
    }
    containers["k:{\"name\":\"container-" + std::to_string(i) + "\"}"] = fields;
  }
  const Json spec = {
      {"f:spec", {{"f:containers", containers}, {"f:dnsPolicy", Json::object()}, {"f:restartPolicy", Json::object()}}}};
  Json managers = Json::array();
  for (const char* manager : {"kube-controller-manager", "kubelet", "kubectl-edit"}) {
    managers.push_back({{"manager", manager},
                        {"operation", "Update"},
                        {"apiVersion", "v1"},
                        {"time", "2024-05-06T07:08:09Z"},
                        {"fieldsType", "FieldsV1"},
                        {"fieldsV1", spec}});
  }
  return managers;
}

// A Pod of about kPodBytes: two containers, 8.9 kB with the fields' owners, and an annotation that fills it up.
std::string pod(int number) {
  const std::string name = "web-6d4cf56db6-" + std::to_string(10'000 + number);
  Json containers = Json::array(), statuses = Json::array();
  for (const char* container : {"container-0", "container-1"}) {
    Json env = Json::array();
    for (int i = 0; i < 12; ++i)
      env.push_back({{"name", "VARIABLE_" + std::to_string(i)}, {"value", "value number " + std::to_string(i)}});
    containers.push_back(
        {{"name", container},
         {"image", "registry.example/shop/web:1.27.3"},
         {"imagePullPolicy", "IfNotPresent"},
         {"env", env},
         {"ports", {{{"containerPort", 8080}, {"name", "http"}, {"protocol", "TCP"}}}},
         {"readinessProbe",
          {{"httpGet", {{"path", "/ready"}, {"port", 8080}, {"scheme", "HTTP"}}}, {"periodSeconds", 10}}},
         {"resources",
          {{"limits", {{"cpu", "500m"}, {"memory", "256Mi"}}}, {"requests", {{"cpu", "100m"}, {"memory", "128Mi"}}}}},
         {"volumeMounts",
          {{{"mountPath", "/var/run/secrets/kubernetes.io/serviceaccount"},
            {"name", "kube-api-access"},
            {"readOnly", true}}}}});
    statuses.push_back(
        {{"name", container},
         {"ready", true},
         {"restartCount", 0},
         {"started", true},
         {"state", {{"running", {{"startedAt", "2024-05-06T07:08:12Z"}}}}},
         {"lastState", Json::object()},
         {"imageID",
          "registry.example/shop/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}});
  }
  Json conditions = Json::array();
  for (const char* type : {"Initialized", "Ready", "ContainersReady", "PodScheduled"}) {
    conditions.push_back({{"type", type},
                          {"status", "True"},
                          {"lastProbeTime", nullptr},
                          {"lastTransitionTime", "2024-05-06T07:08:12Z"}});
  }
  Json object = {
      {"metadata",
       {{"name", name},
        {"namespace", "ns-" + std::to_string(number % 200)},
        {"generateName", "web-6d4cf56db6-"},
        {"uid", "0a0b0c0d-0000-4000-8000-" + std::to_string(100'000'000'000 + number)},
        {"resourceVersion", std::to_string(1'000'000 + number)},
        {"creationTimestamp", "2024-05-06T07:08:09Z"},
        {"labels",
         {{"app", "web"}, {"version", "v1"}, {"app.kubernetes.io/name", "shop"}, {"pod-template-hash", "6d4cf56db6"}}},
        {"ownerReferences",
         {{{"apiVersion", "apps/v1"},
           {"kind", "ReplicaSet"},
           {"name", "web-6d4cf56db6"},
           {"uid", "1"},
           {"controller", true}}}},
        {"managedFields", managed_fields(2)}}},
      {"spec",
       {{"containers", containers},
        {"nodeName", "node-" + std::to_string(number % 100)},
        {"dnsPolicy", "ClusterFirst"}}},
      {"status",
       {{"phase", "Running"}, {"conditions", conditions}, {"containerStatuses", statuses}, {"podIP", "10.0.0.1"}}}};
  const std::size_t size = object.dump().size();
  object["metadata"]["annotations"] = {
      {"example.org/notes", std::string(size < kPodBytes ? kPodBytes - size : 1, 'n')}};
  return object.dump();
}

std::string list_page(int first) {
  std::string page =
      R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"5000000","continue":"token"},"items":[)";
  for (int i = 0; i < kPage; ++i) page.append(i == 0 ? "" : ",").append(pod(first + i));
  return page.append("]}\n");
}

// The whole list of 10,000 Pods, page after page; objects are freed as the next page comes.
void decode_100_mb_of_pods(benchmark::State& state) {
  std::vector<std::string> pages;
  std::size_t bytes = 0;
  for (int first = 0; first < kPods; first += kPage) bytes += pages.emplace_back(list_page(first)).size();
  Decoder decoder;
  for (auto _ : state) {
    for (const std::string& page : pages) {
      const Result<ListPage> read = decoder.list(Kind::pod, page);
      if (!read || read->items.size() != kPage) {
        state.SkipWithError(read ? "a page lost items" : read.error().text.c_str());
        return;
      }
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes));
  state.counters["MB"] = static_cast<double>(bytes) / 1e6;
  state.counters["an_object"] = benchmark::Counter(static_cast<double>(state.iterations()) * kPods,
                                                   benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(decode_100_mb_of_pods)->Unit(benchmark::kMillisecond);

// Bytes of a watch in pieces of the given size to typed objects, framing included (bar: under 10 µs an event).
void watch_events_of_pods(benchmark::State& state) {
  std::string stream;
  for (int i = 0; i < kPage; ++i) stream += R"({"type":"MODIFIED","object":)" + pod(i) + "}\n";
  const std::size_t piece = static_cast<std::size_t>(state.range(0));
  Decoder decoder;
  for (auto _ : state) {
    WatchDecoder lines(Kind::pod, decoder);
    int events = 0;
    const WatchDecoder::OnEvent count = [&events](const Result<WatchEvent>& event) {
      events += event.has_value() ? 1 : 0;
      return true;
    };
    for (std::size_t at = 0; at < stream.size(); at += piece)
      lines.feed(std::string_view(stream).substr(at, piece), count);
    if (events != kPage) {
      state.SkipWithError("events were lost");
      return;
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * stream.size()));
  state.counters["an_event"] = benchmark::Counter(static_cast<double>(state.iterations()) * kPage,
                                                  benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(watch_events_of_pods)->Arg(4 * 1024)->Arg(64 * 1024)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace meshgraft

BENCHMARK_MAIN();
