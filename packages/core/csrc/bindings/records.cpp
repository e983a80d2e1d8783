// TFRecord files and what stands in them; and memory that a batch is written into.
#include <cstring>

#include "bindings/common.h"
#include "bindings/numpy_views.h"
#include "records/crc32c.h"
#include "records/example.h"
#include "records/framing.h"

namespace penstock::python {
namespace {

struct Buffer {
  Py_buffer view;
  explicit Buffer(nb::handle o) {
    if (PyObject_GetBuffer(o.ptr(), &view, PyBUF_SIMPLE) != 0) throw nb::python_error();
  }
  ~Buffer() { PyBuffer_Release(&view); }
  const char* data() const { return static_cast<const char*>(view.buf); }
};

uint32_t masked_crc(nb::handle data) {
  Buffer buffer(data);
  nb::gil_scoped_release release;
  return masked_crc32c(buffer.data(), static_cast<size_t>(buffer.view.len));
}

// The records from `begin` on: strings, where they end, how many bytes the next one needs, what is wrong with it.
nb::object read_records(nb::handle data, int64_t begin, int64_t most, bool verify) {
  Buffer buffer(data);
  RecordScan scan;
  Tensor records;
  {
    nb::gil_scoped_release release;
    scan = scan_records(buffer.data() + begin, buffer.view.len - begin, most, verify);
    records =
        Tensor::empty(DType::kString, Shape::from({static_cast<int64_t>(scan.records.size())}));
    for (size_t i = 0; i < scan.records.size(); ++i)
      records.storage->set_string(static_cast<int64_t>(i), scan.records[i].data,
                                  scan.records[i].size);
  }
  return nb::make_tuple(nb::steal(new_tensor(std::move(records))), begin + scan.end, scan.needed,
                        static_cast<int>(scan.problem));
}

// A feature is (name, dtype, count, default or None).
nb::object examples(const Tensor& records, nb::handle described) {
  std::vector<ExampleFeature> features;
  for (nb::handle row : nb::iter(described)) {
    nb::tuple parts = nb::cast<nb::tuple>(row);
    ExampleFeature feature;
    feature.name = nb::cast<std::string>(parts[0]);
    feature.dtype = dtype_from_object(parts[1]);
    feature.count = nb::cast<int64_t>(parts[2]);
    if (!parts[3].is_none()) feature.fallback = tensor_of(nb::object(parts[3]).ptr());
    features.push_back(std::move(feature));
  }
  std::vector<ExampleColumn> columns;
  {
    nb::gil_scoped_release release;
    columns = parse_examples(records, features);
  }
  nb::list out;
  for (size_t i = 0; i < columns.size(); ++i) {
    nb::object values = nb::steal(new_tensor(std::move(columns[i].values)));
    bool fixed = features[i].count >= 0;
    nb::object splits = fixed ? nb::object(nb::none())
                              : nb::object(nb::steal(new_tensor(std::move(columns[i].splits))));
    out.append(nb::make_tuple(values, splits));
  }
  return out;
}

// An array over a tensor that nobody else has seen yet. It does not keep the tensor alive.
nb::object writable_view(const Tensor& t) {
  if (!t.storage || !t.storage->writable() || t.dtype == DType::kString || !t.device().is_host())
    fail(ErrorKind::kValue, "only a fresh tensor of numbers on the host can be written to");
  int64_t strides[kMaxRank];
  int64_t stride = 1;
  for (int d = t.shape.ndim - 1; d >= 0; --d) {
    strides[d] = stride;
    stride *= t.shape[d];
  }
  penstock_tensor view{};
  view.data = t.data();
  view.ndim = t.shape.ndim;
  view.shape = const_cast<int64_t*>(t.shape.dims);
  view.strides = strides;
  return array_over(view, t.dtype, true);
}

// What Arrow's C data interface hands over, as its specification has it.
struct ArrowArray {
  int64_t length, null_count, offset, n_buffers, n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

// Pixels of three bytes, of an array that holds each with a fourth one beside it.
nb::object pixels_of_arrow(nb::handle capsule, int64_t height, int64_t width) {
  auto* array = static_cast<ArrowArray*>(PyCapsule_GetPointer(capsule.ptr(), "arrow_array"));
  if (!array) throw nb::python_error();
  const ArrowArray* values = array->n_children == 1 ? array->children[0] : array;
  if (values->n_buffers < 2 || values->length != height * width * 4)
    fail(ErrorKind::kValue, "expected ", height * width * 4, " bytes, got ", values->length);
  Tensor out;
  {
    nb::gil_scoped_release release;
    out = Tensor::empty(DType::kU8, Shape::from({height, width, 3}));
    const char* from = static_cast<const char*>(values->buffers[1]) + values->offset;
    char* to = out.data();
    const int64_t count = height * width;
    int64_t i = 0;
    for (; i + 1 < count; ++i) std::memcpy(to + i * 3, from + i * 4, 4);
    for (; i < count; ++i) std::memcpy(to + i * 3, from + i * 4, 3);
  }
  return nb::steal(new_tensor(std::move(out)));
}

}  // namespace

void bind_records(nb::module_& m) {
  m.def("masked_crc32c", masked_crc);
  m.def("read_records", read_records);
  m.def("parse_examples", examples);
  m.def("writable_view", writable_view);
  m.def("pixels_of_arrow", pixels_of_arrow);
}

}  // namespace penstock::python
