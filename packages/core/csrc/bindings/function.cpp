// The call of a traced function: arguments to a key, the key to a plan, the plan's outputs to the result's structure.
// Python is asked only when a key is new.
#include <algorithm>
#include <memory>
#include <unordered_map>

#include "base/few.h"
#include "base/thread_mode.h"
#include "bindings/tree.h"

// After Python.h, which nanobind includes.
#include <structmember.h>

namespace penstock::python {

namespace {

// A list that holds itself must not end the process.
struct RecursionGuard {
  RecursionGuard() {
    if (Py_EnterRecursiveCall(" in the arguments of a traced function")) throw nb::python_error();
  }
  ~RecursionGuard() { Py_LeaveRecursiveCall(); }
};

}  // namespace

bool is_namedtuple(nb::handle o) { return PyTuple_Check(o.ptr()) && nb::hasattr(o, "_fields"); }

nb::object parts_of(nb::handle o) {
  PyObject* found = PyObject_GetAttrString(o.ptr(), "__penstock_parts__");
  if (!found) {
    PyErr_Clear();
    return nb::none();
  }
  nb::object method = nb::steal(found);
  return PyType_Check(o.ptr()) ? nb::none() : method();
}

TreeSpec flatten(nb::handle tree, std::vector<nb::object>* leaves) {
  RecursionGuard guard;
  TreeSpec spec;
  if (nb::isinstance<nb::dict>(tree)) {
    spec.kind = TreeSpec::kDict;
    spec.data = nb::steal(PyDict_Keys(tree.ptr()));
    for (nb::handle key : nb::iter(spec.data)) {
      nb::object child = nb::steal(PyObject_GetItem(tree.ptr(), key.ptr()));
      spec.children.push_back(flatten(child, leaves));
    }
  } else if (nb::isinstance<nb::list>(tree) || nb::isinstance<nb::tuple>(tree)) {
    spec.kind = nb::isinstance<nb::list>(tree) ? TreeSpec::kList : TreeSpec::kTuple;
    if (is_namedtuple(tree)) {
      spec.kind = TreeSpec::kNamedTuple;
      spec.data = nb::borrow(reinterpret_cast<PyObject*>(Py_TYPE(tree.ptr())));
    }
    for (nb::handle item : nb::iter(tree)) spec.children.push_back(flatten(item, leaves));
  } else if (nb::object parts = is_tensor(tree.ptr()) ? nb::none() : parts_of(tree);
             !parts.is_none()) {
    spec.kind = TreeSpec::kParts;
    spec.data = nb::make_tuple(nb::handle(reinterpret_cast<PyObject*>(Py_TYPE(tree.ptr()))),
                               nb::object(parts[1]));
    for (nb::handle item : nb::iter(parts[0])) spec.children.push_back(flatten(item, leaves));
  } else {
    leaves->push_back(nb::borrow(tree));
  }
  return spec;
}

namespace {

// One key's answer.
struct Entry {
  Ref<Plan> plan;
  TreeSpec outputs;
  std::vector<int> order;              // plan input i is leaf order[i] of the call
  std::vector<nb::object> keep_alive;  // static arguments that are known by address
  bool hunting = false;                // made while debug_nans was on
  bool flat = false;  // positional tensors only, in this order: compared without building a key
  std::vector<Aval> avals;
};

struct FunctionObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject*
      miss;  // Python: (args, kwargs) -> (Plan, output tree, leaves, their numbers in the call)
  PyObject* dict;  // what functools.update_wrapper writes
  std::vector<std::string>* static_names;
  std::vector<int>* static_positions;
  std::unordered_map<std::string, std::shared_ptr<const Entry>>* entries;
  // One for each plan, by key without sizes: a new size asks these before it asks Python.
  std::unordered_map<std::string, std::vector<std::shared_ptr<const Entry>>>* of_any_size;
  std::string* last_key;
  std::shared_ptr<const Entry>* last;  // of last_key
};

PyTypeObject* g_function_type = nullptr;
constexpr size_t kMaxEntries = 4096;

// Builds the key and collects tensors in one walk.
class CallKey {
 public:
  std::string key;
  std::vector<Tensor> leaves;
  std::vector<PyObject*> leaf_objects;  // borrowed
  std::vector<PyObject*> by_address;    // borrowed: static arguments without a value to compare
  std::vector<nb::object> kept;  // parts that were made for this walk: others borrow from them

