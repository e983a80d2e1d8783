// Tensors in safetensors files: a length of eight bytes, a JSON header with each tensor's dtype, shape and place, and the
// bytes. Tensors that are read share the file's memory where their place in it allows that.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "saved/mapped_file.h"
#include "tensor/tensor.h"

namespace penstock {

class PENSTOCK_API SafetensorsFile {
 public:
  struct Entry {
    DType dtype;
    Shape shape;
    int64_t begin, end;  // from the first byte after the header
  };

  SafetensorsFile() = default;
  // Checks the whole header: afterwards every entry lies inside the file, and no two overlap. Throws kFormat.
  explicit SafetensorsFile(const std::string& path);

  const std::map<std::string, Entry>& entries() const { return entries_; }
  const Entry* find(const std::string& name) const;
  // Throws kFormat where the bytes are no values of the dtype, as a bool of 7.
  Tensor tensor(const Entry& entry) const;

 private:
  Ref<MappedFile> file_;
  int64_t start_ = 0;
  std::map<std::string, Entry> entries_;
};

// Writes the file whole or not at all: under another name first, then renamed. Throws kFormat when the disk does not
// take it, kDType when the format has no such dtype.
PENSTOCK_API void write_safetensors(const std::string& path,
                                    const std::vector<std::pair<std::string, Tensor>>& tensors);

}  // namespace penstock
