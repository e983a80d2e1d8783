// CRC-32C (Castagnoli), the checksum of TFRecord files.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/export.h"

namespace penstock {

PENSTOCK_API uint32_t crc32c(const void* data, size_t size);
// As records store it: a checksum of data that holds checksums would be weak.
inline uint32_t masked_crc32c(const void* data, size_t size) {
  uint32_t crc = crc32c(data, size);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

}  // namespace penstock
