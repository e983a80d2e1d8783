// Graphs, variables and tensors of penstock.hpp: each line of the output is compared by test_graphs.py.
#include <atomic>
#include <cstdio>
#include <penstock/penstock.hpp>
#include <thread>

namespace api = penstock::api;

static void print(const char* what, const std::vector<int64_t>& values) {
  std::printf("%s", what);
  for (int64_t v : values) std::printf(" %lld", static_cast<long long>(v));
  std::puts("");
}

template <typename Body>
static void expect_error(Body body) {
  try {
    body();
    std::puts("no error");
  } catch (const api::Error& e) {
    std::printf("%d %s\n", e.kind(), e.what());
  } catch (const std::invalid_argument& e) {
    std::printf("invalid %s\n", e.what());
  }
}

static void values_and_types() {
  api::Graph graph("types");
  api::Value x = graph.input<float>("x", {-1, 3});
  api::Value y = graph.call("cast", {x}, {{"dtype", api::dtype_of<int64_t>()}}).named("whole");
  print("shape", y.shape());
  std::printf("dtype %d %d\n", y.dtype().code, y.dtype().bits);
  std::printf("found %d\n", graph.find("whole").index() == y.index());
  std::vector<api::Value> both = graph.add("top_k", {x}, {{"k", 2}});
  std::printf("outputs %zu\n", both.size());
  std::printf("found %d\n", graph.find("top_k:1").index() == both[1].index());
  api::Value z = graph.call("sum", {x * 2 - 1}, {api::Attr::none("axis"), {"keepdims", true}});
  print("shape", z.shape());
  expect_error([&] { graph.find("nowhere"); });
  expect_error([&] { graph.call("sum", {x}, {{"axes", 1}}); });
  graph.set_outputs({y, z});
  std::vector<api::Tensor> out =
      api::Plan(graph).run({api::Tensor::take<float>({2, 3}, {1, 2, 3, 4, 5, 6})});
  print("whole", out[0].to_vector<int64_t>());
  std::printf("sum %g\n", static_cast<double>(out[1].item<float>()));
}

static void variables() {
  api::Variable counter("counter", api::Tensor::scalar<int64_t>(5), false);
  api::Graph graph("count");
  graph.set_outputs({graph.assign(
      counter, graph.read(counter) + graph.constant(api::Tensor::scalar<int64_t>(1)))});
  api::Plan plan(graph);
  std::atomic<int> runs{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 25; ++k) {
        plan.run({});
        ++runs;
      }
    });
  for (std::thread& thread : threads) thread.join();
  std::printf("%s %d after %d runs\n", counter.name().c_str(), counter.trainable(), runs.load());
  int64_t counted = counter.value().item<int64_t>();
  std::printf("counted %d\n", counted > 5 && counted <= 105);
  api::Tensor before = counter.value();
  counter.assign(api::Tensor::scalar<int64_t>(-1));
  plan.run({});
  std::printf("kept %d, now %lld\n", before.item<int64_t>() == counted,
              static_cast<long long>(counter.value().item<int64_t>()));
  expect_error([&] { counter.assign(api::Tensor::scalar(1.0f)); });
  expect_error([&] { counter.assign(api::Tensor::from<int64_t>({2}, {1, 2})); });
}

static void tensors() {
  api::Tensor words = api::Tensor::strings({2}, {"one", std::string("t\0o", 3)});
  std::printf("strings %zu %zu\n", words.to_strings()[0].size(), words.to_strings()[1].size());
  bool flags[] = {true, false};
  print("bools", {api::Tensor::copy({2}, flags).size()});
  uint16_t halves[] = {0x3c00};
  std::printf("half %d\n",
              api::Tensor::raw({PENSTOCK_CODE_FLOAT, 16, 1}, {1}, halves).dtype().bits);
  api::Tensor moved = std::move(words);
  std::printf("moved %d %d\n", static_cast<bool>(moved), static_cast<bool>(words));
  expect_error([&] { moved.data<float>(); });
  expect_error([&] { moved.item<float>(); });
  expect_error([] { api::Tensor::from<float>({3}, {1}); });
  expect_error([] { api::Tensor::raw(api::dtype_of<float>(), {-1}, nullptr); });
  expect_error([] { api::Model::load("/nowhere/at/all"); });
}

int main(int, char** argv) {
  api::load_plugin(argv[1]);
  values_and_types();
  variables();
  tensors();
  return 0;
}
