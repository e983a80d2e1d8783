// Ops on floats of 16 bits: their inputs become float32, the kernel for float32 runs, and its results are rounded once.
//
// Processors that we know compute no faster in them, but for products of bfloat16 (bf16_matmul.cpp). So what counts is
// that nothing is slower than float32 by more than the conversion. Packed weights are float32 too; they are made once,
// like others.
#include <stdlib.h>

#include "gemm.h"
#include "narrow.h"
#include "plugin.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// What products, layers and their gradients are made of. Left out are ops whose results hang on the dtype: random numbers,
// sums that run on, steps of optimizers.
constexpr const char* kOps =
    " negative abs sign square sqrt rsqrt exp log log1p sin cos tanh sigmoid relu floor ceil add "
    "subtract multiply "
    "divide power maximum minimum relu_grad exp2 expm1 erf reciprocal gelu silu mish softplus "
    "softsign elu selu celu "
    "leaky_relu relu6 hard_sigmoid hard_swish squared_difference clip sum mean max min matmul "
    "depthwise_conv2d "
    "depthwise_conv2d_input_grad depthwise_conv2d_filter_grad conv2d conv2d_input_grad "
    "conv2d_transpose "
    "conv2d_filter_grad conv3d conv3d_input_grad conv3d_filter_grad max_pool2d max_pool2d_grad "
    "avg_pool2d "
    "avg_pool2d_grad max_pool3d max_pool3d_grad avg_pool3d avg_pool3d_grad attention "
    "attention_biased attention_grad "
    "attention_biased_grad layer_norm layer_norm_grad rms_norm rms_norm_grad group_norm "
    "group_norm_grad softmax "
    "log_softmax logsumexp ";