  std::string without_sizes() const {
    std::string text;
    size_t from = 0;
    for (const auto& [at, length] : sizes_) {
      text.append(key, from, at - from);
      from = at + length;
    }
    return text.append(key, from);
  }

  void add(PyObject* o) {
    RecursionGuard guard;
    if (is_tensor(o)) {
      tensor(tensor_of(o), o);
    } else if (PyFloat_CheckExact(o) || (PyLong_CheckExact(o)) || PyComplex_CheckExact(o)) {
      tensor(to_tensor(o), o);
    } else if (PyTuple_Check(o) || PyList_Check(o)) {
      key += PyTuple_Check(o) ? '(' : '[';
      if (is_namedtuple(o)) address(reinterpret_cast<PyObject*>(Py_TYPE(o)));
      Py_ssize_t n = PySequence_Size(o);
      raw(n);
      for (Py_ssize_t i = 0; i < n; ++i)
        add(PyTuple_Check(o) ? PyTuple_GetItem(o, i) : PyList_GetItem(o, i));
    } else if (PyDict_Check(o)) {
      key += '{';
      raw(PyDict_Size(o));
      PyObject *k, *v;
      Py_ssize_t at = 0;
      while (PyDict_Next(o, &at, &k, &v)) {
        fixed(k);
        add(v);
      }
    } else if (nb::object parts = parts_of(o); !parts.is_none()) {
      key += 'P';
      address(reinterpret_cast<PyObject*>(Py_TYPE(o)));
      fixed(nb::object(parts[1]).ptr());
      kept.push_back(parts);
      for (nb::handle item : nb::iter(parts[0])) add(item.ptr());
    } else if (nb::hasattr(o, "__penstock_tensor__")) {
      fixed(o);  // a variable: known by identity, read inside
    } else if (nb::hasattr(o, "__array__") && !PyType_Check(o)) {
      tensor(to_tensor(o), o);
    } else {
      fixed(o);
    }
  }
  // A static argument: plain values by value, everything else by identity.
  void fixed(PyObject* o) {
    if (o == Py_None) {
      key += 'N';
    } else if (PyBool_Check(o)) {
      key += o == Py_True ? "b1" : "b0";
    } else if (PyUnicode_CheckExact(o) || PyLong_CheckExact(o) || PyFloat_CheckExact(o) ||
               PyBytes_CheckExact(o)) {
      std::string text = nb::cast<std::string>(nb::repr(nb::handle(o)));
      key += 's';
      raw(static_cast<int64_t>(text.size()));
      key += text;
    } else if (PyTuple_CheckExact(o)) {
      key += 't';
      raw(PyTuple_Size(o));
      for (Py_ssize_t i = 0; i < PyTuple_Size(o); ++i) fixed(PyTuple_GetItem(o, i));
    } else {
      address(o);
    }
  }

 private:
  void raw(int64_t n) { key.append(reinterpret_cast<const char*>(&n), sizeof(n)); }
  void address(PyObject* o) {
    key += 'p';
    raw(static_cast<int64_t>(reinterpret_cast<intptr_t>(o)));
    by_address.push_back(o);
  }
  void tensor(Tensor t, PyObject* o) {
    char head[4] = {'T', static_cast<char>(t.dtype), static_cast<char>(t.shape.ndim),
                    static_cast<char>(t.weak)};
    key.append(head, 4);
    size_t bytes = sizeof(Dim) * static_cast<size_t>(t.shape.ndim);
    sizes_.emplace_back(key.size(), bytes);
    key.append(reinterpret_cast<const char*>(t.shape.dims), bytes);
    leaf_objects.push_back(o);
    leaves.push_back(std::move(t));
  }
  std::vector<std::pair<size_t, size_t>> sizes_;  // where they stand in the key, and their bytes
};

bool is_static(const FunctionObject& f, Py_ssize_t position) {
  for (int p : *f.static_positions)
    if (p == position) return true;
  return false;
}

void build_key(FunctionObject& f, PyObject* const* args, Py_ssize_t n, PyObject* kwnames,
               CallKey* call) {
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (!f.static_positions->empty() && is_static(f, i)) {
      call->fixed(args[i]);
    } else {
      call->add(args[i]);
    }
  }
  if (debug_nans()) call->key += '!';  // plans of their own, whose steps are the ops themselves
  if (t_mode & kModeScope)
    call->key += "@" + graph_scope().device;  // placed where the call is made
  Py_ssize_t num_keywords = kwnames ? PyTuple_Size(kwnames) : 0;
  for (Py_ssize_t k = 0; k < num_keywords; ++k) {
    PyObject* name = PyTuple_GetItem(kwnames, k);
    call->key += '=';
    call->fixed(name);
    std::string text = nb::cast<std::string>(nb::handle(name));
    bool fixed =
        std::find(f.static_names->begin(), f.static_names->end(), text) != f.static_names->end();
    if (fixed) {
      call->fixed(args[n + k]);
    } else {
      call->add(args[n + k]);
    }
  }
}

