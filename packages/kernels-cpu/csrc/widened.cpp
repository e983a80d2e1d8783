// Ops on floats of 16 bits: their inputs become float32, the kernel for float32 runs, and its results are rounded once.
//
// Processors that we know compute no faster in them, so what counts is that nothing is slower than float32 by more than
// the conversion. Packed weights are float32 too; they are made once, like others.
#include <stdlib.h>

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

  // Makes inputs float32; `left_out` says which are not needed.
  template <class LeftOut>
  int WidenInputs(const LeftOut& left_out) {
    for (int i = 0; i < call_->num_inputs; ++i) {
      const penstock_tensor* given = call_->inputs[i];
      if (!IsHalfOrBfloat(given) || left_out(i)) continue;
      float* room = Scratch<float>(call_, Stored(given));
      if (room == nullptr) return PENSTOCK_NO_MEMORY;
      const int status = Widen(call_, given, room);
      if (status != PENSTOCK_OK) return status;
      tensors_[i].data = room;
    }
    return PENSTOCK_OK;
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

// What the kernel for float32 prepared, and of which inputs: it does not read these again.
struct Prepared {
  void* state;
  void (*release)(void*);
  uint64_t inputs;
};

}  // namespace

bool ServesNarrow(const Row& row) {
  return HasWord(row.dtypes, "f32") && !HasWord(row.dtypes, "bf16") && HasWord(kOps, row.op);
}

int RunNarrow(penstock_call* call) {
  WideCall wide(call);
  if (!wide.IsMade()) return PENSTOCK_NO_MEMORY;
  const auto* prepared = static_cast<const Prepared*>(call->state);
  const uint64_t kept = prepared == nullptr ? 0 : prepared->inputs;
  int status = wide.WidenInputs([&](int i) { return i < 64 && (kept >> i & 1) != 0; });
  if (status == PENSTOCK_OK) status = wide.MakeOutputs();
  if (status != PENSTOCK_OK) return status;
  if (prepared != nullptr) wide.wide()->state = prepared->state;
  status = wide.row().run(wide.wide());
  return status == PENSTOCK_OK ? wide.NarrowOutputs() : status;
}

int PrepareNarrow(penstock_call* call, void** state) {
  WideCall wide(call);
  if (!wide.IsMade()) return PENSTOCK_NO_MEMORY;
  if (wide.row().prepare == nullptr) return PENSTOCK_OK;
  uint64_t known = 0;
  for (int i = 0; i < MinOf(call->num_inputs, 64); ++i)
    if (call->inputs[i]->data != nullptr) known |= uint64_t{1} << i;
  int status = wide.WidenInputs([&](int i) { return call->inputs[i]->data == nullptr; });
  void* made = nullptr;
  if (status == PENSTOCK_OK) status = wide.row().prepare(wide.wide(), &made);
  if (status != PENSTOCK_OK || made == nullptr) return status;
  auto* prepared = static_cast<Prepared*>(malloc(sizeof(Prepared)));
  if (prepared == nullptr) {
    wide.row().release(made);
    return PENSTOCK_NO_MEMORY;
  }
  *prepared = {made, wide.row().release, known};
  *state = prepared;
  return PENSTOCK_OK;
}

void ReleaseNarrow(void* state) {
  auto* prepared = static_cast<Prepared*>(state);
  prepared->release(prepared->state);
  free(prepared);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
