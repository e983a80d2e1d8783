// Dtypes, symbolic dimensions, and the conversions of shapes and attributes.
#include <algorithm>

#include "bindings/common.h"

namespace penstock::python {
namespace {

nb::object* g_dtypes[kNumDTypes];

bool dtype_from_text(const std::string& text, DType* out) {
  if (dtype_from_name(text, out) || dtype_from_code(text, out)) return true;
  if (text == "bool_") return *out = DType::kBool, true;
  if (text == "str" || text.rfind("str", 0) == 0 || text.rfind("bytes", 0) == 0)
    return *out = DType::kString, true;
  return false;
}

const char* kind_name(DType t) {
  switch (dtype_kind(t)) {
    case DTypeKind::kBool:
      return "bool";
    case DTypeKind::kUnsigned:
      return "unsigned";
    case DTypeKind::kSigned:
      return "signed";
    case DTypeKind::kFloat:
      return "float";
    case DTypeKind::kComplex:
      return "complex";
    case DTypeKind::kString:
      return "string";
  }
  return "";
}

// One of the graphs of two operands; plain integers have none.
GraphHandle graph_of(const PyDim& a, nb::handle b) {
  PyDim* other;
  if (!a.graph && nb::try_cast<PyDim*>(b, other)) return other->graph;
  return a.graph;
}

nb::object arithmetic(const PyDim& a, nb::handle other, Dim (*fn)(Dim, Dim), bool reversed) {
  if (is_tensor(other.ptr())) return nb::borrow(Py_NotImplemented);  // it knows what to do
  Dim b;
  try {
    b = dim_from_object(other);
  } catch (const Error&) {
    return nb::borrow(Py_NotImplemented);
  }
  GraphHandle graph = graph_of(a, other);
  return dim_object(reversed ? fn(b, a.dim) : fn(a.dim, b), graph.get());
}

Dim dim_mod(Dim a, Dim b) { return dim_sub(a, dim_mul(b, dim_floordiv(a, b))); }

// A comparison is answered with the traced example and becomes a guard, with the caller's line.
bool compare(const PyDim& a, nb::handle other, bool equality, bool swap) {
  Dim b = dim_from_object(other);
  if (!a.graph)
    fail(ErrorKind::kGraph, "this dimension belongs to no graph, so it cannot be compared");
  Graph& graph = *a.graph.get();
  graph.current_source = source_line();
  if (!equality) return swap ? graph.less(b, a.dim) : graph.less(a.dim, b);
  return graph.equal(a.dim, b);
}

int64_t specialise(const PyDim& d) {
  if (!d.graph) fail(ErrorKind::kGraph, "this dimension belongs to no graph, so it has no value");
  Graph& graph = *d.graph.get();
  int64_t value = dim_eval(d.dim, graph.hints);
  if (value == kUnknown)
    fail(ErrorKind::kGraph, "dimension ", dim_text(d.dim, graph.symbol_names),
         " is not known while the graph is built; use it as a dimension (x.shape[0]), not as a "
         "number");
  graph.current_source = source_line();
  graph.equal(d.dim, value);  // a guard: another size traces anew
  return value;
}

void bind_dim(nb::module_& m) {
  nb::class_<PyDim> dim(m, "Dim");
  auto op = [&](const char* name, const char* reflected, Dim (*fn)(Dim, Dim)) {
    dim.def(
        name, [fn](const PyDim& a, nb::handle b) { return arithmetic(a, b, fn, false); },
        nb::is_operator());
    dim.def(
        reflected, [fn](const PyDim& a, nb::handle b) { return arithmetic(a, b, fn, true); },
        nb::is_operator());
  };
  op("__add__", "__radd__", dim_add);
  op("__sub__", "__rsub__", dim_sub);
  op("__mul__", "__rmul__", dim_mul);
  op("__floordiv__", "__rfloordiv__", dim_floordiv);
  op("__mod__", "__rmod__", dim_mod);
  dim.def("max", [](const PyDim& a, nb::handle b) {
    return dim_object(dim_max(a.dim, dim_from_object(b)), graph_of(a, b).get());
  });
  dim.def("__neg__", [](const PyDim& d) { return dim_object(dim_sub(0, d.dim), d.graph.get()); });
  dim.def(
      "__eq__",
      [](const PyDim& a, nb::handle b) -> nb::object {
        if (!PyLong_Check(b.ptr()) && !nb::isinstance<PyDim>(b))
          return nb::borrow(Py_NotImplemented);
        return nb::bool_(compare(a, b, true, false));
      },
      nb::arg().none());
  dim.def("__lt__", [](const PyDim& a, nb::handle b) { return compare(a, b, false, false); });
  dim.def("__gt__", [](const PyDim& a, nb::handle b) { return compare(a, b, false, true); });
  dim.def("__le__", [](const PyDim& a, nb::handle b) { return !compare(a, b, false, true); });
  dim.def("__ge__", [](const PyDim& a, nb::handle b) { return !compare(a, b, false, false); });
  dim.def("__int__", specialise);
  dim.def("__index__", specialise);
  dim.def("__bool__", [](const PyDim& d) {
    d.graph.get()->current_source = source_line();
    return !d.graph.get()->equal(d.dim, 0);
  });
  dim.def("__hash__", [](const PyDim& d) { return std::hash<int64_t>()(d.dim); });
  dim.def("__repr__", [](const PyDim& d) {
    return dim_text(d.dim, d.graph ? d.graph.get()->symbol_names : std::vector<std::string>());
  });
  dim.def_prop_ro("hint", [](const PyDim& d) -> nb::object {
    int64_t value = dim_eval(d.dim, d.graph.get()->hints);
    return value == kUnknown ? nb::none() : nb::object(nb::int_(value));
  });
}

template <typename T>
std::vector<T> list_of(nb::handle o, T (*convert)(nb::handle)) {
  std::vector<T> out;
  for (nb::handle item : nb::iter(o)) out.push_back(convert(item));
  return out;
}

int64_t to_int(nb::handle o) {
  nb::object index = nb::steal(PyNumber_Index(o.ptr()));
  if (!index.is_valid()) throw nb::python_error();
  int64_t value = PyLong_AsLongLong(index.ptr());
  if (value == -1 && PyErr_Occurred()) throw nb::python_error();
  if (is_symbolic(value)) fail(ErrorKind::kValue, value, " is out of range");
  return value;
}

double to_float(nb::handle o) {
  double value = PyFloat_AsDouble(o.ptr());
  if (value == -1 && PyErr_Occurred()) throw nb::python_error();
  return value;
}

bool is_sequence(nb::handle o) {
  return nb::isinstance<nb::list>(o) || nb::isinstance<nb::tuple>(o);
}

std::vector<int64_t> to_ints(nb::handle o) {
  if (!is_sequence(o) && PyIndex_Check(o.ptr())) return {to_int(o)};
  return list_of<int64_t>(o, to_int);
}

std::vector<int64_t> to_dims(nb::handle o) {
  if (!is_sequence(o) && (PyIndex_Check(o.ptr()) || nb::isinstance<PyDim>(o)))
    return {dim_from_object(o)};
  return list_of<Dim>(o, dim_from_object);
}

AttrValue convert(const AttrSpec& spec, nb::handle o) {
  switch (spec.kind) {
    case AttrKind::kBool: {
      // True, False, numpy's, 0 and 1; not any object that happens to be true.
      if (PyBool_Check(o.ptr())) return o.ptr() == Py_True;
      nb::object number = nb::steal(
          PyNumber_Index(nb::hasattr(o, "item") ? nb::object(o.attr("item")()).ptr() : o.ptr()));
      if (!number.is_valid()) throw nb::python_error();
      return PyObject_IsTrue(number.ptr()) == 1;
    }
    case AttrKind::kInt:
      return to_int(o);
    case AttrKind::kFloat:
      return to_float(o);
    case AttrKind::kStr:
      return nb::cast<std::string>(o);
    case AttrKind::kDType:
      return dtype_from_object(o);
    case AttrKind::kInts:
      return to_ints(o);
    case AttrKind::kShape:
      return to_dims(o);
    case AttrKind::kFloats:
      return list_of<double>(o, to_float);
    case AttrKind::kTensor: {
      Tensor value = to_tensor(o.ptr());
      if (value.symbolic())
        fail(ErrorKind::kGraph, "a graph tensor cannot be an attribute; pass it as an input");
      return std::make_shared<const Tensor>(std::move(value));
    }
    case AttrKind::kGraph:
      return Ref<RefCounted>(nb::cast<Ref<Graph>>(o).get());
    case AttrKind::kVariable: {
      // penstock.Variable holds the native one as `_handle`.
      nb::object handle = nb::hasattr(o, "_handle") ? nb::object(o.attr("_handle")) : nb::borrow(o);
      return Ref<RefCounted>(nb::cast<Ref<Variable>>(handle).get());
    }
    case AttrKind::kObject:
      return Ref<RefCounted>(new PyHolder(nb::borrow(o)));
  }
  return std::monostate{};
}

}  // namespace

nb::object dtype_object(DType dtype) { return *g_dtypes[static_cast<int>(dtype)]; }

DType dtype_from_object(nb::handle o) {
  PyDType* known;
  if (nb::try_cast<PyDType*>(o, known)) return known->dtype;
  PyObject* p = o.ptr();
  if (p == reinterpret_cast<PyObject*>(&PyFloat_Type)) return kDefaultFloat;
  if (p == reinterpret_cast<PyObject*>(&PyLong_Type)) return kDefaultInt;
  if (p == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::kBool;
  if (p == reinterpret_cast<PyObject*>(&PyComplex_Type)) return DType::kC64;
  if (p == reinterpret_cast<PyObject*>(&PyUnicode_Type) ||
      p == reinterpret_cast<PyObject*>(&PyBytes_Type))
    return DType::kString;
  std::string text;
  DType out;
  if (nb::isinstance<nb::str>(o)) {
    text = nb::cast<std::string>(o);
  } else if (nb::hasattr(o, "name")) {  // numpy.dtype, ml_dtypes
    text = nb::cast<std::string>(nb::str(o.attr("name")));
  } else if (nb::hasattr(o, "__name__")) {  // numpy.float32
    text = nb::cast<std::string>(nb::str(o.attr("__name__")));
  } else {
    text = nb::cast<std::string>(nb::repr(o));
  }
  if (dtype_from_text(text, &out)) return out;
  fail(ErrorKind::kDType, "'", text,
       "' is not a dtype; use penstock.float32, int64, bool, ... or their names");
}

nb::object dim_object(Dim d, Graph* graph) {
  if (!is_symbolic(d)) return nb::int_(d);
  return nb::cast(PyDim{GraphHandle(graph), d});
}

Dim dim_from_object(nb::handle o) {
  PyDim* dim;
  if (!PyLong_CheckExact(o.ptr()) && nb::try_cast<PyDim*>(o, dim)) return dim->dim;
  if (PyIndex_Check(o.ptr())) {
    int64_t value = to_int(o);
    if (is_symbolic(value)) fail(ErrorKind::kValue, "a dimension of ", value, " is out of range");
    return value;
  }
  fail(ErrorKind::kType, "a dimension must be an integer, got ",
       nb::cast<std::string>(nb::repr(o)));
}

nb::tuple shape_object(const Shape& shape, Graph* graph) {
  nb::tuple dims = nb::steal<nb::tuple>(PyTuple_New(shape.ndim));
  for (int i = 0; i < shape.ndim; ++i)
    PyTuple_SetItem(dims.ptr(), i, dim_object(shape[i], graph).release().ptr());
  return dims;
}

Shape shape_from_object(nb::handle o, Graph* graph) {
  Shape shape;
  if (PyIndex_Check(o.ptr()) || nb::isinstance<PyDim>(o)) {
    shape.push(dim_from_object(o));
    return shape;
  }
  for (nb::handle item : nb::iter(o)) {
    if (graph && item.is_none()) {
      shape.push(graph->new_symbol("", kUnknown));
    } else if (graph && nb::isinstance<nb::str>(item)) {
      std::string name = nb::cast<std::string>(item);
      auto it = std::find(graph->symbol_names.begin(), graph->symbol_names.end(), name);
      shape.push(it == graph->symbol_names.end()
                     ? graph->new_symbol(name, kUnknown)
                     : dim_symbol(static_cast<int>(it - graph->symbol_names.begin())));
    } else {
      shape.push(dim_from_object(item));
    }
  }
  return shape;
}

AttrValue attr_from_object(const Op& op, const AttrSpec& spec, nb::handle o) {
  if (o.is_none()) {
    if (spec.optional) return std::monostate{};
    fail(ErrorKind::kType, "[", op.name(), "] ", spec.name, " is None; it must be ",
         attr_kind_name(spec.kind));
  }
  try {
    return convert(spec, o);
  } catch (nb::python_error& e) {
    if (!e.matches(PyExc_TypeError) && !e.matches(PyExc_OverflowError)) throw;
  } catch (const nb::cast_error&) {
  }
  fail(ErrorKind::kType, "[", op.name(), "] ", spec.name, " is ",
       nb::cast<std::string>(nb::repr(o)), " (",
       nb::cast<std::string>(
           nb::str(nb::handle(reinterpret_cast<PyObject*>(Py_TYPE(o.ptr()))).attr("__name__"))),
       "); it must be ", attr_kind_name(spec.kind), spec.optional ? " or None" : "");
}

nb::object attr_to_object(const AttrValue& value, Graph* graph) {
  if (std::holds_alternative<std::monostate>(value)) return nb::none();
  if (const bool* b = std::get_if<bool>(&value)) return nb::bool_(*b);
  if (const int64_t* i = std::get_if<int64_t>(&value)) return nb::int_(*i);
  if (const double* d = std::get_if<double>(&value)) return nb::float_(*d);
  if (const std::string* s = std::get_if<std::string>(&value)) return nb::cast(*s);
  if (const DType* t = std::get_if<DType>(&value)) return dtype_object(*t);
  if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
    nb::list out;
    for (int64_t v : *ints) out.append(dim_object(v, graph));
    return nb::tuple(out);
  }
  if (const auto* floats = std::get_if<std::vector<double>>(&value))
    return nb::tuple(nb::cast(*floats));
  if (const auto* tensor = std::get_if<std::shared_ptr<const Tensor>>(&value))
    return nb::steal(new_tensor(Tensor(**tensor)));
  RefCounted* object = std::get<Ref<RefCounted>>(value).get();
  if (auto* holder = dynamic_cast<PyHolder*>(object)) return holder->object;
  if (auto* variable = dynamic_cast<Variable*>(object)) return nb::cast(Ref<Variable>(variable));
  if (auto* sub = dynamic_cast<Graph*>(object)) return nb::cast(Ref<Graph>(sub));
  return nb::none();
}

nb::dict attrs_dict(const Op& op, const AttrList& attrs, Graph* graph) {
  nb::dict out;
  for (size_t i = 0; i < attrs.size(); ++i)
    out[nb::str(op.schema.attrs[i].name.c_str())] = attr_to_object(attrs[i], graph);
  return out;
}

void bind_types(nb::module_& m) {
  nb::register_exception_translator([](const std::exception_ptr& p, void*) {
    try {
      std::rethrow_exception(p);
    } catch (const Error&) {
      set_python_error();
    }
  });
  nb::class_<PyDType>(m, "DType")
      .def_prop_ro("name", [](const PyDType& d) { return dtype_name(d.dtype); })
      .def_prop_ro("code", [](const PyDType& d) { return dtype_code(d.dtype); })
      .def_prop_ro("kind", [](const PyDType& d) { return kind_name(d.dtype); })
      .def_prop_ro("itemsize", [](const PyDType& d) { return dtype_size(d.dtype); })
      .def("__repr__",
           [](const PyDType& d) { return std::string("penstock.") + dtype_name(d.dtype); })
      .def("__str__", [](const PyDType& d) { return dtype_name(d.dtype); })
      .def("__hash__", [](const PyDType& d) { return static_cast<int>(d.dtype) + 1; })
      .def("__reduce__",
           [m](const PyDType& d) {
             return nb::make_tuple(m.attr("dtype"), nb::make_tuple(dtype_name(d.dtype)));
           })
      .def(
          "__eq__",
          [](const PyDType& d, nb::handle other) -> nb::object {
            if (other.is_none()) return nb::bool_(false);  // first: it casts to a null pointer
            PyDType* same;
            if (nb::try_cast<PyDType*>(other, same)) return nb::bool_(same->dtype == d.dtype);
            try {
              return nb::bool_(dtype_from_object(other) == d.dtype);
            } catch (const Error&) {
              return nb::borrow(Py_NotImplemented);
            }
          },
          nb::arg().none());
  for (int i = 0; i < kNumDTypes; ++i)
    g_dtypes[i] = new nb::object(nb::cast(PyDType{static_cast<DType>(i)}));
  m.def("dtype", [](nb::handle o) { return dtype_object(dtype_from_object(o)); });
  m.def("promote", [](nb::handle a, nb::handle b) {
    return dtype_object(
        promote(dtype_from_object(a), false, dtype_from_object(b), false, "result_type"));
  });
  bind_dim(m);
}

}  // namespace penstock::python
