#include "saved/tensor_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/error.h"

namespace penstock {
namespace {

constexpr const char* kWeights = "weights.safetensors";
constexpr size_t kMaxWritten = 16;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// "name.txt" below the folder that it belongs to: no way out of it, nothing hidden.
bool is_file_name(const std::string& name) {
  if (name.empty() || name.size() > 255 || !is_plain(name[0])) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return is_plain(c) || c == '.'; });
}

bool starts_with(const std::string& text, const std::string& with) {
  return text.compare(0, with.size(), with) == 0;
}

void check_safetensors_name(const std::string& file, const std::string& what) {
  static const std::string kLowered = "lowered/", kSuffix = ".safetensors";
  if (file == kWeights || file == "golden.safetensors") return;
  bool lowered = starts_with(file, kLowered) && file.size() > kLowered.size() + kSuffix.size() &&
                 file.compare(file.size() - kSuffix.size(), kSuffix.size(), kSuffix) == 0 &&
                 is_file_name(file.substr(kLowered.size()));
  if (!lowered)
    fail(ErrorKind::kFormat, what, " is in the file ", json_quoted(file),
         "; expected weights.safetensors, golden.safetensors or lowered/<device>.safetensors");
}

template <typename T>
void put(Tensor& t, size_t i, T value) {
  std::memcpy(t.data() + i * sizeof value, &value, sizeof value);
}

template <typename T>
void put_integer(Tensor& t, size_t i, const Json& value, const std::string& what) {
  if constexpr (std::is_unsigned_v<T>) {
    uint64_t number = value.natural(what);
    if (number > std::numeric_limits<T>::max())
      fail(ErrorKind::kFormat, what, " has ", number, ", which is no ", dtype_name(t.dtype));
    put(t, i, static_cast<T>(number));
  } else {
    int64_t number = value.integer(what);
    if (number < std::numeric_limits<T>::min() || number > std::numeric_limits<T>::max())
      fail(ErrorKind::kFormat, what, " has ", number, ", which is no ", dtype_name(t.dtype));
    put(t, i, static_cast<T>(number));
  }
}

void put_value(Tensor& t, size_t i, const Json& value, const std::string& what) {
  switch (t.dtype) {
    case DType::kBool:
      return put(t, i, value.boolean(what));
    case DType::kI8:
      return put_integer<int8_t>(t, i, value, what);
    case DType::kI16:
      return put_integer<int16_t>(t, i, value, what);
    case DType::kI32:
      return put_integer<int32_t>(t, i, value, what);
    case DType::kI64:
      return put_integer<int64_t>(t, i, value, what);
    case DType::kU8:
      return put_integer<uint8_t>(t, i, value, what);
    case DType::kU16:
      return put_integer<uint16_t>(t, i, value, what);
    case DType::kU32:
      return put_integer<uint32_t>(t, i, value, what);
    case DType::kU64:
      return put_integer<uint64_t>(t, i, value, what);
    case DType::kF16:
      return put(t, i, float_to_half(static_cast<float>(read_float(value, what))));
    case DType::kBF16:
      return put(t, i, float_to_bfloat(static_cast<float>(read_float(value, what))));
    case DType::kF32:
      return put(t, i, static_cast<float>(read_float(value, what)));
    case DType::kF64:
      return put(t, i, read_float(value, what));
    case DType::kString: {
      const std::string& text = value.string(what);
      return t.storage->set_string(static_cast<int64_t>(i), text.data(), text.size());
    }
    case DType::kC64:
    case DType::kC128:
      fail(ErrorKind::kFormat, what, " is complex; expected it in weights.safetensors");
  }
}

// A line of an asset, with its escapes undone.
std::string unescaped(std::string_view line, const std::string& what) {
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      out += line[i];
      continue;
    }
    char c = ++i < line.size() ? line[i] : '\0';
    if (c != '\\' && c != 'n' && c != 'r')
      fail(ErrorKind::kFormat, what, " has a backslash before something else than \\, n or r");
    out += c == 'n' ? '\n' : c == 'r' ? '\r' : '\\';
  }
  return out;
}

}  // namespace

Tensor TensorReader::read(const Json& described, const std::string& what) {
  check_members(described, {"dtype", "shape", "values", "stored", "file", "asset"}, what);
  DType dtype = read_dtype(described.at("dtype", what), what + "'s dtype");
  Shape shape = read_fixed_shape(described.at("shape", what), what + "'s shape");
  const Json *values = described.find("values"), *stored_name = described.find("stored"),
             *asset = described.find("asset"), *file = described.find("file");
  if ((values != nullptr) + (stored_name != nullptr) + (asset != nullptr) != 1 ||
      (file && !stored_name))
    fail(ErrorKind::kFormat, what, " must have one of values, stored and asset");
  if (values) return written_out(*values, dtype, shape, what);
  if (asset) {
    if (dtype != DType::kString)
      fail(ErrorKind::kFormat, what, " is ", dtype_name(dtype), "; assets hold strings");
    return lines(asset->string(what + "'s asset"), shape, what);
  }
  return stored(file ? file->string(what + "'s file") : kWeights,
                stored_name->string(what + "'s name"), dtype, shape, what);
}

