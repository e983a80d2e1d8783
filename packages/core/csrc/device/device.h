// Devices by number. cpu:0 is host memory and always there; others come through penstock_device_def.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/export.h"
#include "base/ref.h"
#include "penstock/kernel_abi.h"

namespace penstock {

struct PENSTOCK_API Device {
  int id;            // position in the process-wide table; 0 is the host
  std::string type;  // "cpu"
  int index;         // 0 in "cpu:0"
  penstock_device abi;
  const penstock_device_def* def;  // nullptr for the host

  bool is_host() const { return def == nullptr; }
  std::string name() const { return type + ":" + std::to_string(index); }
  // "/job:localhost/task:0/device:cpu:0"
  std::string full_name() const { return "/job:localhost/task:0/device:" + name(); }
};

PENSTOCK_API const Device& host_device();
PENSTOCK_API const Device& device_by_id(int id);
// Understands "cpu", "cpu:0" and full names. nullptr when there is no such device.
PENSTOCK_API const Device* find_device(const std::string& name);
// Likewise, but fails where there is none, and says which there are. `who` begins the message: "[op] ", or nothing.
PENSTOCK_API const Device& known_device(const std::string& name, const char* who = "");
PENSTOCK_API std::vector<const Device*> all_devices();
// Checks a definition without adding it. Throws if the type is taken or a required function is missing.
PENSTOCK_API void check_device(const penstock_device_def& def);
// Adds every index of the device type, in the name of `provider`. Throws where check_device does.
PENSTOCK_API void register_device(const penstock_device_def& def, const std::string& provider);
// Takes a provider's devices off the list, so that their names are free again. Tensors that lie on them stay usable.
PENSTOCK_API void remove_devices(const std::string& provider);

}  // namespace penstock
