// TFRecord files: length (8 bytes), its checksum (4), the bytes of the record, their checksum (4); little-endian.
#pragma once

#include <cstdint>
#include <vector>

#include "base/export.h"

namespace penstock {

struct RecordSpan {
  const char* data;
  uint64_t size;
};

enum class RecordProblem { kNone, kLength, kData };

struct RecordScan {
  std::vector<RecordSpan> records;
  int64_t end = 0;  // where the next record begins
  int64_t needed =
      0;  // how many bytes of it there are, as far as is known; 0 when `most` were found
  RecordProblem problem = RecordProblem::kNone;
};

constexpr int64_t kRecordOverhead = 16;

// Finds up to `most` whole records in `size` bytes that begin with one.
PENSTOCK_API RecordScan scan_records(const char* data, int64_t size, int64_t most, bool verify);

}  // namespace penstock
