// Builds graphs by hand, from the op table that Python uses too, and fits a line to points: y = weight * x + bias. The
// gradients are written out here; those of larger models come with a saved train step (see train_saved_step.cpp).
//
//   PENSTOCK_PLUGIN_PATH=<site-packages>/penstock_kernels_cpu/libpenstock_kernels_cpu.so ./build_graph
#include <cmath>
#include <cstdio>
#include <penstock/penstock.hpp>

namespace api = penstock::api;

static api::Graph training_step(const api::Variable& weight, const api::Variable& bias) {
  api::Graph graph("step");
  api::Value x = graph.input<float>("x", {-1});  // any length
  api::Value y = graph.input<float>("y", {-1});
  api::Value w = graph.read(weight), b = graph.read(bias);
  api::Value error = (x * w + b - y).named("error");
  api::Value loss = graph.call("mean", {error * error}).named("loss");
  graph.assign(weight, w - 0.1 * graph.call("mean", {2 * error * x}));
  graph.assign(bias, b - 0.1 * graph.call("mean", {2 * error}));
  graph.set_outputs({loss});
  return graph;
}

int main() {
  try {
    api::Variable weight("weight", api::Tensor::scalar(0.0f));
    api::Variable bias("bias", api::Tensor::scalar(0.0f));
    api::Graph graph = training_step(weight, bias);
    std::puts(graph.text().c_str());

    api::Plan step(graph);
    api::Tensor x = api::Tensor::from<float>({4}, {-1, 0, 1, 2});
    api::Tensor y = api::Tensor::from<float>({4}, {-1, 1, 3, 5});
    float loss = 0;
    for (int i = 0; i < 200; ++i) loss = step.run({x, y})[0].item<float>();
    float w = weight.value().item<float>(), b = bias.value().item<float>();
    std::printf("y = %.3f x + %.3f, loss %.2g\n", w, b, loss);
    return std::fabs(w - 2) < 1e-2 && std::fabs(b - 1) < 1e-2 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
