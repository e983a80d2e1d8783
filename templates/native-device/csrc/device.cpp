// A device through penstock_device_def, and a kernel that runs on it. The contract is penstock/kernel_abi.h.
//
// Its memory is the host's, where yours would come from a driver. Functions are called from any thread. One that fails
// returns nonzero (or NULL) and tells why in last_error.
#include <penstock/kernel_abi.h>
#include <stdlib.h>
#include <string.h>

namespace {

void* allocate(void*, int32_t, size_t bytes, void*) { return malloc(bytes ? bytes : 1); }

void release(void*, int32_t, void* memory, size_t, void*) { free(memory); }

int copy_in(void*, int32_t, void* target, const void* host, size_t bytes, void*) {
  memcpy(target, host, bytes);
  return PENSTOCK_OK;
}

int copy_out(void*, int32_t, void* host, const void* source, size_t bytes, void*) {
  memcpy(host, source, bytes);
  return PENSTOCK_OK;
}

int synchronize(void*, int32_t, void*) { return PENSTOCK_OK; }

int add_device(penstock_registry* registry) {
  penstock_device_def def{};
  def.head = {sizeof(def), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr};
  def.type = "acme_demo";
  def.dlpack_type = 12;  // an extension device, in DLPack's words
  def.count = 1;         // 0 is refused: where the hardware is absent, do not call add_device
  def.allocate = allocate;
  def.free = release;
  def.copy_in = copy_in;
  def.copy_out = copy_out;
  def.synchronize = synchronize;
  return registry->add_device(registry, &def);
}

// negative for float32: the one op that this device runs itself. All others run on the host, with copies.
int negative(penstock_call* call) {
  const penstock_tensor& x = *call->inputs[0];
  int64_t size = 1;
  for (int32_t d = 0; d < x.ndim; ++d) size *= x.shape[d];
  const float* from = static_cast<const float*>(x.data);
  float* to = static_cast<float*>(call->outputs[0]->data);
  for (int64_t i = 0; i < size; ++i) to[i] = -from[i];
  return PENSTOCK_OK;
}

int add_kernels(penstock_registry* registry) {
  penstock_kernel_def def{};
  def.head = {sizeof(def), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr};
  def.op = "negative";
  def.op_version = 1;
  def.device = "acme_demo";
  def.dtypes = "f32";
  def.isa = "c++";
  def.run = negative;
  return registry->add_kernel(registry, &def);
}

}  // namespace

PENSTOCK_PLUGIN_ENTRY(acme_demo)(penstock_registry* registry) {
  int status = add_device(registry);
  return status == PENSTOCK_OK ? add_kernels(registry) : status;
}