bool HasWord(const char* words, const char* word) {
  const size_t size = strlen(word);
  for (const char* at = strstr(words, word); at != nullptr; at = strstr(at + 1, word))
    if ((at == words || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0')) return true;
  return false;
}

// Numbers that lie in memory: those along broadcast dimensions lie there once.
int64_t Stored(const penstock_tensor* t) {
  int64_t n = 1;
  for (int d = 0; d < t->ndim; ++d) n *= t->strides[d] == 0 && t->shape[d] > 0 ? 1 : t->shape[d];
  return n;
}

template <class Convert>
int InChunks(penstock_call* call, int64_t n, const Convert& convert) {
  return ParallelFor(call, n, kChunk,
                     [&](int64_t begin, int64_t end) { convert(begin, end - begin); });
}

int Widen(penstock_call* call, const penstock_tensor* t, float* to) {
  const uint16_t* from = Data<const uint16_t>(t);
  const bool bfloat = TypeKey(t) == kBf16;
  return InChunks(call, Stored(t),
                  [=](int64_t at, int64_t n) { WidenFloats(from + at, n, bfloat, to + at); });
}

// A call of the kernel for float32, with room for what it takes and gives.
class WideCall {
 public:
  explicit WideCall(penstock_call* call)
      : call_(call),
        wide_(*call),
        row_(static_cast<const Row*>(call->kernel_data)),
        count_(call->num_inputs + call->num_outputs),
        tensors_(Scratch<penstock_tensor>(call, count_)),
        pointers_(Scratch<penstock_tensor*>(call, count_)) {
    if (!IsMade()) return;
    for (int i = 0; i < count_; ++i) {
      const penstock_tensor* given =
          i < call->num_inputs ? call->inputs[i] : call->outputs[i - call->num_inputs];
      tensors_[i] = *given;
      pointers_[i] = &tensors_[i];
      if (IsHalfOrBfloat(given)) {
        tensors_[i].dtype = {PENSTOCK_CODE_FLOAT, 32, 1};
        tensors_[i].data = nullptr;
        tensors_[i].byte_offset = 0;
      }
    }
    wide_.inputs = pointers_;
    wide_.outputs = pointers_ + call->num_inputs;
    wide_.kernel_data = nullptr;
    wide_.state = nullptr;
  }

  bool IsMade() const { return tensors_ != nullptr && pointers_ != nullptr; }
  const Row& row() const { return *row_; }
  penstock_call* wide() { return &wide_; }

  // Makes inputs float32: kept[i] has what was made of input i before, or NULL.
  int WidenInputs(float* const* kept) {
    for (int i = 0; i < call_->num_inputs; ++i) {
      if (!IsHalfOrBfloat(call_->inputs[i])) continue;
      tensors_[i].data = kept == nullptr ? nullptr : kept[i];
      if (tensors_[i].data != nullptr) continue;
      float* room = Scratch<float>(call_, Stored(call_->inputs[i]));
      const int status = WidenInput(i, room);
      if (status != PENSTOCK_OK) return status;
    }
    return PENSTOCK_OK;
  }

  int WidenInput(int i, float* room) {
    if (room == nullptr) return PENSTOCK_NO_MEMORY;
    tensors_[i].data = room;
    return Widen(call_, call_->inputs[i], room);
  }

  int MakeOutputs() {
    for (int i = call_->num_inputs; i < count_; ++i) {
      if (tensors_[i].data != nullptr) continue;
      tensors_[i].data = Scratch<float>(call_, Count(&tensors_[i]));
      if (tensors_[i].data == nullptr) return PENSTOCK_NO_MEMORY;
    }
    return PENSTOCK_OK;
  }

  int NarrowOutputs() {
    for (int i = 0; i < call_->num_outputs; ++i) {
      const penstock_tensor* out = call_->outputs[i];
      if (!IsHalfOrBfloat(out)) continue;
      const float* from = Data<const float>(pointers_[call_->num_inputs + i]);
      uint16_t* to = Data<uint16_t>(out);
      const bool bfloat = TypeKey(out) == kBf16;
      const int status = InChunks(call_, Count(out), [=](int64_t at, int64_t n) {
        NarrowFloats(from + at, n, bfloat, to + at);
      });
      if (status != PENSTOCK_OK) return status;
    }
    return PENSTOCK_OK;
  }

 private:
  penstock_call* call_;
  penstock_call wide_;
  const Row* row_;
  int count_;
  penstock_tensor* tensors_;
  penstock_tensor** pointers_;
};

// What the kernel for float32 prepared, and the constants that it may still read, as float32.
struct Prepared {
  void* state;
  void (*release)(void*);
  int count;
  float** constants;
};

int Prepare(penstock_call* call, Prepared* prepared) {
  WideCall wide(call);
  if (!wide.IsMade() || prepared->constants == nullptr) return PENSTOCK_NO_MEMORY;
  for (int i = 0; i < call->num_inputs; ++i) {
    const penstock_tensor* given = call->inputs[i];
    if (given->data == nullptr || !IsHalfOrBfloat(given)) continue;
    prepared->constants[i] = KeepFloats(MaxOf<int64_t>(Stored(given), 1));
    const int status = wide.WidenInput(i, prepared->constants[i]);
    if (status != PENSTOCK_OK) return status;
  }
  return wide.row().prepare(wide.wide(), &prepared->state);
}

}  // namespace

void ReleaseNarrow(void* state);

bool ServesNarrow(const Row& row) {
  return HasWord(row.dtypes, "f32") && !HasWord(row.dtypes, "bf16") && HasWord(kOps, row.op);
}

int RunNarrow(penstock_call* call) {
  WideCall wide(call);
  if (!wide.IsMade()) return PENSTOCK_NO_MEMORY;
  const auto* prepared = static_cast<const Prepared*>(call->state);
  int status = wide.WidenInputs(prepared == nullptr ? nullptr : prepared->constants);
  if (status == PENSTOCK_OK) status = wide.MakeOutputs();
  if (status != PENSTOCK_OK) return status;
  if (prepared != nullptr) wide.wide()->state = prepared->state;
  status = wide.row().run(wide.wide());
  return status == PENSTOCK_OK ? wide.NarrowOutputs() : status;
}

int PrepareNarrow(penstock_call* call, void** state) {
  const Row& row = *static_cast<const Row*>(call->kernel_data);
  if (row.prepare == nullptr) return PENSTOCK_OK;
  auto* prepared = static_cast<Prepared*>(malloc(sizeof(Prepared)));
  if (prepared == nullptr) return PENSTOCK_NO_MEMORY;
  const size_t count = static_cast<size_t>(call->num_inputs);
  *prepared = {nullptr, row.release, call->num_inputs,
               static_cast<float**>(calloc(count, sizeof(float*)))};
  const int status = Prepare(call, prepared);
  if (status == PENSTOCK_OK) {
    *state = prepared;
  } else {
    ReleaseNarrow(prepared);
  }
  return status;
}

void ReleaseNarrow(void* state) {
  auto* prepared = static_cast<Prepared*>(state);
  if (prepared->state != nullptr) prepared->release(prepared->state);
  for (int i = 0; prepared->constants != nullptr && i < prepared->count; ++i)
    free(prepared->constants[i]);
  free(prepared->constants);
  free(prepared);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
