#include "records/example.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "penstock/kernel_abi.h"

namespace penstock {
namespace {

// A piece of a protocol buffer message that is read field by field.
struct Reader {
  const char *at, *end;
  bool bad = false;

  bool more() const { return at < end && !bad; }

  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at == end) break;
      auto byte = static_cast<unsigned char>(*at++);
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return value;
    }
    bad = true;
    return 0;
  }

  Reader piece() {
    uint64_t size = varint();
    if (bad || size > static_cast<uint64_t>(end - at)) {
      bad = true;
      return {end, end};
    }
    Reader inner{at, at + size};
    at += size;
    return inner;
  }

  void skip(uint64_t bytes) {
    if (bytes > static_cast<uint64_t>(end - at))
      bad = true;
    else
      at += bytes;
  }

  void skip_field(uint64_t tag) {
    switch (tag & 7) {
      case 0:
        varint();
        break;
      case 1:
        skip(8);
        break;
      case 2:
        piece();
        break;
      case 5:
        skip(4);
        break;
      default:
        bad = true;
    }
  }

  std::string_view text() const { return {at, static_cast<size_t>(end - at)}; }
};

constexpr uint64_t field(uint64_t number, uint64_t wire) { return number << 3 | wire; }

// The numbers of the lists in a Feature message.
uint64_t list_of(DType dtype) { return dtype == DType::kString ? 1 : dtype == DType::kF32 ? 2 : 3; }

// What was read of one feature so far, over all records.
struct Column {
  const ExampleFeature* feature;
  std::vector<float> floats;
  std::vector<int64_t> integers;
  std::vector<std::string_view> strings;
  std::vector<int64_t> splits{0};
  int64_t begin = 0;  // of this record's values

  int64_t size() const {
    if (feature->dtype == DType::kF32) return static_cast<int64_t>(floats.size());
    if (feature->dtype == DType::kI64) return static_cast<int64_t>(integers.size());
    return static_cast<int64_t>(strings.size());
  }

  void shrink() {
    if (feature->dtype == DType::kF32)
      floats.resize(static_cast<size_t>(begin));
    else if (feature->dtype == DType::kI64)
      integers.resize(static_cast<size_t>(begin));
    else
      strings.resize(static_cast<size_t>(begin));
  }

  void read_list(Reader& list) {
    while (list.more()) {
      uint64_t tag = list.varint();
      if (tag == field(1, 2)) {
        Reader piece = list.piece();
        if (feature->dtype == DType::kString) {
          strings.push_back(piece.text());
        } else if (feature->dtype == DType::kF32) {
          size_t count = static_cast<size_t>(piece.end - piece.at) / 4, before = floats.size();
          if ((piece.end - piece.at) % 4) list.bad = true;
          floats.resize(before + count);
          std::memcpy(floats.data() + before, piece.at, count * 4);
        } else {
          while (piece.more()) integers.push_back(static_cast<int64_t>(piece.varint()));
          list.bad |= piece.bad;
        }
      } else if (tag == field(1, 5) && feature->dtype == DType::kF32) {
        float value = 0;
        if (list.end - list.at >= 4) std::memcpy(&value, list.at, 4);
        list.skip(4);
        floats.push_back(value);
      } else if (tag == field(1, 0) && feature->dtype == DType::kI64) {
        integers.push_back(static_cast<int64_t>(list.varint()));
      } else {
        list.skip_field(tag);
      }
    }
  }

  void add_fallback(const Tensor& t) {
    for (int64_t i = 0; i < feature->count; ++i) {
      if (feature->dtype == DType::kF32) {
        floats.push_back(reinterpret_cast<const float*>(t.data())[i]);
      } else if (feature->dtype == DType::kI64) {
        integers.push_back(reinterpret_cast<const int64_t*>(t.data())[i]);
      } else {
        const auto& s = reinterpret_cast<const penstock_string*>(t.data())[i];
        strings.emplace_back(s.data ? s.data : "", s.size);
      }
    }
  }

  ExampleColumn finish(int64_t records) const {
    ExampleColumn out;
    bool fixed = feature->count >= 0;
    Shape shape = fixed ? Shape::from({records, feature->count}) : Shape::from({size()});
    out.values = Tensor::empty(feature->dtype, shape);
    if (feature->dtype == DType::kString) {
      for (size_t i = 0; i < strings.size(); ++i)
        out.values.storage->set_string(static_cast<int64_t>(i), strings[i].data(),
                                       strings[i].size());
    } else if (size() > 0) {
      const void* from =
          feature->dtype == DType::kF32 ? static_cast<const void*>(floats.data()) : integers.data();
      std::memcpy(out.values.data(), from, static_cast<size_t>(out.values.bytes()));
    }
    if (!fixed) {
      out.splits = Tensor::empty(DType::kI64, Shape::from({records + 1}));
      std::memcpy(out.splits.data(), splits.data(), splits.size() * sizeof(int64_t));
    }
    return out;
  }
};

