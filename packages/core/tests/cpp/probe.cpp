// What the tests ask of libpenstock: `probe plugin.so` reads commands from its input, a line each, and answers each with
// a line: "ok ..." or "error KIND message".
//
//   load FOLDER [saved]        print functions and variables
//   run FOLDER FUNCTION        run on ones, at size 2 where a size may differ; print the sums of the outputs
//   train FOLDER FUNCTION N    the same N times; print the outputs' sums of the last, and write weights.safetensors
//   weights FOLDER FILE        load other weights into the model, then as run "main"
#include <cstdio>
#include <iostream>
#include <numeric>
#include <penstock/penstock.hpp>
#include <sstream>

namespace api = penstock::api;

static std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + part;
  return out;
}

static std::string text_of(const api::Spec& spec) {
  return spec.name + "[" + joined(spec.sizes) + "]";
}

static std::string signature(const api::Function& f) {
  std::vector<std::string> in, out;
  for (const api::Spec& spec : f.inputs()) in.push_back(text_of(spec));
  for (const api::Spec& spec : f.outputs()) out.push_back(text_of(spec));
  return f.name() + "(" + joined(in) + ") -> (" + joined(out) + ")";
}

static api::Tensor ones(const api::Spec& spec) {
  std::vector<int64_t> shape = spec.shape;
  int64_t size = 1;
  for (int64_t& d : shape) size *= d = d < 0 ? 2 : d;
  auto n = static_cast<size_t>(size);
  if (spec.dtype.code == PENSTOCK_CODE_FLOAT && spec.dtype.bits == 32)
    return api::Tensor::from<float>(shape, std::vector<float>(n, 1));
  if (spec.dtype.code == PENSTOCK_CODE_INT && spec.dtype.bits == 64)
    return api::Tensor::from<int64_t>(shape, std::vector<int64_t>(n, 1));
  if (spec.dtype.code == PENSTOCK_CODE_STRING)
    return api::Tensor::strings(shape, std::vector<std::string>(n, "one"));
  return api::Tensor::raw(spec.dtype, shape, std::string(n * spec.dtype.bits / 8, '\1').data());
}

static double sum_of(const api::Tensor& t) {
  if (t.dtype().code == PENSTOCK_CODE_STRING) {
    double length = 0;
    for (const std::string& text : t.to_strings()) length += static_cast<double>(text.size());
    return length;
  }
  if (t.dtype().code == PENSTOCK_CODE_FLOAT) {
    std::vector<float> values = t.to_vector<float>();
    return std::accumulate(values.begin(), values.end(), 0.0);
  }
  std::vector<int64_t> values = t.to_vector<int64_t>();
  return static_cast<double>(std::accumulate(values.begin(), values.end(), int64_t{0}));
}

static std::string sums_of(const api::Function& f) {
  std::vector<api::Tensor> inputs;
  for (const api::Spec& spec : f.inputs()) inputs.push_back(ones(spec));
  std::vector<std::string> sums;
  for (const api::Tensor& t : f.call(inputs, {10.0})) {
    char digits[40];
    std::snprintf(digits, sizeof digits, "%.6g", sum_of(t));
    sums.emplace_back(digits);
  }
  return joined(sums);
}

static std::string answer(std::istringstream words) {
  std::string command, folder, name;
  words >> command >> folder >> name;
  if (command == "load") {
    api::Model model = api::Model::load(folder, name == "saved" ? PENSTOCK_LOAD_AS_SAVED : 0);
    std::vector<std::string> parts;
    for (const std::string& function : model.function_names())
      parts.push_back(signature(model.function(function)));
    for (const api::Spec& spec : model.function().inputs()) parts.push_back(text_of(spec));
    for (const api::Spec& spec : model.function().outputs()) parts.push_back(text_of(spec));
    for (const api::Variable& v : model.variables())
      parts.push_back(v.name() + (v.trainable() ? "" : " (fixed)"));
    return joined(parts);
  }
  api::Model model = api::Model::load(folder);
  if (command == "weights") {
    model.load_weights(name);
    return sums_of(model.function("main"));
  }
  int times = 1;
  if (command == "train") words >> times;
  std::string sums;
  for (int i = 0; i < times; ++i) sums = sums_of(model.function(name));
  if (command == "train") model.save_weights(folder + "/weights.safetensors");
  return sums;
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) api::load_plugin(argv[i]);
  for (std::string line; std::getline(std::cin, line);) {
    try {
      std::string said = answer(std::istringstream(line));
      std::cout << "ok " << said << std::endl;
    } catch (const api::Error& e) {
      std::string message = e.what();
      for (char& c : message)
        if (c == '\n') c = ' ';
      std::cout << "error " << e.kind() << " " << message << std::endl;
    }
  }
  return 0;
}
