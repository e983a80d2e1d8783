// The C++ half of bench_cpp.py: loads a saved graph, and for each number that comes in runs its first function so often,
// on ones, and answers with seconds of CPU time per call, once in order and once by name.
#include <cstdio>
#include <ctime>
#include <iostream>
#include <penstock/penstock.hpp>

namespace api = penstock::api;

static double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <typename Body>
double seconds_per_call(int count, Body body) {
  double start = cpu_seconds();
  for (int i = 0; i < count; ++i) body();
  return (cpu_seconds() - start) / count;
}

int main(int, char** argv) {
  try {
    api::Function f = api::Model::load(argv[1]).function();
    std::vector<int64_t> shape = f.inputs()[0].shape;
    size_t count = 1;
    for (int64_t& size : shape) count *= static_cast<size_t>(size = size < 0 ? 1 : size);
    api::Tensor x = api::Tensor::from(shape, std::vector<float>(count, 1));
    const std::string name = f.inputs()[0].name;
    f.call({x});
    for (int n; std::cin >> n;) {
      double in_order = seconds_per_call(n, [&] { f.call({x}); });
      double by_name = seconds_per_call(n, [&] { f.run({{name, x}}); });
      std::printf("%.9g %.9g\n", in_order, by_name);
      std::fflush(stdout);
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
