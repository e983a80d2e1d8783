#include "saved/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace penstock {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

bool MappedFile::exists(const std::string& path) {
  struct stat about;
  return stat(path.c_str(), &about) == 0;
}

Ref<MappedFile> MappedFile::open(const std::string& path, int64_t limit) {
  // Nonblocking: a pipe of that name would be waited for, and is refused below.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) fail(ErrorKind::kFormat, "cannot read ", path, ": ", std::strerror(errno));
  struct stat about;
  if (fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode))
    fail(ErrorKind::kFormat, path, " is no plain file");
  if (limit > 0 && about.st_size > limit)
    fail(ErrorKind::kFormat, path, " has ", about.st_size, " bytes; at most ", limit, " are read");
  size_t size = static_cast<size_t>(about.st_size);
  void* data = nullptr;
  if (size > 0) {
    data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (data == MAP_FAILED)
      fail(ErrorKind::kFormat, "cannot map ", path, ": ", std::strerror(errno));
  }
  return Ref<MappedFile>(new MappedFile(path, data, size));
}

MappedFile::~MappedFile() {
  if (data_) munmap(data_, size_);
}

}  // namespace penstock
