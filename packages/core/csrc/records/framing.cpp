#include "records/framing.h"

#include "records/crc32c.h"

namespace penstock {
namespace {

template <typename T>
T little_endian(const char* p) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<T>(static_cast<unsigned char>(p[i])) << (8 * i);
  return value;
}

// A length that no file holds: its checksum was right by chance, or nobody looked at it.
constexpr uint64_t kMostBytes = uint64_t{1} << 40;

}  // namespace

RecordScan scan_records(const char* data, int64_t size, int64_t most, bool verify) {
  RecordScan found;
  while (static_cast<int64_t>(found.records.size()) < most) {
    const char* at = data + found.end;
    int64_t left = size - found.end;
    found.needed = kRecordOverhead;
    if (left < 12) return found;
    auto length = little_endian<uint64_t>(at);
    if ((verify && little_endian<uint32_t>(at + 8) != masked_crc32c(at, 8)) ||
        length > kMostBytes) {
      found.problem = RecordProblem::kLength;
      return found;
    }
    found.needed = kRecordOverhead + static_cast<int64_t>(length);
    if (left < found.needed) return found;
    const char* body = at + 12;
    if (verify && little_endian<uint32_t>(body + length) != masked_crc32c(body, length)) {
      found.problem = RecordProblem::kData;
      return found;
    }
    found.records.push_back({body, length});
    found.end += found.needed;
  }
  found.needed = 0;
  return found;
}

}  // namespace penstock
