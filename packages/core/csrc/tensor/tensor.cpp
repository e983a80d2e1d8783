#include "tensor/tensor.h"

#include <atomic>
#include <cmath>
#include <complex>
#include <cstring>

#include "base/error.h"

namespace penstock {
namespace {

void copy_bytes(void* dst, const Device& to, const void* src, const Device& from, int64_t n) {
  size_t bytes = static_cast<size_t>(n);
  if (bytes == 0) return;
  int rc = 0;
  if (to.is_host() && from.is_host()) {
    std::memcpy(dst, src, bytes);
  } else if (to.is_host()) {
    rc = from.def->copy_out(from.def->context, from.index, dst, src, bytes, nullptr);
  } else if (from.is_host()) {
    rc = to.def->copy_in(to.def->context, to.index, dst, src, bytes, nullptr);
  } else if (from.def == to.def && to.def->copy_peer) {
    rc = to.def->copy_peer(to.def->context, to.index, dst, from.index, src, bytes, nullptr);
  } else {  // bounce through the host
    Ref<Storage> bounce = Storage::allocate(n);
    copy_bytes(bounce->data(), host_device(), src, from, n);
    copy_bytes(dst, to, bounce->data(), host_device(), n);
  }
  if (rc != PENSTOCK_OK)
    fail(ErrorKind::kDevice, "copying ", n, " bytes from ", from.name(), " to ", to.name(),
         " failed");
}

template <typename Int, typename T>
void store_int(void* out, T value) {
  *static_cast<Int*>(out) = static_cast<Int>(static_cast<int64_t>(value));
}

template <typename T>
void store(DType dtype, void* out, T value) {
  double d = static_cast<double>(value);
  switch (dtype) {
    case DType::kBool:
      *static_cast<bool*>(out) = value != 0;
      break;
    case DType::kI8:
      store_int<int8_t>(out, value);
      break;
    case DType::kI16:
      store_int<int16_t>(out, value);
      break;
    case DType::kI32:
      store_int<int32_t>(out, value);
      break;
    case DType::kI64:
      store_int<int64_t>(out, value);
      break;
    case DType::kU8:
      store_int<uint8_t>(out, value);
      break;
    case DType::kU16:
      store_int<uint16_t>(out, value);
      break;
    case DType::kU32:
      store_int<uint32_t>(out, value);
      break;
    case DType::kU64:
      store_int<uint64_t>(out, value);
      break;
    case DType::kF16:
      *static_cast<uint16_t*>(out) = float_to_half(static_cast<float>(d));
      break;
    case DType::kBF16:
      *static_cast<uint16_t*>(out) = float_to_bfloat(static_cast<float>(d));
      break;
    case DType::kF32:
      *static_cast<float*>(out) = static_cast<float>(d);
      break;
    case DType::kF64:
      *static_cast<double*>(out) = d;
      break;
    case DType::kC64:
      *static_cast<std::complex<float>*>(out) = static_cast<float>(d);
      break;
    case DType::kC128:
      *static_cast<std::complex<double>*>(out) = d;
      break;
    case DType::kString:
      fail(ErrorKind::kDType, "a number is not a string");
  }
}

// A Python integer must fit the dtype of the tensor that it meets.
void check_fits(int64_t value, DType target) {
  if (!is_integer(target)) return;
  int bits = static_cast<int>(dtype_size(target)) * 8;
  bool is_unsigned = dtype_kind(target) == DTypeKind::kUnsigned;
  bool fits = is_unsigned ? value >= 0 && (bits == 64 || value >> bits == 0)
                          : bits == 64 || (value >= -(int64_t{1} << (bits - 1)) &&
                                           value < int64_t{1} << (bits - 1));
  if (!fits)
    fail(ErrorKind::kValue, "the number ", value, " does not fit ", dtype_name(target),
         "; convert the tensor to a wider dtype first");
}

template <typename T>
T load(DType dtype, const void* in) {
  switch (dtype) {
    case DType::kBool:
      return *static_cast<const bool*>(in);
    case DType::kI8:
      return static_cast<T>(*static_cast<const int8_t*>(in));
    case DType::kI16:
      return static_cast<T>(*static_cast<const int16_t*>(in));
    case DType::kI32:
      return static_cast<T>(*static_cast<const int32_t*>(in));
    case DType::kI64:
      return static_cast<T>(*static_cast<const int64_t*>(in));
    case DType::kU8:
      return static_cast<T>(*static_cast<const uint8_t*>(in));
    case DType::kU16:
      return static_cast<T>(*static_cast<const uint16_t*>(in));
    case DType::kU32:
      return static_cast<T>(*static_cast<const uint32_t*>(in));
    case DType::kU64:
      return static_cast<T>(*static_cast<const uint64_t*>(in));
    case DType::kF16:
      return static_cast<T>(half_to_float(*static_cast<const uint16_t*>(in)));
    case DType::kBF16:
      return static_cast<T>(bfloat_to_float(*static_cast<const uint16_t*>(in)));
    case DType::kF32:
      return static_cast<T>(*static_cast<const float*>(in));
    case DType::kF64:
      return static_cast<T>(*static_cast<const double*>(in));
    default:
      fail(ErrorKind::kDType, "a ", dtype_name(dtype), " tensor is not a real number");
  }
}

const void* scalar_data(const Tensor& t, Ref<Storage>* keep) {
  if (t.symbolic()) fail(ErrorKind::kGraph, "a graph tensor has no value until it is run");
  if (t.shape.size() != 1)
    fail(ErrorKind::kShape,
         "[item] only a tensor with one element is a number; this one has shape ", t.shape.text());
  Tensor host = t.to(host_device());
  *keep = host.storage;
  return host.data();
}

}  // namespace

Tensor Tensor::empty(DType dtype, const Shape& shape, const Device& device) {
  for (int d = 0; d < shape.ndim; ++d)
    if (shape[d] < 0)
      fail(ErrorKind::kShape, "a tensor of shape ", shape.text(),
           " cannot be made: sizes are not negative");
  Tensor t;
  t.dtype = dtype;
  t.shape = shape;
  int64_t n = shape.size();
  if (dtype == DType::kString) {
    t.storage = Storage::allocate_strings(n);
  } else {
    t.storage = Storage::allocate(dim_mul(n, dtype_size(dtype)), device);
  }
  return t;
}

Tensor Tensor::scalar(double value, DType dtype) {
  Tensor t = empty(dtype, {});
  store(dtype, t.data(), value);
  return t;
}

Tensor Tensor::scalar(int64_t value, DType dtype) {
  Tensor t = empty(dtype, {});
  store(dtype, t.data(), value);
  return t;
}

Tensor Tensor::string(const std::string& value) {
  Tensor t = empty(DType::kString, {});
  t.storage->set_string(0, value.data(), value.size());
  return t;
}

Tensor Tensor::to(const Device& target) const {
  if (!storage)
    fail(ErrorKind::kGraph, "a graph tensor has no value to copy; fetch it with Session.run");
  if (&device() == &target) return *this;
  if (dtype == DType::kString)
    fail(ErrorKind::kDevice, "string tensors live on the host only; they cannot move to ",
         target.name());
  Tensor out = empty(dtype, shape, target);
  copy_bytes(out.data(), target, data(), device(), bytes());
  return out;
}

Tensor Tensor::scalar_as(DType target) const {
  if (target == dtype) {
    Tensor same = *this;
    same.weak = false;
    return same;
  }
  if (is_complex(dtype)) {
    if (!is_complex(target))
      fail(ErrorKind::kDType, "a complex scalar does not fit ", dtype_name(target));
    auto value = dtype == DType::kC128
                     ? *reinterpret_cast<std::complex<double>*>(data())
                     : std::complex<double>(*reinterpret_cast<std::complex<float>*>(data()));
    Tensor out = empty(target, {});
    if (target == DType::kC128)
      *reinterpret_cast<std::complex<double>*>(out.data()) = value;
    else
      *reinterpret_cast<std::complex<float>*>(out.data()) = std::complex<float>(value);
    return out;
  }
  if (is_float(dtype)) return scalar(item_double(), target);
  if (weak) check_fits(item_int(), target);
  return scalar(item_int(), target);
}

double Tensor::item_double() const {
  Ref<Storage> keep;
  const void* in = scalar_data(*this, &keep);
  return load<double>(dtype, in);
}

int64_t Tensor::item_int() const {
  Ref<Storage> keep;
  const void* in = scalar_data(*this, &keep);
  return load<int64_t>(dtype, in);
}

uint64_t next_tensor_id() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

float half_to_float(uint16_t h) {
  uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, exponent = (h >> 10) & 31,
           mantissa = h & 1023;
  float value;
  if (exponent == 0) {
    value = std::ldexp(static_cast<float>(mantissa), -24);
    return sign ? -value : value;
  }
  uint32_t bits = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | mantissa << 13;
  std::memcpy(&value, &bits, 4);
  return value;
}

uint16_t float_to_half(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  bits &= 0x7fffffff;
  if (bits >= 0x7f800000) return sign | 0x7c00 | (bits > 0x7f800000 ? 0x200 : 0);
  if (bits >= 0x477ff000) return sign | 0x7c00;  // rounds to infinity
  if (bits < 0x33000001) return sign;            // rounds to zero
  if (bits < 0x38800000) {                       // subnormal half
    uint32_t shift = 126 - (bits >> 23), mantissa = (bits & 0x7fffff) | 0x800000;
    uint32_t half = mantissa >> shift, rest = mantissa & ((1u << shift) - 1),
             tie = 1u << (shift - 1);
    return static_cast<uint16_t>(sign | (half + (rest > tie || (rest == tie && (half & 1)))));
  }
  uint32_t rounded = bits + 0xfff + ((bits >> 13) & 1);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000) >> 13));
}

float bfloat_to_float(uint16_t b) {
  uint32_t bits = static_cast<uint32_t>(b) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

uint16_t float_to_bfloat(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  if (std::isnan(f)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

}  // namespace penstock
