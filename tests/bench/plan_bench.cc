// plan: microseconds per object of one namespace, from 10 to 10,000 objects: everything still to do, and everything
// satisfied. Bars: at most 5 µs an object when satisfied, and linear.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "k8sclient/model/decode.h"
#include "reconcilers/foresee.h"
#include "reconcilers/keys.h"
#include "reconcilers/plan.h"

namespace meshgraft {
namespace {

constexpr std::string_view kNamespace = "shop";

void add(Decoder& decoder, std::vector<ObjectPtr>& objects, const Json& json) {
  Result<ObjectPtr> object = decoder.object(to_text(json));
  if (object) objects.push_back(std::move(*object));
}

Json meta(const std::string& name) {
  return {{"name", name}, {"namespace", kNamespace}, {"uid", "uid-" + name}, {"resourceVersion", "1"}, {"generation", 1}, {"labels", {{"app", name}}}};
}

// `size` objects as people have them: Deployment and Service in turn, an Ingress for every twentieth.
World shop(int size) {
  Decoder decoder;
  std::vector<ObjectPtr> objects;
  add(decoder, objects, {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", kNamespace}, {"labels", {{keys::kApp, kNamespace}}}}}});
  for (int i = 0; static_cast<int>(objects.size()) < size; ++i) {
    const std::string name = "service-" + std::to_string(i);
    add(decoder, objects,
        {{"apiVersion", "apps/v1"},
         {"kind", "Deployment"},
         {"metadata", meta(name)},
         {"spec",
          {{"replicas", 2},
           {"selector", {{"matchLabels", {{"app", name}}}}},
           {"template",
            {{"metadata", {{"labels", {{"app", name}}}}},
             {"spec", {{"containers", {{{"name", "main"}, {"image", "example.com/" + name + ":1.0"}, {"ports", {{{"containerPort", 8080}}}}}}}}}}}}},
         {"status", {{"observedGeneration", 1}, {"replicas", 2}, {"updatedReplicas", 2}, {"readyReplicas", 2}, {"availableReplicas", 2}}}});
    add(decoder, objects,
        {{"apiVersion", "v1"},
         {"kind", "Service"},
         {"metadata", meta(name)},
         {"spec", {{"clusterIP", "10.0.0.1"}, {"selector", {{"app", name}}}, {"ports", {{{"name", "http"}, {"port", 80}, {"targetPort", 8080}, {"protocol", "TCP"}}}}}}});
    if (i % 20 != 0) continue;
    add(decoder, objects,
        {{"apiVersion", "networking.k8s.io/v1"},
         {"kind", "Ingress"},
         {"metadata", meta(name)},
         {"spec",
          {{"ingressClassName", "nginx"},
           {"rules",
            {{{"host", name + ".example.com"},
              {"http", {{"paths", {{{"path", "/"}, {"pathType", "Prefix"}, {"backend", {{"service", {{"name", name}, {"port", {{"number", 80}}}}}}}}}}}}}}}}}});
  }
  World world = make_world(objects);
  if (std::optional<Profile> assumed = profile("kubesphere-3.3")) {
    world.mesh = std::move(assumed->mesh);
    world.platform = std::move(assumed->platform);
  }
  return world;
}

// Objects one after the other in memory, as decoding a list answer leaves them; those that foresee() made lie apart,
// between what it gave back.
template <typename T>
void gather(std::vector<std::shared_ptr<const T>>& objects) {
  for (auto& object : objects) object = std::make_shared<const T>(*object);
}

void run(benchmark::State& state, const World& world, bool satisfied) {
  const Settings settings;
  const Facts facts = derive_facts(world, settings);
  NamespaceView view = world.namespaces.at(std::string(kNamespace));
  if (!view.pods) view.pods.emplace();
  gather(view.workloads);
  gather(view.services);
  gather(view.ingresses);
  std::size_t changes = 0;
  for (auto _ : state) {
    Plan made = plan(view, facts, settings);
    changes = made.now.size();
    benchmark::DoNotOptimize(made);
  }
  if (satisfied && changes > 0) state.SkipWithError("the satisfied namespace still has something to do");
  const double objects = static_cast<double>(state.range(0)) * static_cast<double>(state.iterations());
  state.counters["per_object"] = benchmark::Counter(objects, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);  // CPU seconds
  state.counters["changes"] = static_cast<double>(changes);
}

void unsatisfied(benchmark::State& state) { run(state, shop(static_cast<int>(state.range(0))), false); }
void satisfied(benchmark::State& state) { run(state, foresee(shop(static_cast<int>(state.range(0))), {}).after, true); }

BENCHMARK(satisfied)->RangeMultiplier(10)->Range(10, 10000)->Unit(benchmark::kMicrosecond);
BENCHMARK(unsatisfied)->RangeMultiplier(10)->Range(10, 10000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace meshgraft

BENCHMARK_MAIN();
