// Builds the graph a + b, runs it with the CPU kernels, and prints the answer. There is no Python in this process.
//
//   PENSTOCK_PLUGIN_PATH=<site-packages>/penstock_kernels_cpu/libpenstock_kernels_cpu.so ./add
#include <cstdio>
#include <penstock/penstock.hpp>

namespace api = penstock::api;

int main() {
  try {
    api::Graph graph("add");
    api::Value a = graph.input<float>("a", {-1});  // any length
    api::Value b = graph.input<float>("b", {-1});
    graph.set_outputs({a + b});
    std::puts(graph.text().c_str());

    api::Plan plan(graph);
    api::Tensor x = api::Tensor::from<float>({3}, {1, 2, 3});
    api::Tensor y = api::Tensor::from<float>({3}, {10, 20, 30});
    api::Tensor sum = plan.run({x, y})[0];
    for (int64_t i = 0; i < sum.size(); ++i) std::printf("%g ", sum.data<float>()[i]);
    std::puts("");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
