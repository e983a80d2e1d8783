#include "device/device.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>

#include "base/error.h"

namespace penstock {
namespace {

struct Listed {
  const Device* device;
  std::string provider;
};

struct Registry {
  std::mutex mutex;
  std::deque<Device> devices;  // stable addresses
  std::deque<penstock_device_def> definitions;
  std::deque<std::string> names;
  std::vector<Listed> listed;  // what is neither refused nor taken back
  Registry() {
    devices.push_back({0, "cpu", 0, {1, 0}, nullptr});
    listed.push_back({&devices[0], ""});
  }
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

// A whole definition, with nothing in what an older plugin does not have.
penstock_device_def checked(const penstock_device_def& given) {
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
  return def;
}

// Called with the lock held.
void refuse_taken(const std::string& type) {
  for (const Listed& entry : registry().listed)
    if (entry.device->type == type)
      fail(ErrorKind::kPlugin, "there is a device type '", type,
           "' already; give yours another name");
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
  for (const Listed& entry : registry().listed)
    if (entry.device->name() == wanted) return entry.device;
  return nullptr;
}

const Device& known_device(const std::string& name, const char* who) {
  if (const Device* found = find_device(name)) return *found;
  std::string known;
  for (const Device* other : all_devices()) known += (known.empty() ? "" : ", ") + other->name();
  fail(ErrorKind::kDevice, who, "there is no device '", name, "'; there are: ", known);
}

std::vector<const Device*> all_devices() {
  std::lock_guard lock(registry().mutex);
  std::vector<const Device*> out;
  for (const Listed& entry : registry().listed) out.push_back(entry.device);
  return out;
}

void check_device(const penstock_device_def& given) {
  penstock_device_def def = checked(given);
  std::lock_guard lock(registry().mutex);
  refuse_taken(def.type);
}

void register_device(const penstock_device_def& given, const std::string& provider) {
  penstock_device_def def = checked(given);
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  refuse_taken(def.type);
  penstock_device_def& copy = r.definitions.emplace_back(def);
  copy.type = r.names.emplace_back(def.type).c_str();
  for (int i = 0; i < def.count; ++i) {
    int id = static_cast<int>(r.devices.size());
    r.devices.push_back({id, copy.type, i, {def.dlpack_type, i}, &copy});
    r.listed.push_back({&r.devices.back(), provider});
  }
}

void remove_devices(const std::string& provider) {
  std::lock_guard lock(registry().mutex);
  std::vector<Listed>& listed = registry().listed;
  auto gone = [&](const Listed& entry) {
    return !entry.device->is_host() && entry.provider == provider;
  };
  listed.erase(std::remove_if(listed.begin(), listed.end(), gone), listed.end());
}

}  // namespace penstock