Tensor TensorReader::written_out(const Json& values, DType dtype, const Shape& shape,
                                 const std::string& what) {
  const Json::Array& items = values.array(what + "'s values");
  if (items.size() > kMaxWritten || shape.size() != static_cast<int64_t>(items.size()))
    fail(ErrorKind::kFormat, what, " of shape ", shape.text(), " has ", items.size(),
         " values; expected as many as fit, and at most ", kMaxWritten);
  Tensor t = Tensor::empty(dtype, shape);
  for (size_t i = 0; i < items.size(); ++i) put_value(t, i, items[i], what);
  return t;
}

const SafetensorsFile& TensorReader::open(const std::string& file) {
  auto it = files_.find(file);
  if (it == files_.end()) it = files_.emplace(file, SafetensorsFile(folder_ + "/" + file)).first;
  return it->second;
}

Tensor TensorReader::stored(const std::string& file, const std::string& name, DType dtype,
                            const Shape& shape, const std::string& what) {
  check_safetensors_name(file, what);
  const SafetensorsFile& tensors = open(file);
  const SafetensorsFile::Entry* entry = tensors.find(name);
  if (!entry) fail(ErrorKind::kFormat, what, " is not in ", file);
  // The files know no complex128: it comes as pairs of float64.
  bool pairs = dtype == DType::kC128;
  Shape wanted = shape;
  if (pairs) wanted.push(2);
  if (entry->dtype != (pairs ? DType::kF64 : dtype) || entry->shape != wanted)
    fail(ErrorKind::kFormat, what, " is ", dtype_name(entry->dtype), " of shape ",
         entry->shape.text(), " in ", file, "; graph.json says ", dtype_name(dtype), " of shape ",
         shape.text());
  Tensor t = tensors.tensor(*entry);
  if (file == kWeights) used_.emplace(name, t);
  t.dtype = dtype;
  t.shape = shape;
  return t;
}

Tensor TensorReader::lines(const std::string& asset, const Shape& shape, const std::string& what) {
  static const std::string kFolder = "assets/";
  if (!starts_with(asset, kFolder) || !is_file_name(asset.substr(kFolder.size())))
    fail(ErrorKind::kFormat, what, " is in the asset ", json_quoted(asset),
         "; expected assets/ and the name of a file");
  Ref<MappedFile> file = MappedFile::open(folder_ + "/" + asset);
  std::string_view text = file->bytes();
  int64_t count = std::count(text.begin(), text.end(), '\n');
  if (shape.size() != count || (!text.empty() && text.back() != '\n'))
    fail(ErrorKind::kFormat, what, " of shape ", shape.text(), " has ", count, " lines in ", asset,
         "; expected one for each string, ended by a line feed");
  Tensor t = Tensor::empty(DType::kString, shape);
  for (int64_t i = 0; i < count; ++i) {
    size_t end = text.find('\n');
    std::string line = unescaped(text.substr(0, end), what);
    t.storage->set_string(i, line.data(), line.size());
    text.remove_prefix(end + 1);
  }
  return t;
}

std::vector<std::string> TensorReader::unused() {
  std::vector<std::string> out;
  if (!files_.count(kWeights) && !MappedFile::exists(folder_ + "/" + kWeights)) return out;
  for (const auto& named : open(kWeights).entries())
    if (!used_.count(named.first)) out.push_back(named.first);
  return out;
}

void check_members(const Json& object, const std::vector<const char*>& known,
                   const std::string& what) {
  for (const auto& member : object.object(what))
    if (std::none_of(known.begin(), known.end(),
                     [&](const char* name) { return member.first == name; }))
      fail(ErrorKind::kFormat, what, " has the unknown member ", json_quoted(member.first));
}

DType read_dtype(const Json& name, const std::string& what) {
  DType dtype;
  if (!dtype_from_name(name.string(what), &dtype))
    fail(ErrorKind::kFormat, what, " is ", json_quoted(name.string(what)),
         "; there is no such dtype");
  return dtype;
}

Shape read_fixed_shape(const Json& sizes, const std::string& what) {
  const Json::Array& items = sizes.array(what);
  if (items.size() > static_cast<size_t>(kMaxRank))
    fail(ErrorKind::kFormat, what, " has ", items.size(), " sizes; at most ", kMaxRank,
         " are possible");
  Shape shape;
  for (const Json& item : items) {
    int64_t size = item.integer(what);
    if (size < 0) fail(ErrorKind::kFormat, what, " has the size ", size);
    shape.push(size);
  }
  return shape;
}

double read_float(const Json& value, const std::string& what) {
  if (!value.is_string()) return value.number(what);
  const std::string& text = value.string(what);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (text == "inf") return kInfinity;
  if (text == "-inf") return -kInfinity;
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  fail(ErrorKind::kFormat, what, " has ", json_quoted(text),
       "; expected a number, \"inf\", \"-inf\" or \"nan\"");
}

}  // namespace penstock
