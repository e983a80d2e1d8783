// The function of an op: a native callable that binds arguments to the schema and calls the op. Everything else that
// is asked of it (docstring, vjp, samples) comes from the Python block that declared it.
#include <cstdio>
#include <cstring>

#include "base/few.h"
#include "bindings/common.h"
#include "bindings/python_kernels.h"
#include "ops/tile_program.h"

// After Python.h, which nanobind includes.
#include <structmember.h>

namespace penstock::python {
namespace {

struct OpObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  Op* op;
  PyObject* block;
};

PyTypeObject* g_op_type = nullptr;

[[noreturn]] void bad_call(const Op& op, const std::string& what) {
  std::string signature;
  for (const InputSpec& in : op.schema.inputs)
    signature += (signature.empty() ? "" : ", ") + in.name;
  for (const AttrSpec& a : op.schema.attrs)
    signature += (signature.empty() ? "" : ", ") + a.name + (a.required ? "" : "=...");
  fail(ErrorKind::kType, "[", op.name(), "] ", what, "; the signature is ", op.name(), "(",
       signature, ")");
}

// Positional and keyword arguments, sorted into inputs and attributes.
class Arguments {
 public:
  Arguments(Op& op, PyObject* const* args, Py_ssize_t num_args, PyObject* kwnames)
      : op_(op), attrs(op.default_attrs), given_(op.schema.attrs.size(), false) {
    Py_ssize_t num_inputs = op.num_inputs();
    for (Py_ssize_t i = 0; i < num_args; ++i) {
      if (i < num_inputs) {
        set_input(static_cast<size_t>(i), args[i]);
      } else {
        set_positional(static_cast<size_t>(i - num_inputs), num_args, args[i]);
      }
    }
    Py_ssize_t num_keywords = kwnames ? PyTuple_Size(kwnames) : 0;
    for (Py_ssize_t k = 0; k < num_keywords; ++k)
      set_keyword(PyTuple_GetItem(kwnames, k), args[num_args + k]);
    check_complete();
    settle_scalars();
  }

  std::vector<Tensor> inputs;

 private:
  Op& op_;

 public:
  AttrList attrs;

 private:
  std::vector<bool> given_;
  size_t inputs_given_ = 0;

