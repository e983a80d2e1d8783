// Runs the first function of the saved graph that this program was built for, on raw files or on ones, and prints the
// largest outputs.
//
//   ./run_model FOLDER [INPUT...]      each INPUT: the bytes of one input, for a batch of 1
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <penstock/penstock.hpp>

namespace api = penstock::api;

// The kernels that are linked in.
extern "C" int penstock_plugin_init_v1_kernels_cpu(penstock_registry*);

static std::vector<char> read_file(const char* path, size_t size) {
  std::vector<char> bytes(size);
  std::FILE* file = std::fopen(path, "rb");
  size_t read = file ? std::fread(bytes.data(), 1, size, file) : 0;
  if (file) std::fclose(file);
  if (read != size) throw std::runtime_error(std::string(path) + " has too few bytes");
  return bytes;
}

static api::Tensor input(const api::Spec& spec, const char* path) {
  std::vector<int64_t> shape = spec.shape;
  size_t count = 1;
  for (int64_t& size : shape) count *= static_cast<size_t>(size = size < 0 ? 1 : size);
  if (path)
    return api::Tensor::raw(spec.dtype, shape, read_file(path, count * spec.dtype.bits / 8).data());
  if (spec.dtype.code == PENSTOCK_CODE_FLOAT && spec.dtype.bits == 32)
    return api::Tensor::from(shape, std::vector<float>(count, 1));
  return api::Tensor::raw(spec.dtype, shape,
                          std::vector<char>(count * spec.dtype.bits / 8, 1).data());
}

template <typename T>
static std::vector<double> numbers(const api::Tensor& t) {
  const T* values = t.data<T>();
  return {values, values + t.size()};
}

static std::vector<double> numbers_of(const api::Tensor& t) {
  const penstock_dtype dtype = t.dtype();
  if (dtype.code == PENSTOCK_CODE_FLOAT && dtype.bits == 32) return numbers<float>(t);
  if (dtype.code == PENSTOCK_CODE_UINT && dtype.bits == 8) return numbers<uint8_t>(t);
  if (dtype.code == PENSTOCK_CODE_INT && dtype.bits == 8) return numbers<int8_t>(t);
  if (dtype.code == PENSTOCK_CODE_INT && dtype.bits == 64) return numbers<int64_t>(t);
  return {};
}

static void print_largest(const api::Spec& spec, const api::Tensor& t) {
  std::vector<double> values = numbers_of(t);
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  size_t shown = std::min<size_t>(5, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<long>(shown), order.end(),
                    [&](int a, int b) { return values[a] > values[b]; });
  std::printf("%s:", spec.name.c_str());
  for (size_t i = 0; i < shown; ++i) std::printf(" [%d] %.6g", order[i], values[order[i]]);
  std::puts("");
}

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FOLDER [INPUT...]\n", argv[0]);
    return 2;
  }
  try {
    api::add_static_plugin(penstock_plugin_init_v1_kernels_cpu, "kernels-cpu");
    api::Function f = api::Model::load(argv[1]).function();
    std::vector<api::Tensor> inputs;
    for (size_t i = 0; i < f.inputs().size(); ++i)
      inputs.push_back(
          input(f.inputs()[i], static_cast<int>(i) + 2 < argc ? argv[i + 2] : nullptr));
    std::vector<api::Tensor> outputs = f.call(inputs);
    for (size_t i = 0; i < outputs.size(); ++i) print_largest(f.outputs()[i], outputs[i]);
    auto began = std::chrono::steady_clock::now();
    f.call(inputs);
    std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    std::printf("%.2f ms\n", took.count());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