class Parser {
 public:
  explicit Parser(const std::vector<ExampleFeature>& features) {
    for (const ExampleFeature& f : features) columns_.push_back({&f, {}, {}, {}, {0}, 0});
    seen_.resize(features.size());
  }

  void read_record(int64_t number, Reader record) {
    number_ = number;
    std::fill(seen_.begin(), seen_.end(), false);
    next_ = 0;
    for (Column& column : columns_) column.begin = column.size();
    while (record.more()) {
      uint64_t tag = record.varint();
      if (tag == field(1, 2)) {
        Reader features = record.piece();
        read_features(features);
        record.bad |= features.bad;
      } else {
        record.skip_field(tag);
      }
    }
    if (record.bad)
      fail(ErrorKind::kFormat, "[parse_example] record ", number,
           " is no tf.train.Example; give the bytes that SerializeToString or make_example "
           "returned");
    finish_record();
  }

  std::vector<ExampleColumn> finish(int64_t records) const {
    std::vector<ExampleColumn> out;
    for (const Column& column : columns_) out.push_back(column.finish(records));
    return out;
  }

 private:
  void read_features(Reader& features) {
    while (features.more()) {
      uint64_t tag = features.varint();
      if (tag != field(1, 2)) {
        features.skip_field(tag);
        continue;
      }
      Reader entry = features.piece(), value{nullptr, nullptr};
      std::string_view key;
      while (entry.more()) {
        uint64_t inner = entry.varint();
        if (inner == field(1, 2))
          key = entry.piece().text();
        else if (inner == field(2, 2))
          value = entry.piece();
        else
          entry.skip_field(inner);
      }
      features.bad |= entry.bad;
      if (!features.bad) read_feature(key, value);
      features.bad |= bad_value_;
    }
  }

  // Records of one file have their features in one order, mostly.
  Column* column_of(std::string_view key) {
    for (size_t tried = 0; tried < columns_.size(); ++tried) {
      size_t i = next_++;
      if (next_ >= columns_.size()) next_ = 0;
      if (i < columns_.size() && columns_[i].feature->name == key) {
        if (seen_[i]) columns_[i].shrink();  // of two the last counts, as in every map of a message
        seen_[i] = true;
        return &columns_[i];
      }
    }
    return nullptr;
  }

  void read_feature(std::string_view key, Reader value) {
    Column* column = column_of(key);
    if (!column) return;
    uint64_t wanted = list_of(column->feature->dtype);
    bool empty = value.at == value.end;
    while (value.more()) {
      uint64_t tag = value.varint();
      uint64_t number = tag >> 3;
      if ((tag & 7) != 2 || number > 3) {
        value.skip_field(tag);
        continue;
      }
      Reader list = value.piece();
      if (number != wanted) wrong_kind(*column->feature, number);
      column->read_list(list);
      value.bad |= list.bad;
    }
    bad_value_ = value.bad;
    if (empty)
      seen_[static_cast<size_t>(column - columns_.data())] = false;  // as if it was missing
    int64_t count = column->size() - column->begin;
    if (!value.bad && !empty && column->feature->count >= 0 && count != column->feature->count)
      fail(ErrorKind::kValue, "[parse_example] record ", number_, ": feature '",
           column->feature->name, "' has ", count, " values, expected ", column->feature->count,
           "; give another shape, or VarLenFeature where records differ");
  }

  void wrong_kind(const ExampleFeature& feature, uint64_t found) {
    static const char* kinds[] = {"", "string", "float32", "int64"};
    fail(ErrorKind::kValue, "[parse_example] record ", number_, ": feature '", feature.name,
         "' holds ", kinds[found], ", expected ", kinds[list_of(feature.dtype)], "; give dtype='",
         kinds[found], "'");
  }

  void finish_record() {
    for (size_t i = 0; i < columns_.size(); ++i) {
      Column& column = columns_[i];
      const ExampleFeature& feature = *column.feature;
      if (!seen_[i] && feature.count >= 0) {
        if (!feature.fallback)
          fail(ErrorKind::kValue, "[parse_example] record ", number_, " has no feature '",
               feature.name, "'; give it a default_value, or leave it out");
        column.add_fallback(*feature.fallback);
      }
      if (feature.count < 0) column.splits.push_back(column.size());
    }
  }

  std::vector<Column> columns_;
  std::vector<bool> seen_;
  size_t next_ = 0;
  int64_t number_ = 0;
  bool bad_value_ = false;
};

}  // namespace

std::vector<ExampleColumn> parse_examples(const Tensor& records,
                                          const std::vector<ExampleFeature>& features) {
  if (records.symbolic() || records.dtype != DType::kString)
    fail(ErrorKind::kDType, "[parse_example] expected a tensor of strings, a record each");
  Parser parser(features);
  const auto* strings = reinterpret_cast<const penstock_string*>(records.data());
  int64_t count = records.shape.size();
  for (int64_t i = 0; i < count; ++i) {
    const char* data = strings[i].data ? strings[i].data : "";
    parser.read_record(i, {data, data + strings[i].size});
  }
  return parser.finish(count);
}

}  // namespace penstock
