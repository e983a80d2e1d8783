#include "saved/safetensors.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "saved/json.h"

namespace penstock {
namespace {

constexpr int64_t kMaxHeader = 100'000'000;  // what the format allows

constexpr std::pair<const char*, DType> kCodes[] = {
    {"BOOL", DType::kBool}, {"I8", DType::kI8},   {"I16", DType::kI16},   {"I32", DType::kI32},
    {"I64", DType::kI64},   {"U8", DType::kU8},   {"U16", DType::kU16},   {"U32", DType::kU32},
    {"U64", DType::kU64},   {"F16", DType::kF16}, {"BF16", DType::kBF16}, {"F32", DType::kF32},
    {"F64", DType::kF64},   {"C64", DType::kC64},
};

template <typename... Parts>
[[noreturn]] void damaged(const std::string& path, const Parts&... parts) {
  fail(ErrorKind::kFormat, path, " is no whole safetensors file: ", parts...,
       "; fetch or save it again");
}

DType dtype_of(const std::string& code, const std::string& path, const std::string& name) {
  for (const auto& [known, dtype] : kCodes)
    if (code == known) return dtype;
  damaged(path, json_quoted(name), " has the unknown dtype ", json_quoted(code));
}

int64_t natural(const Json& value, const std::string& what) {
  int64_t n = value.integer(what);
  if (n < 0) fail(ErrorKind::kFormat, what, " is ", n, "; expected no negative number");
  return n;
}

SafetensorsFile::Entry entry_of(const Json& row, const std::string& path, const std::string& name) {
  std::string what = path + ": " + json_quoted(name);
  SafetensorsFile::Entry entry{};
  entry.dtype = dtype_of(row.at("dtype", what).string(what + "'s dtype"), path, name);
  const auto& shape = row.at("shape", what).array(what + "'s shape");
  if (shape.size() > static_cast<size_t>(kMaxRank))
    damaged(path, json_quoted(name), " has ", shape.size(), " dimensions; at most ", kMaxRank,
            " are possible");
  for (const Json& size : shape) entry.shape.push(natural(size, what + "'s size"));
  const auto& place = row.at("data_offsets", what).array(what + "'s data_offsets");
  if (place.size() != 2) damaged(path, json_quoted(name), " has not two data_offsets");
  entry.begin = natural(place[0], what + "'s begin");
  entry.end = natural(place[1], what + "'s end");
  int64_t wanted = dim_mul(entry.shape.size(), dtype_size(entry.dtype));
  if (entry.end < entry.begin || entry.end - entry.begin != wanted)
    damaged(path, json_quoted(name), " of shape ", entry.shape.text(), " and dtype ",
            dtype_name(entry.dtype), " takes ", wanted, " bytes, its data_offsets are ",
            entry.begin, " and ", entry.end);
  return entry;
}

void check_bools(const char* data, int64_t n, const std::string& path) {
  for (int64_t i = 0; i < n; ++i)
    if (data[i] != 0 && data[i] != 1) damaged(path, "a bool is neither 0 nor 1");
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string& path) : file_(MappedFile::open(path)) {
  std::string_view bytes = file_->bytes();
  uint64_t length = 0;
  for (size_t i = 0; i < 8 && i < bytes.size(); ++i)
    length |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  if (bytes.size() < 8 || length > bytes.size() - 8 || length > kMaxHeader)
    damaged(path, "its ", bytes.size(), " bytes are too few for a header of ", length);
  start_ = 8 + static_cast<int64_t>(length);
  Json header = Json::parse(bytes.substr(8, length), path);
  for (const auto& [name, row] : header.object(path + "'s header"))
    if (name == "__metadata__") {
      row.object(path + "'s metadata");
    } else {
      entries_.emplace(name, entry_of(row, path, name));
    }
  std::vector<const Entry*> places;
  for (const auto& named : entries_) places.push_back(&named.second);
  std::sort(places.begin(), places.end(), [](const Entry* a, const Entry* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  int64_t at = 0;
  for (const Entry* entry : places) {
    if (entry->begin != at)
      damaged(path, "a tensor begins at byte ", entry->begin, ", the one before ends at ", at);
    at = entry->end;
  }
  if (start_ + at != static_cast<int64_t>(bytes.size()))
    damaged(path, "it has ", bytes.size(), " bytes, its header speaks of ", start_ + at);
}

const SafetensorsFile::Entry* SafetensorsFile::find(const std::string& name) const {
  auto it = entries_.find(name);
  return it == entries_.end() ? nullptr : &it->second;
}

Tensor SafetensorsFile::tensor(const Entry& entry) const {
  const char* data = file_->bytes().data() + start_ + entry.begin;
  int64_t bytes = entry.end - entry.begin;
  if (entry.dtype == DType::kBool) check_bools(data, bytes, file_->path());
  Tensor t;
  t.dtype = entry.dtype;
  t.shape = entry.shape;
  if (bytes > 0 && reinterpret_cast<uintptr_t>(data) % 8 == 0) {
    // Nobody writes through it: the storage says so.
    t.storage = Storage::wrap(
        const_cast<char*>(data), bytes, host_device(), [keep = file_] { (void)keep; },
        /*writable=*/false);
    return t;
  }
  t.storage = Storage::allocate(bytes);
  if (bytes > 0) std::memcpy(t.data(), data, static_cast<size_t>(bytes));
  return t;
}

namespace {

const char* code_of(const std::string& name, DType dtype) {
  for (const auto& [code, known] : kCodes)
    if (known == dtype) return code;
  fail(ErrorKind::kDType, "[save] '", name, "' is ", dtype_name(dtype),
       "; safetensors files hold bools, integers, floats and complex64");
}

std::string header_of(const std::vector<const std::pair<std::string, Tensor>*>& order) {
  std::string header = "{";
  int64_t at = 0;
  for (const auto* named : order) {
    const Tensor& t = named->second;
    if (header.size() > 1) header += ",";
    header += json_quoted(named->first) + ":{\"dtype\":\"" + code_of(named->first, t.dtype) +
              "\",\"shape\":[";
    for (int d = 0; d < t.shape.ndim; ++d) header += (d ? "," : "") + std::to_string(t.shape[d]);
    header +=
        "],\"data_offsets\":[" + std::to_string(at) + "," + std::to_string(at + t.bytes()) + "]}";
    at += t.bytes();
  }
  header += "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  return header;
}

// A new file beside `path` that takes its place when all went well, and vanishes when not.
class Replacement {
 public:
  explicit Replacement(const std::string& path)
      : path_(path), temporary_(path + "." + std::to_string(getpid()) + ".tmp") {
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd_ < 0) complain("cannot write");
  }
  ~Replacement() {
    if (fd_ >= 0) close(fd_);
    if (!done_) unlink(temporary_.c_str());
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  void write(const char* data, size_t n) {
    while (n > 0) {
      ssize_t written = ::write(fd_, data, std::min<size_t>(n, 1u << 30));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) complain("cannot write");
      data += written;
      n -= static_cast<size_t>(written);
    }
  }

  void finish() {
    if (fsync(fd_) != 0) complain("cannot write");
    if (rename(temporary_.c_str(), path_.c_str()) != 0) complain("cannot replace");
    done_ = true;
    size_t slash = path_.rfind('/');
    std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
    int handle = ::open(folder.c_str(), O_RDONLY | O_CLOEXEC);
    if (handle < 0) return;
    fsync(handle);  // the new name, where the system can
    close(handle);
  }

 private:
  [[noreturn]] void complain(const char* what) const {
    fail(ErrorKind::kFormat, "[save] ", what, " ", path_, ": ", std::strerror(errno),
         "; what was there before is as it was");
  }
  std::string path_, temporary_;
  int fd_ = -1;
  bool done_ = false;
};

}  // namespace

void write_safetensors(const std::string& path,
                       const std::vector<std::pair<std::string, Tensor>>& tensors) {
  // The widest first: so every tensor begins at a multiple of its own size.
  std::vector<const std::pair<std::string, Tensor>*> order;
  for (const auto& named : tensors) order.push_back(&named);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(-dtype_size(a->second.dtype), a->first) <
           std::pair(-dtype_size(b->second.dtype), b->first);
  });
  std::string header = header_of(order);
  char length[8];
  for (size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(header.size() >> (8 * i));
  Replacement file(path);
  file.write(length, sizeof length);
  file.write(header.data(), header.size());
  for (const auto* named : order)
    file.write(named->second.data(), static_cast<size_t>(named->second.bytes()));
  file.finish();
}

}  // namespace penstock