// Remembers how the arguments of a call look, for the next ones.
void note_arguments(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, const CallKey& call,
                    Entry* entry) {
  entry->flat = !kwnames && static_cast<size_t>(n) == entry->order.size();
  entry->avals.clear();
  for (size_t i = 0; i < entry->order.size(); ++i) {
    // Nested arguments have more leaves than there are arguments.
    entry->flat = entry->flat && entry->order[i] == static_cast<int>(i) &&
                  call.leaf_objects[i] == args[i] && is_tensor(args[i]);
    entry->avals.push_back({call.leaves[i].dtype, call.leaves[i].weak, call.leaves[i].shape});
  }
}

// The inputs of the entry's plan.
void take_leaves(const Entry& entry, const CallKey& call, Tensor* in) {
  for (size_t i = 0; i < entry.order.size(); ++i)
    in[i] = call.leaves[static_cast<size_t>(entry.order[i])];
}

// Asks Python to trace, or to find a trace whose guards accept the arguments.
std::shared_ptr<const Entry> make_entry(FunctionObject& f, PyObject* const* args, Py_ssize_t n,
                                        PyObject* kwnames, const CallKey& call) {
  nb::list positional;
  for (Py_ssize_t i = 0; i < n; ++i) positional.append(nb::handle(args[i]));
  nb::dict keywords;
  for (Py_ssize_t k = 0; kwnames && k < PyTuple_Size(kwnames); ++k)
    keywords[nb::handle(PyTuple_GetItem(kwnames, k))] = nb::handle(args[n + k]);
  nb::object answer = nb::handle(f.miss)(nb::tuple(positional), keywords);
  auto made = std::make_shared<Entry>();
  Entry& entry = *made;
  entry.hunting = debug_nans();
  entry.plan = nb::cast<Ref<Plan>>(answer[0]);
  entry.outputs = nb::cast<TreeSpec>(answer[1]);
  for (nb::handle number : nb::iter(answer[3])) entry.order.push_back(nb::cast<int>(number));
  for (PyObject* o : call.by_address) entry.keep_alive.push_back(nb::borrow(o));
  note_arguments(args, n, kwnames, call, &entry);
  return made;
}

// The answer of an earlier call that differs in nothing but sizes, if its plan takes these; else nullptr.
std::shared_ptr<const Entry> entry_of_other_sizes(
    const std::vector<std::shared_ptr<const Entry>>& known, PyObject* const* args, Py_ssize_t n,
    PyObject* kwnames, const CallKey& call) {
  for (const std::shared_ptr<const Entry>& entry : known) {
    Few<Tensor> in(static_cast<int>(entry->order.size()));
    take_leaves(*entry, call, in.get());
    if (!entry->plan->accepts(in.get(), static_cast<int>(entry->order.size()))) continue;
    auto made = std::make_shared<Entry>(*entry);
    note_arguments(args, n, kwnames, call, made.get());
    return made;
  }
  return nullptr;
}

std::shared_ptr<const Entry> new_entry(FunctionObject& f, PyObject* const* args, Py_ssize_t n,
                                       PyObject* kwnames, const CallKey& call) {
  std::string kinds = call.without_sizes();
  auto known = f.of_any_size->find(kinds);
  if (known != f.of_any_size->end())
    if (auto entry = entry_of_other_sizes(known->second, args, n, kwnames, call)) return entry;
  // May run Python, and so other calls of this function.
  std::shared_ptr<const Entry> entry = make_entry(f, args, n, kwnames, call);
  if (f.of_any_size->size() >= kMaxEntries) f.of_any_size->clear();
  auto& all = (*f.of_any_size)[kinds];
  bool is_known = std::any_of(all.begin(), all.end(),
                              [&](const auto& other) { return other->plan == entry->plan; });
  if (!is_known) all.push_back(entry);
  return entry;
}

