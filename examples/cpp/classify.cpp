// Loads a saved graph and says which digit an image shows.
//
//   ./classify digits image.pgm
#include <cstdio>
#include <penstock/penstock.hpp>

#include "digits.h"

namespace api = penstock::api;

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MODEL IMAGE\n", argv[0]);
    return 2;
  }
  try {
    api::Model model = api::Model::load(argv[1]);
    // The model scales the pixels itself: what was done in training cannot be forgotten here.
    api::Tensor image = api::Tensor::from({1, kSide, kSide, 1}, read_pgm(argv[2]));
    api::NamedTensors out = model.run({{"image", image}});
    std::printf("digit %lld, probability %.3f\n",
                static_cast<long long>(out.at("digit").item<int64_t>()),
                static_cast<double>(out.at("probability").item<float>()));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
