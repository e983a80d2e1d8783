// Trains a model that was saved untrained: Python wrote down one step of training, with gradients and optimiser, as a
// function of the saved graph. Here it is called in a loop, and the weights are written back.
//
//   ./train_saved_step untrained train.bin test.bin
#include <algorithm>
#include <cstdio>
#include <numeric>
#include <penstock/penstock.hpp>
#include <random>

#include "digits.h"

namespace api = penstock::api;

static double accuracy(const api::Function& classify, const Digits& digits) {
  api::Tensor images = api::Tensor::from({digits.count(), kSide, kSide, 1}, digits.pixels);
  std::vector<int64_t> found = classify.run({{"image", images}}).at("digit").to_vector<int64_t>();
  size_t right = 0;
  for (size_t i = 0; i < found.size(); ++i) right += found[i] == digits.labels[i];
  return static_cast<double>(right) / static_cast<double>(found.size());
}

static Digits batch_of(const Digits& all, const std::vector<size_t>& order, size_t begin,
                       size_t size) {
  Digits batch;
  for (size_t i = begin; i < std::min(begin + size, order.size()); ++i) {
    auto image = all.pixels.begin() + static_cast<long>(order[i]) * kPixels;
    batch.pixels.insert(batch.pixels.end(), image, image + kPixels);
    batch.labels.push_back(all.labels[order[i]]);
  }
  return batch;
}

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s MODEL TRAIN TEST\n", argv[0]);
    return 2;
  }
  try {
    const std::string folder = argv[1];
    Digits train = read_digits(argv[2]), test = read_digits(argv[3]);
    api::Model model = api::Model::load(folder);
    api::Function classify = model.function("classify"), step = model.function("train");
    std::printf("accuracy before: %.3f\n", accuracy(classify, test));

    std::vector<size_t> order(train.labels.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::mt19937 random(0);
    for (int epoch = 1; epoch <= 8; ++epoch) {
      std::shuffle(order.begin(), order.end(), random);
      double loss = 0;
      for (size_t begin = 0; begin < order.size(); begin += 32) {
        Digits batch = batch_of(train, order, begin, 32);
        api::NamedTensors out =
            step.run({{"image", api::Tensor::from({batch.count(), kSide, kSide, 1}, batch.pixels)},
                      {"label", api::Tensor::from({batch.count()}, batch.labels)}});
        loss = out.at("loss").item<float>();
      }
      std::printf("epoch %d, loss of the last batch %.4f\n", epoch, loss);
    }
    double trained = accuracy(classify, test);
    std::printf("accuracy after: %.3f\n", trained);

    // Into the folder: whoever loads it from now on, also in Python, gets the trained weights.
    model.save_weights(folder + "/weights.safetensors");
    double loaded = accuracy(api::Model::load(folder).function("classify"), test);
    std::printf("accuracy when loaded again: %.3f\n", loaded);
    return trained > 0.9 && loaded == trained ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