PyObject* run_entry(const Entry& entry, const CallKey& call) {
  int num_in = static_cast<int>(entry.order.size());
  Few<Tensor> in(num_in), out(entry.plan->num_outputs());
  take_leaves(entry, call, in.get());
  entry.plan->run(in.get(), num_in, out.get());
  if (entry.outputs.kind == TreeSpec::kLeaf) return new_tensor(std::move(out[0]));
  int at = 0;
  auto next = [&]() -> nb::object { return nb::steal(new_tensor(std::move(out[at++]))); };
  return unflatten(entry.outputs, next).release().ptr();
}

// True when these arguments are those of the entry again, all of them plain tensors.
bool same_flat_call(const Entry& entry, PyObject* const* args, Py_ssize_t n) {
  if (!entry.flat || static_cast<size_t>(n) != entry.avals.size()) return false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (!is_tensor(args[i])) return false;
    const Tensor& t = tensor_of(args[i]);
    const Aval& a = entry.avals[static_cast<size_t>(i)];
    if (t.dtype != a.dtype || t.weak != a.weak || t.symbolic() || t.shape != a.shape) return false;
  }
  return true;
}

PyObject* run_flat(const Entry& entry, PyObject* const* args, Py_ssize_t n) {
  Plan* plan = entry.plan.get();
  int num_out = plan->num_outputs();
  const TreeSpec& outputs = entry.outputs;
  Few<Tensor> in(static_cast<int>(n)), out(num_out);
  for (Py_ssize_t i = 0; i < n; ++i) in[static_cast<int>(i)] = tensor_of(args[i]);
  plan->run(in.get(), static_cast<int>(n), out.get());
  if (outputs.kind == TreeSpec::kLeaf) return new_tensor(std::move(out[0]));
  int at = 0;
  auto next = [&]() -> nb::object { return nb::steal(new_tensor(std::move(out[at++]))); };
  return unflatten(outputs, next).release().ptr();
}

bool must_inline(const CallKey& call) {
  if (current_graph() || (t_mode & kModeTape)) return true;
  for (const Tensor& t : call.leaves)
    if (t.symbolic()) return true;
  return false;
}

