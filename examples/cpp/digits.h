// Reads what make_models.py wrote: images of digits, 8 x 8 bytes from 0 to 16.
#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

constexpr int64_t kSide = 8, kPixels = kSide * kSide;

struct Digits {
  std::vector<uint8_t> pixels;  // kPixels for each image
  std::vector<int64_t> labels;
  int64_t count() const { return static_cast<int64_t>(labels.size()); }
};

// A record is a label and its image.
inline Digits read_digits(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(file)), {});
  Digits digits;
  for (size_t at = 0; at + kPixels < bytes.size(); at += kPixels + 1) {
    digits.labels.push_back(bytes[at]);
    digits.pixels.insert(digits.pixels.end(), bytes.begin() + static_cast<long>(at) + 1,
                         bytes.begin() + static_cast<long>(at) + 1 + kPixels);
  }
  if (digits.labels.empty()) throw std::runtime_error(path + " has no image");
  return digits;
}

// One image as PGM, which many programs write: "P5 8 8 16" and the bytes.
inline std::vector<uint8_t> read_pgm(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string magic;
  int64_t width = 0, height = 0, most = 0;
  file >> magic >> width >> height >> most;
  file.get();
  if (!file || magic != "P5" || width != kSide || height != kSide || most != 16)
    throw std::runtime_error(path + " is no PGM image of 8 x 8 pixels from 0 to 16");
  std::vector<uint8_t> pixels(kPixels);
  if (!file.read(reinterpret_cast<char*>(pixels.data()), kPixels))
    throw std::runtime_error(path + " ends too early");
  return pixels;
}