  void set_input(size_t i, PyObject* value) {
    const InputSpec& spec = op_.schema.inputs[i];
    if (i != inputs_given_)
      bad_call(op_, "argument '" + spec.name + "' comes before '" +
                        op_.schema.inputs[inputs_given_].name + "'");
    ++inputs_given_;
    if (!spec.variadic) {
      if (value == Py_None) bad_call(op_, "'" + spec.name + "' is None; it must be a tensor");
      inputs.push_back(to_tensor(value));
      return;
    }
    if (!PyList_Check(value) && !PyTuple_Check(value))
      bad_call(op_, "'" + spec.name + "' must be a list or tuple of tensors");
    for (nb::handle item : nb::iter(nb::handle(value))) inputs.push_back(to_tensor(item.ptr()));
  }
  void set_positional(size_t i, Py_ssize_t num_args, PyObject* value) {
    const auto& specs = op_.schema.attrs;
    if (i >= specs.size() || specs[i].keyword_only)
      bad_call(op_, "takes fewer than " + std::to_string(num_args) + " positional arguments");
    attrs[i] = attr_from_object(op_, specs[i], value);
    given_[i] = true;
  }
  void set_keyword(PyObject* key, PyObject* value) {
    std::string name = nb::cast<std::string>(nb::handle(key));
    int attr = op_.attr_index(name);
    if (attr >= 0) {
      size_t i = static_cast<size_t>(attr);
      if (given_[i]) bad_call(op_, "got '" + name + "' twice");
      attrs[i] = attr_from_object(op_, op_.schema.attrs[i], value);
      given_[i] = true;
      return;
    }
    for (size_t i = 0; i < op_.schema.inputs.size(); ++i) {
      if (op_.schema.inputs[i].name != name) continue;
      if (i < inputs_given_) bad_call(op_, "got '" + name + "' twice");
      set_input(i, value);
      return;
    }
    // NumPy gives these to methods that its functions hand over to.
    if (value == Py_None && (name == "out" || name == "dtype")) return;
    bad_call(op_, "has no argument '" + name + "'" + better_name(name));
  }
  // "; did you mean 'axis'?", for slips of the pen and for what other frameworks say.
  std::string better_name(const std::string& name) const {
    std::vector<std::string> known;
    for (const AttrSpec& a : op_.schema.attrs) known.push_back(a.name);
    nb::object renamed =
        nb::module_::import_("penstock._migration").attr("KEYWORDS").attr("get")(name, "");
    std::string elsewhere = nb::cast<std::string>(renamed);
    for (const std::string& k : known)
      if (k == elsewhere) return "; did you mean '" + k + "'?";
    std::vector<std::string> near = nearest_names(name, known);
    return near.empty() ? "" : "; did you mean '" + near[0] + "'?";
  }
  void check_complete() {
    if (inputs_given_ < op_.schema.inputs.size())
      bad_call(op_, "misses the argument '" + op_.schema.inputs[inputs_given_].name + "'");
    for (size_t i = 0; i < op_.schema.attrs.size(); ++i)
      if (op_.schema.attrs[i].required && !given_[i])
        bad_call(op_, "misses the argument '" + op_.schema.attrs[i].name + "'");
  }
  // Among numbers only, nothing strong decides the dtype: floats take the default, also while a graph is built. Ops that
  // hand their inputs on leave them as they are.
  void settle_scalars() {
    if (op_.builtin != Builtin::kNone || op_.schema.effects == Effects::kWrite) return;
    if (op_.name() == "cast" || op_.name() == "identity" || op_.name() == "barrier") return;
    for (const Tensor& t : inputs)
      if (!t.weak) return;
    for (Tensor& t : inputs) {
      if (t.symbolic()) {
        t = settled_symbol(t);
        continue;
      }
      t = t.dtype == DType::kF64    ? t.scalar_as(kDefaultFloat)
          : t.dtype == DType::kC128 ? t.scalar_as(DType::kC64)
                                    : t;
      t.weak = false;
    }
  }
  static Tensor settled_symbol(const Tensor& t) {
    DType wanted = t.dtype == DType::kF64    ? kDefaultFloat
                   : t.dtype == DType::kC128 ? DType::kC64
                                             : t.dtype;
    AttrList to{wanted};
    Tensor made;
    call_op(get_op("cast"), &t, 1, to, &made);
    return made;
  }
};

PyObject* results(const Op& op, Tensor* outputs, int count) {
  int num_public = op.schema.num_outputs < 0 ? count : op.schema.num_public;
  if (num_public == 1 && op.schema.num_outputs >= 0) return new_tensor(std::move(outputs[0]));
  nb::list list;
  for (int i = 0; i < num_public; ++i) list.append(nb::steal(new_tensor(std::move(outputs[i]))));
  return nb::tuple(list).release().ptr();
}

PyObject* op_call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  Op& op = *reinterpret_cast<OpObject*>(self)->op;
  Py_ssize_t num_args = PyVectorcall_NARGS(nargsf);
  try {
    // The usual call: tensors for every input, no attribute to read.
    int n = op.num_inputs();
    if (!kwnames && num_args == n && n > 0 && n <= kMaxShortcut && op.schema.num_outputs == 1 &&
        op.callable_without_attrs) {
      bool tensors = true;
      for (int i = 0; i < n; ++i) tensors &= is_tensor(args[i]) && !tensor_of(args[i]).weak;
      if (tensors && !op.variadic()) {
        const Tensor* inputs[kMaxShortcut];
        for (int i = 0; i < n; ++i) inputs[i] = &tensor_of(args[i]);
        Tensor output;
        call_simple(op, inputs, n, &output);
        return new_tensor(std::move(output));
      }
    }
    Arguments bound(op, args, num_args, kwnames);
    int num_inputs = static_cast<int>(bound.inputs.size());
    Few<Tensor> outputs(most_outputs(op, num_inputs, bound.attrs));
    int count = call_op(op, bound.inputs.data(), num_inputs, bound.attrs, outputs.get());
    return results(op, outputs.get(), count);
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

AttrSpec spec_from_python(const std::string& op, nb::handle o) {
  auto [name, kind, optional, required, keyword_only, value] =
      nb::cast<std::tuple<std::string, std::string, bool, bool, bool, nb::object>>(o);
  AttrSpec spec;
  spec.name = name;
  if (!attr_kind_from_name(kind, &spec.kind))
    fail(ErrorKind::kType, "[", op, "] attribute kind '", kind, "' is unknown");
  spec.optional = optional;
  spec.required = required;
  spec.keyword_only = keyword_only;
  return spec;
}

Effects effects_from_name(const std::string& name) {
  if (name == "read") return Effects::kRead;
  if (name == "write") return Effects::kWrite;
  if (name == "random") return Effects::kRandom;
  if (name == "io") return Effects::kIo;
  return Effects::kNone;
}

std::string describe(const OpSchema& s) {
  std::string out = s.name + "@" + std::to_string(s.version) + " " + s.rule + " " +
                    std::to_string(s.num_outputs) + "/" + std::to_string(s.num_public) +
                    (s.alias ? " alias" : "") + (s.broadcasts ? " broadcasts" : "") +
                    (s.host_only ? " host_only" : "") +
                    " effects=" + std::to_string(static_cast<int>(s.effects)) + " (";
  for (const InputSpec& in : s.inputs) out += (in.variadic ? "*" : "") + in.name + ", ";
  for (const AttrSpec& a : s.attrs)
    out += (a.keyword_only ? "*" : "") + a.name + ": " + attr_kind_name(a.kind) +
           (a.optional ? "?" : "") + (a.required ? "" : "=" + attr_text(a.default_value, {})) +
           ", ";
  return out + ")";
}

// Registers the schema, or checks that it is the one that libpenstock was built with.
Op& declare(OpSchema schema) {
  Op* known = find_op(schema.name);
  if (!known) return register_op(std::move(schema));
  if (describe(known->schema) != describe(schema))
    fail(ErrorKind::kPlugin, "[", schema.name, "] is declared as\n  ", describe(schema),
         "\nand known as\n  ", describe(known->schema),
         "\nIf this is core's own op: run `nox -s gen` and build again; else choose another name");
  return *known;
}

OpSchema schema_from_python(nb::handle args) {
  OpSchema s;
  s.name = nb::cast<std::string>(args[0]);
  s.version = nb::cast<int>(args[1]);
  for (nb::handle in : nb::iter(args[2])) {
    auto [name, variadic] = nb::cast<std::pair<std::string, bool>>(in);
    s.inputs.push_back({name, variadic});
  }
  for (nb::handle a : nb::iter(args[3])) s.attrs.push_back(spec_from_python(s.name, a));
  s.num_outputs = nb::cast<int>(args[4]);
  s.num_public = nb::cast<int>(args[5]);
  s.rule = nb::cast<std::string>(args[6]);
  s.effects = effects_from_name(nb::cast<std::string>(args[7]));
  s.alias = nb::cast<bool>(args[8]);
  s.broadcasts = nb::cast<bool>(args[9]);
  s.host_only = nb::cast<bool>(args[10]);
  // Defaults last: converting them needs the op's name for errors.
  Op scratch(s);
  size_t i = 0;
  for (nb::handle a : nb::iter(args[3])) {
    AttrSpec& spec = s.attrs[i++];
    if (!spec.required) spec.default_value = attr_from_object(scratch, spec, a[5]);
  }
  return s;
}

PyObject* op_new(PyTypeObject* type, PyObject* args, PyObject*) {
  try {
    nb::handle a(args);
    if (PyTuple_Size(args) != 12) fail(ErrorKind::kType, "OpFunction takes 12 arguments");
    Op& op = declare(schema_from_python(a));
    auto* self = reinterpret_cast<OpObject*>(PyType_GenericAlloc(type, 0));
    if (!self) return nullptr;
    self->vectorcall = op_call;
    self->op = &op;
    self->block = nb::object(a[11]).release().ptr();
    op.python = self;
    Py_INCREF(reinterpret_cast<PyObject*>(self));  // ops live as long as the process
    return reinterpret_cast<PyObject*>(self);
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

PyObject* op_getattr(PyObject* self, PyObject* name) {
  auto* op = reinterpret_cast<OpObject*>(self);
  if (op->block && PyUnicode_CompareWithASCIIString(name, "__class__") != 0) {
    PyObject* found = PyObject_GetAttr(op->block, name);
    if (found || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
    PyErr_Clear();
  }
  return PyObject_GenericGetAttr(self, name);
}

PyObject* op_bind(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) return nb::borrow(self).release().ptr();
  nb::object method = nb::module_::import_("types").attr("MethodType");
  return PyObject_CallFunctionObjArgs(method.ptr(), self, instance, nullptr);
}

PyObject* op_repr(PyObject* self) {
  return PyObject_Repr(reinterpret_cast<OpObject*>(self)->block);
}

PyMemberDef g_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(OpObject, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyType_Slot g_slots[] = {{Py_tp_new, reinterpret_cast<void*>(op_new)},
                         {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                         {Py_tp_getattro, reinterpret_cast<void*>(op_getattr)},
                         {Py_tp_descr_get, reinterpret_cast<void*>(op_bind)},
                         {Py_tp_repr, reinterpret_cast<void*>(op_repr)},
                         {Py_tp_members, g_members},
                         {0, nullptr}};

PyType_Spec g_spec = {
    "penstock._native.OpFunction", sizeof(OpObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR, g_slots};

// Keeps calls away from the tapes: a composed op is written down as one call.
class TapesPaused {
 public:
  TapesPaused() : tapes_(active_tapes()) {
    if (!tapes_.empty()) set_active_tapes({});
  }
  ~TapesPaused() {
    if (!tapes_.empty()) set_active_tapes(std::move(tapes_));
  }

 private:
  std::vector<Ref<Tape>> tapes_;
};

// Runs the block's composition, if it has one.
int compose(Op& op, const Tensor* inputs, int n, const AttrList& attrs, Tensor* outputs) {
  if (!op.python) return -1;
  return with_gil([&]() -> int {
    nb::handle block(static_cast<OpObject*>(op.python)->block);
    nb::object fn = nb::getattr(block, "compose_fn", nb::none());
    if (fn.is_none()) return -1;
    nb::list args;
    for (int i = 0; i < n; ++i) args.append(nb::steal(new_tensor(Tensor(inputs[i]))));
    nb::object result;
    {
      TapesPaused paused;
      result = fn(*args, **attrs_dict(op, attrs, nullptr));
    }
    if (is_tensor(result.ptr())) {
      outputs[0] = tensor_of(result.ptr());
      outputs[0].id = 0;  // a result of its own, also where it is an input handed through
      return 1;
    }
    int count = 0;
    for (nb::handle item : nb::iter(result)) {
      if (count == kMaxOutputs)
        fail(ErrorKind::kValue, "[", op.name(), "] its composition has too many outputs");
      outputs[count] = checked_tensor(item);
      outputs[count++].id = 0;
    }
    return count;
  });
}

// The shape rule of a plugin's op that is written in Python: gets (shape, dtype) of every input and the attributes,
// returns the same of every output.
void infer_in_python(InferContext& ctx) {
  with_gil([&] {
    nb::handle block(static_cast<OpObject*>(ctx.op.python)->block);
    auto* graph = dynamic_cast<Graph*>(ctx.oracle());
    nb::tuple args = nb::steal<nb::tuple>(PyTuple_New(ctx.num_inputs()));
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      nb::tuple aval =
          nb::make_tuple(shape_object(ctx.shape(i), graph), dtype_object(ctx.dtype(i)));
      PyTuple_SetItem(args.ptr(), i, aval.release().ptr());
    }
    nb::dict attrs = attrs_dict(ctx.op, ctx.attrs, graph);
    nb::object rule = block.attr("infer_fn");
    nb::object result = nb::steal(PyObject_Call(rule.ptr(), args.ptr(), attrs.ptr()));
    if (!result.is_valid()) throw nb::python_error();
    if (!nb::isinstance<nb::list>(result)) {
      nb::list one;
      one.append(result);
      result = one;
    }
    for (nb::handle item : nb::iter(result)) {
      // By hand, because a cast that fails would say nothing of the op.
      if (!nb::isinstance<nb::tuple>(item) || nb::len(item) != 2 ||
          !PySequence_Check(nb::object(item[0]).ptr()) || nb::isinstance<nb::str>(item[0]))
        ctx.fail(ErrorKind::kType, "its shape rule returned ",
                 nb::cast<std::string>(nb::repr(item)),
                 "; expected (shape, dtype), or a list with one for each output");
      try {
        ctx.output(dtype_from_object(item[1]), shape_from_object(item[0]));
      } catch (const Error& e) {
        ctx.fail(e.kind, "its shape rule returned ", nb::cast<std::string>(nb::repr(item)), ": ",
                 e.what());
      }
    }
    int wanted = ctx.op.schema.num_outputs;
    if (wanted >= 0 && ctx.num_outputs != wanted)
      ctx.fail(ErrorKind::kValue, "its shape rule gives ", ctx.num_outputs,
               " outputs; the op is declared with ", wanted);
    for (int i = 0; i < ctx.num_outputs; ++i)
      for (int d = 0; d < ctx.outputs[i].shape.ndim; ++d)
        if (ctx.outputs[i].shape[d] < 0 && !is_symbolic(ctx.outputs[i].shape[d]))
          ctx.fail(ErrorKind::kShape, "its shape rule gives shape ", ctx.outputs[i].shape.text());
  });
}

}  // namespace

Op& op_from_object(nb::handle o) {
  if (nb::isinstance<nb::str>(o)) return get_op(nb::cast<std::string>(o));
  if (Py_TYPE(o.ptr()) == g_op_type) return *reinterpret_cast<OpObject*>(o.ptr())->op;
  fail(ErrorKind::kType, "expected an op or its name, got ", nb::cast<std::string>(nb::repr(o)));
}

nb::object op_object(const Op& op) {
  return op.python ? nb::borrow(static_cast<PyObject*>(op.python)) : nb::none();
}

void bind_ops(nb::module_& m) {
  nb::object type = nb::steal(PyType_FromSpec(&g_spec));
  if (!type.is_valid()) throw nb::python_error();
  g_op_type = reinterpret_cast<PyTypeObject*>(type.ptr());
  m.attr("OpFunction") = type;
  set_compose_hook(compose);
  register_rule("python", infer_in_python);
  m.def("op_names", op_names);
  m.def("has_op", [](const std::string& name) { return find_op(name) != nullptr; });
  m.def("withdraw_op", withdraw_op);
  m.def("op_function", [](const std::string& name) { return op_object(get_op(name)); });
  m.def("kernel_rows", [](const std::string& name) {
    nb::list out;
    for (const KernelRow* row : get_op(name).kernels->rows())
      out.append(
          nb::make_tuple(row->provider, row->device, row->dtypes, row->isa, row->def.priority));
    return out;
  });
  m.def("kernels_fingerprint", [](const std::string& device) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx",
                  static_cast<unsigned long long>(kernels_fingerprint(device)));
    return std::string(text);
  });
  m.def("tile_opcodes", [] {
    nb::list out;
    for (const TileOpcode& o : tile_opcodes())
      out.append(nb::make_tuple(o.name, o.code, o.operands, std::string(1, o.result)));
    return out;
  });
  // Calls an op by object or name with ready-made inputs and attributes; returns all outputs, hidden ones too.
  m.def("call_op", [](nb::handle op_like, nb::handle inputs, nb::dict attrs) {
    Op& op = op_from_object(op_like);
    std::vector<Tensor> in;
    for (nb::handle t : nb::iter(inputs)) in.push_back(to_tensor(t.ptr()));
    AttrList list = op.default_attrs;
    for (const AttrSpec& spec : op.schema.attrs)
      if (spec.required && !attrs.contains(spec.name.c_str()))
        bad_call(op, "misses the argument '" + spec.name + "'");
    for (auto [key, value] : attrs) {
      std::string name = nb::cast<std::string>(key);
      int i = op.attr_index(name);
      if (i < 0) bad_call(op, "has no argument '" + name + "'");
      list[static_cast<size_t>(i)] =
          attr_from_object(op, op.schema.attrs[static_cast<size_t>(i)], value);
    }
    int num_inputs = static_cast<int>(in.size());
    Few<Tensor> outputs(most_outputs(op, num_inputs, list));
    int count = call_op(op, in.data(), num_inputs, list, outputs.get());
    nb::list out;
    for (int i = 0; i < count; ++i) out.append(nb::steal(new_tensor(std::move(outputs[i]))));
    return out;
  });
  bind_python_kernels(m);
}

}  // namespace penstock::python
