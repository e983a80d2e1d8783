#include "graph/bodies.h"

#include <algorithm>

#include "base/error.h"
#include "graph/variable.h"
#include "ops/rules.h"

namespace penstock {
namespace {

Graph& graph_attr(const AttrValue& value) {
  return static_cast<Graph&>(*std::get<Ref<RefCounted>>(value));
}

const Aval& formal(const Graph& body, size_t i) {
  return body.values[static_cast<size_t>(body.inputs[i])].aval;
}
const Aval& result(const Graph& body, size_t i) {
  return body.values[static_cast<size_t>(body.outputs[i])].aval;
}

std::string type_text(const Aval& aval) {
  return std::string(dtype_code(aval.dtype)) + " of shape " + aval.shape.text();
}

void need_count(InferContext& ctx, const Graph& body, int given) {
  if (static_cast<int>(body.inputs.size()) != given)
    ctx.fail(ErrorKind::kGraph, "the subgraph takes ", body.inputs.size(), " inputs and got ",
             given);
}

// What goes in must be what the body was made for: a body is never traced again.
void need_alike(InferContext& ctx, const Aval& given, const Aval& wanted, const char* what, int i) {
  if (given.dtype == wanted.dtype && ctx.same_shape(given.shape, wanted.shape)) return;
  ctx.fail(given.dtype == wanted.dtype ? ErrorKind::kShape : ErrorKind::kDType, what, " ", i,
           " is ", type_text(given), "; expected ", type_text(wanted));
}

Shape stacked(Dim length, const Shape& shape) {
  Shape out{length};
  for (int d = 0; d < shape.ndim; ++d) out.push(shape[d]);
  return out;
}

Shape row(const Shape& shape) {
  Shape out;
  for (int d = 1; d < shape.ndim; ++d) out.push(shape[d]);
  return out;
}

// The first results of a loop's body go in again, so they must be like the inputs that they replace.
void need_loop(InferContext& ctx, const Graph& body, int64_t carried) {
  if (carried < 0 || carried > static_cast<int64_t>(body.outputs.size()) ||
      carried > ctx.num_inputs())
    ctx.fail(ErrorKind::kValue, "num_carried is ", carried, "; the body has ", body.outputs.size(),
             " outputs and the op ", ctx.num_inputs(), " inputs");
  for (int i = 0; i < static_cast<int>(carried); ++i)
    need_alike(ctx, result(body, static_cast<size_t>(i)), ctx.input(i), "the body's output", i);
}

}  // namespace

std::vector<Ref<Graph>> bodies_of(const Node& node) {
  std::vector<Ref<Graph>> out;
  for (size_t i = 0; i < node.attrs.size(); ++i)
    if (node.op->schema.attrs[i].kind == AttrKind::kGraph)
      out.emplace_back(&graph_attr(node.attrs[i]));
  return out;
}

Effects effects_of(const Node& node) {
  Effects strongest = node.op->schema.effects;
  if (!has_bodies(node.op->builtin)) return strongest;
  // Weakest first. A random op can be left out when nobody needs it; a write or a print cannot.
  constexpr Effects kOrder[] = {Effects::kNone, Effects::kRead, Effects::kRandom, Effects::kWrite,
                                Effects::kIo};
  auto rank = [&](Effects e) { return std::find(kOrder, kOrder + 5, e) - kOrder; };
  for (const Ref<Graph>& body : bodies_of(node))
    for (const Node& inner : body->nodes) {
      Effects e = effects_of(inner);
      if (rank(e) > rank(strongest)) strongest = e;
    }
  return strongest;
}

void add_touched(const Node& node, std::vector<Variable*>* out) {
  if (node.op->builtin == Builtin::kReadVariable || node.op->builtin == Builtin::kAssignVariable)
    out->push_back(static_cast<Variable*>(std::get<Ref<RefCounted>>(node.attrs[0]).get()));
  if (!has_bodies(node.op->builtin)) return;
  for (const Ref<Graph>& body : bodies_of(node))
    for (const Node& inner : body->nodes) add_touched(inner, out);
}

void add_assigned(const Node& node, std::set<const Variable*>* out) {
  if (node.op->builtin == Builtin::kAssignVariable)
    out->insert(static_cast<Variable*>(std::get<Ref<RefCounted>>(node.attrs[0]).get()));
  if (!has_bodies(node.op->builtin)) return;
  for (const Ref<Graph>& body : bodies_of(node))
    for (const Node& inner : body->nodes) add_assigned(inner, out);
}

// cond(pred, *operands): both branches take all operands.
void rule_cond(InferContext& ctx) {
  const Graph &yes = graph_attr(ctx.attrs[0]), &no = graph_attr(ctx.attrs[1]);
  if (ctx.num_inputs() < 1 || ctx.dtype(0) != DType::kBool || ctx.shape(0).ndim != 0)
    ctx.fail(ErrorKind::kDType,
             "the predicate must be one bool; compare something, or reduce it with any or all");
  for (const Graph* branch : {&yes, &no}) {
    need_count(ctx, *branch, ctx.num_inputs() - 1);
    for (int i = 1; i < ctx.num_inputs(); ++i)
      need_alike(ctx, ctx.input(i), formal(*branch, static_cast<size_t>(i - 1)), "operand", i - 1);
  }
  if (yes.outputs.size() != no.outputs.size())
    ctx.fail(ErrorKind::kGraph, "one branch returns ", yes.outputs.size(), " tensors, the other ",
             no.outputs.size(), "; return the same from both");
  for (size_t i = 0; i < yes.outputs.size(); ++i) {
    need_alike(ctx, result(no, i), result(yes, i), "the second branch's output",
               static_cast<int>(i));
    ctx.output(result(yes, i).dtype, result(yes, i).shape);
  }
}

// while(*carried, *others): further outputs of the body are stacked, one row for each iteration.
void rule_while(InferContext& ctx) {
  const Graph& cond = graph_attr(ctx.attrs[WhileAttrs::kCond]);
  const Graph& body = graph_attr(ctx.attrs[WhileAttrs::kBody]);
  int64_t carried = ctx.get_int(WhileAttrs::kNumCarried);
  if (ctx.get_ints(WhileAttrs::kSteps).size() != 1)
    ctx.fail(ErrorKind::kValue, "steps must be one size");
  for (const Graph* graph : {&cond, &body}) {
    need_count(ctx, *graph, ctx.num_inputs());
    for (int i = 0; i < ctx.num_inputs(); ++i)
      need_alike(ctx, ctx.input(i), formal(*graph, static_cast<size_t>(i)), "operand", i);
  }
  if (cond.outputs.size() != 1 || result(cond, 0).dtype != DType::kBool ||
      result(cond, 0).shape.ndim != 0)
    ctx.fail(ErrorKind::kDType,
             "the condition must return one bool; compare something, or reduce "
             "it with any or all");
  need_loop(ctx, body, carried);
  for (size_t i = 0; i < body.outputs.size(); ++i) {
    const Aval& out = result(body, i);
    bool is_carried = i < static_cast<size_t>(carried);
    ctx.output(out.dtype, is_carried ? ctx.shape(static_cast<int>(i))
                                     : stacked(ctx.get_ints(WhileAttrs::kSteps)[0], out.shape));
  }
}

// scan(*carried, *scanned, *others): the body sees one row of each scanned input.
void rule_scan(InferContext& ctx) {
  const Graph& body = graph_attr(ctx.attrs[ScanAttrs::kBody]);
  int64_t carried = ctx.get_int(ScanAttrs::kNumCarried);
  int64_t scanned = ctx.get_int(ScanAttrs::kNumScanned);
  if (ctx.get_ints(ScanAttrs::kLength).size() != 1)
    ctx.fail(ErrorKind::kValue, "length must be one size");
  if (scanned < 0 || scanned > ctx.num_inputs())
    ctx.fail(ErrorKind::kValue, "num_scanned is ", scanned, "; the op has ", ctx.num_inputs(),
             " inputs");
  Dim length = ctx.get_ints(ScanAttrs::kLength)[0];
  need_count(ctx, body, ctx.num_inputs());
  need_loop(ctx, body, carried);
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    Aval given = ctx.input(i);
    if (i >= carried && i < carried + scanned) {
      if (given.shape.ndim == 0 || !ctx.equal(given.shape[0], length))
        ctx.fail(ErrorKind::kShape, "scanned input ", i - carried, " has shape ",
                 given.shape.text(), "; its first axis must have the length of the scan, ",
                 dim_text(length));
      given.shape = row(given.shape);
    }
    need_alike(ctx, given, formal(body, static_cast<size_t>(i)), "operand", i);
  }
  for (size_t i = 0; i < body.outputs.size(); ++i) {
    const Aval& out = result(body, i);
    bool is_carried = i < static_cast<size_t>(carried);
    ctx.output(out.dtype, is_carried ? ctx.shape(static_cast<int>(i)) : stacked(length, out.shape));
  }
}

}  // namespace penstock
