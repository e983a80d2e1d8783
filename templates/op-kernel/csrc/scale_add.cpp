// scale_add for float32: z = x + alpha * y. The whole contract is penstock/kernel_abi.h.
#include <penstock/kernel_abi.h>

namespace {

constexpr int64_t kGrain = 16384;  // elements of one chunk: enough to be worth handing to a thread

int64_t size_of(const penstock_tensor& t) {
  int64_t size = 1;
  for (int32_t d = 0; d < t.ndim; ++d) size *= t.shape[d];
  return size;
}

const float* data_of(const penstock_tensor& t) {
  return reinterpret_cast<const float*>(static_cast<const char*>(t.data) + t.byte_offset);
}

// Where element `i` of the result, counted in row-major order, finds its value in a broadcast input.
int64_t position(const penstock_tensor& t, int64_t i) {
  int64_t at = 0;
  for (int32_t d = t.ndim - 1; d >= 0; --d) {
    at += i % t.shape[d] * t.strides[d];
    i /= t.shape[d];
  }
  return at;
}

// The distance between neighbours: 1 in a dense tensor, 0 in a repeated number, -1 where it varies.
int64_t step_of(const penstock_tensor& t) {
  int64_t dense = 1;
  bool is_dense = true, is_number = true;
  for (int32_t d = t.ndim - 1; d >= 0; --d) {
    if (t.shape[d] == 1) continue;
    is_dense &= t.strides[d] == dense;
    is_number &= t.strides[d] == 0;
    dense *= t.shape[d];
  }
  return is_dense ? 1 : is_number ? 0 : -1;
}

struct Work {
  const penstock_tensor *x, *y;
  float* z;
  float alpha;
};

void chunk(void* context, int64_t begin, int64_t end) {
  const Work& work = *static_cast<const Work*>(context);
  const float *x = data_of(*work.x), *y = data_of(*work.y);
  int64_t x_step = step_of(*work.x), y_step = step_of(*work.y);
  if (x_step == 1 && y_step == 1) {  // what the compiler turns into vector instructions
    for (int64_t i = begin; i < end; ++i) work.z[i] = x[i] + work.alpha * y[i];
    return;
  }
  for (int64_t i = begin; i < end; ++i) {
    int64_t at_x = x_step < 0 ? position(*work.x, i) : i * x_step;
    int64_t at_y = y_step < 0 ? position(*work.y, i) : i * y_step;
    work.z[i] = x[at_x] + work.alpha * y[at_y];
  }
}

// Chunks of [0, n) run on the host's threads; which ones there are depends on n alone, so results do not vary.
int scale_add(penstock_call* call) {
  penstock_tensor& z = *call->outputs[0];
  Work work{call->inputs[0], call->inputs[1], static_cast<float*>(z.data),
            static_cast<float>(call->attrs[0].v.f)};
  return call->host->parallel_for(call, size_of(z), kGrain, chunk, &work);
}

}  // namespace

PENSTOCK_PLUGIN_ENTRY(acme_demo)(penstock_registry* registry) {
  penstock_kernel_def def{};
  def.head = {sizeof(def), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr};
  def.op = "acme_demo.scale_add";
  def.op_version = 1;
  def.device = "cpu";
  def.dtypes = "f32";
  def.isa = "c++";
  def.run = scale_add;
  return registry->add_kernel(registry, &def);
}
