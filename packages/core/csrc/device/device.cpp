#include "device/device.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>

#include "base/error.h"

namespace penstock {
namespace {

struct Registry {
  std::mutex mutex;
  std::deque<Device> devices;  // stable addresses
  std::deque<penstock_device_def> definitions;
  std::deque<std::string> names;
  Registry() { devices.push_back({0, "cpu", 0, {1, 0}, nullptr}); }
};

Registry& registry() {
  static Registry* r = new Registry;
  return *r;
}

std::string short_name(const std::string& name) {
  const char prefix[] = "/device:";
  size_t at = name.rfind(prefix);
  std::string tail = at == std::string::npos ? name : name.substr(at + sizeof(prefix) - 1);
  return tail.find(':') == std::string::npos ? tail + ":0" : tail;
}

}  // namespace

const Device& host_device() {
  static const Device& host = registry().devices[0];
  return host;
}

const Device& device_by_id(int id) {
  std::lock_guard lock(registry().mutex);
  return registry().devices.at(static_cast<size_t>(id));
}

const Device* find_device(const std::string& name) {
  std::string wanted = short_name(name);
  std::lock_guard lock(registry().mutex);
  for (const Device& device : registry().devices)
    if (device.name() == wanted) return &device;
  return nullptr;
}

std::vector<const Device*> all_devices() {
  std::lock_guard lock(registry().mutex);
  std::vector<const Device*> out;
  for (const Device& device : registry().devices) out.push_back(&device);
  return out;
}

void register_device(const penstock_device_def& given) {
  if (given.head.abi_major != PENSTOCK_ABI_MAJOR)
    fail(ErrorKind::kPlugin, "a device was built for kernel ABI ", given.head.abi_major,
         "; this is ABI ", PENSTOCK_ABI_MAJOR, ": rebuild the plugin");
  penstock_device_def def{};
  std::memcpy(&def, &given, std::min<size_t>(given.head.struct_size, sizeof(def)));
  if (!def.type || !*def.type || def.count < 1)
    fail(ErrorKind::kPlugin,
         "a device must have a type, such as \"npu\", and a count of at least 1");
  if (!def.allocate || !def.free || !def.copy_in || !def.copy_out || !def.synchronize)
    fail(ErrorKind::kPlugin, "device '", def.type,
         "' must define allocate, free, copy_in, copy_out and synchronize");
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  for (const Device& device : r.devices)
    if (device.type == def.type)
      fail(ErrorKind::kPlugin, "there is a device type '", def.type,
           "' already; give yours another name");
  penstock_device_def& copy = r.definitions.emplace_back(def);
  copy.type = r.names.emplace_back(def.type).c_str();
  for (int i = 0; i < def.count; ++i)
    r.devices.push_back(
        {static_cast<int>(r.devices.size()), copy.type, i, {def.dlpack_type, i}, &copy});
}

}  // namespace penstock
