// A file's bytes, read-only, for as long as somebody refers to them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/ref.h"

namespace penstock {

class PENSTOCK_API MappedFile final : public RefCounted {
 public:
  // Throws kFormat if there is no such file, it is no plain file, or larger than `limit` bytes (0: no limit).
  static Ref<MappedFile> open(const std::string& path, int64_t limit = 0);
  static bool exists(const std::string& path);
  ~MappedFile() override;

  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }
  const std::string& path() const { return path_; }

 private:
  MappedFile(std::string path, void* data, size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}
  std::string path_;
  void* data_;
  size_t size_;
};

}  // namespace penstock