PyObject* function_call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto& f = *reinterpret_cast<FunctionObject*>(self);
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  try {
    // The entry is held while it runs: another thread may drop it from the table.
    std::shared_ptr<const Entry> entry = *f.last;
    if (t_mode == 0 && entry && entry->hunting == debug_nans() && !kwnames &&
        same_flat_call(*entry, args, n))
      return run_flat(*entry, args, n);
    CallKey call;
    build_key(f, args, n, kwnames, &call);
    if (must_inline(call)) {  // inside another graph, or under a tape: the Python body itself
      nb::object inner = nb::borrow(self).attr("_body");
      return PyObject_Vectorcall(inner.ptr(), args, static_cast<size_t>(n), kwnames);
    }
    if (entry && *f.last_key == call.key) return run_entry(*entry, call);
    auto it = f.entries->find(call.key);
    if (it != f.entries->end()) {
      entry = it->second;
    } else {
      entry = new_entry(f, args, n, kwnames, call);
      if (f.entries->size() >= kMaxEntries) f.entries->clear();
      f.entries->insert_or_assign(call.key, entry);
    }
    *f.last_key = call.key;
    *f.last = entry;
    return run_entry(*entry, call);
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

PyObject* function_new(PyTypeObject* type, PyObject* args, PyObject*) {
  try {
    nb::handle a(args);
    auto* f = reinterpret_cast<FunctionObject*>(PyType_GenericAlloc(type, 0));
    if (!f) return nullptr;
    f->vectorcall = function_call;
    f->miss = nb::object(a[0]).release().ptr();
    f->dict = nb::dict().release().ptr();
    f->static_positions = new std::vector<int>(nb::cast<std::vector<int>>(a[1]));
    f->static_names = new std::vector<std::string>(nb::cast<std::vector<std::string>>(a[2]));
    f->entries = new std::unordered_map<std::string, std::shared_ptr<const Entry>>;
    f->of_any_size = new std::unordered_map<std::string, std::vector<std::shared_ptr<const Entry>>>;
    f->last = new std::shared_ptr<const Entry>;
    f->last_key = new std::string;
    return reinterpret_cast<PyObject*>(f);
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

int function_traverse(PyObject* self, visitproc visit, void* arg) {
  auto* f = reinterpret_cast<FunctionObject*>(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(f->miss);
  Py_VISIT(f->dict);
  return 0;
}

int function_clear(PyObject* self) {
  auto* f = reinterpret_cast<FunctionObject*>(self);
  Py_CLEAR(f->miss);
  Py_CLEAR(f->dict);
  return 0;
}

void function_dealloc(PyObject* self) {
  auto* f = reinterpret_cast<FunctionObject*>(self);
  PyObject_GC_UnTrack(self);
  function_clear(self);
  delete f->entries;
  delete f->of_any_size;
  delete f->last;
  delete f->last_key;
  delete f->static_names;
  delete f->static_positions;
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_Del(self);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
}

PyObject* function_bind(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) return nb::borrow(self).release().ptr();
  nb::object method = nb::module_::import_("types").attr("MethodType");
  return PyObject_CallFunctionObjArgs(method.ptr(), self, instance, nullptr);
}

PyMemberDef g_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(FunctionObject, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(FunctionObject, dict), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyType_Slot g_slots[] = {{Py_tp_new, reinterpret_cast<void*>(function_new)},
                         {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(function_dealloc)},
                         {Py_tp_traverse, reinterpret_cast<void*>(function_traverse)},
                         {Py_tp_clear, reinterpret_cast<void*>(function_clear)},
                         {Py_tp_descr_get, reinterpret_cast<void*>(function_bind)},
                         {Py_tp_getattro, reinterpret_cast<void*>(PyObject_GenericGetAttr)},
                         {Py_tp_members, g_members},
                         {0, nullptr}};

PyType_Spec g_spec = {"penstock._native.FunctionBase", sizeof(FunctionObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC |
                          Py_TPFLAGS_BASETYPE | Py_TPFLAGS_METHOD_DESCRIPTOR,
                      g_slots};

}  // namespace

void bind_function(nb::module_& m) {
  nb::object type = nb::steal(PyType_FromSpec(&g_spec));
  if (!type.is_valid()) throw nb::python_error();
  g_function_type = reinterpret_cast<PyTypeObject*>(type.ptr());
  m.attr("FunctionBase") = type;
  nb::class_<TreeSpec>(m, "TreeSpec").def("__eq__", [](const TreeSpec& a, const TreeSpec& b) {
    struct Compare {
      static bool same(const TreeSpec& x, const TreeSpec& y) {
        if (x.kind != y.kind || x.children.size() != y.children.size()) return false;
        if (x.data.is_valid() != y.data.is_valid()) return false;
        if (x.data.is_valid() && !x.data.equal(y.data)) return false;
        for (size_t i = 0; i < x.children.size(); ++i)
          if (!same(x.children[i], y.children[i])) return false;
        return true;
      }
    };
    return Compare::same(a, b);
  });
  m.def(
      "tree_flatten",
      [](nb::handle tree) {
        std::vector<nb::object> leaves;
        TreeSpec spec = flatten(tree, &leaves);
        nb::list list;
        for (nb::object& leaf : leaves) list.append(leaf);
        return nb::make_tuple(list, std::move(spec));
      },
      nb::arg("tree").none());
  m.def("tree_unflatten", [](const TreeSpec& spec, nb::list leaves) {
    size_t at = 0;
    auto next = [&]() -> nb::object {
      if (at >= nb::len(leaves))
        fail(ErrorKind::kValue, "there are fewer leaves than the structure has places");
      return leaves[at++];
    };
    return unflatten(spec, next);
  });
  // The structure with some leaves fixed: those at True become part of the structure itself.
  m.def("tree_fix", [](TreeSpec spec, nb::list leaves, nb::list fixed) {
    size_t at = 0;
    struct Walk {
      static void run(TreeSpec& s, nb::list& leaves, nb::list& fixed, size_t* at) {
        if (s.kind == TreeSpec::kLeaf) {
          size_t i = (*at)++;
          if (!nb::cast<bool>(fixed[i])) return;
          s.kind = TreeSpec::kConstant;
          s.data = leaves[i];
        }
        for (TreeSpec& child : s.children) run(child, leaves, fixed, at);
      }
    };
    Walk::run(spec, leaves, fixed, &at);
    return spec;
  });
}

}  // namespace penstock::python
