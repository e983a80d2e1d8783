#include "graph/variable.h"

#include "base/error.h"
#include "ops/rules.h"

namespace penstock {

Variable::Variable(Tensor value, std::string name, bool trainable)
    : current_(std::move(value)),
      dtype_(current_.dtype),
      shape_(current_.shape),
      name_(std::move(name)),
      trainable_(trainable),
      id_(next_tensor_id()) {
  current_.weak = false;
  current_.id = id_;
}

Variable::Variable(DType dtype, const Shape& shape, std::string name, bool trainable)
    : dtype_(dtype),
      shape_(shape),
      name_(std::move(name)),
      trainable_(trainable),
      id_(next_tensor_id()) {}

Tensor Variable::read(uint64_t* version) const {
  std::lock_guard lock(mutex_);
  if (!current_.storage)
    fail(ErrorKind::kGraph, "[read_variable] variable '", name_,
         "' has no value yet; run "
         "global_variables_initializer() first, or assign it");
  if (version) *version = version_;
  return current_;
}

void Variable::assign(Tensor value) {
  if (!value.storage)
    fail(ErrorKind::kGraph, "[assign_variable] variable '", name_,
         "' is given a graph tensor; assign inside the traced "
         "function, or run the assignment with Session.run");
  if (value.dtype != dtype_)
    fail(ErrorKind::kDType, "[assign_variable] variable '", name_, "' holds ", dtype_name(dtype_),
         ", the new value is ", dtype_name(value.dtype), "; convert it: value.astype(penstock.",
         dtype_name(dtype_), ")");
  if (value.shape != shape_)
    fail(ErrorKind::kShape, "[assign_variable] variable '", name_, "' has shape ", shape_.text(),
         ", the new value has ", value.shape.text(), "; reshape it, or make a new variable");
  value.id = id_;
  value.weak = false;
  std::lock_guard lock(mutex_);
  ++version_;
  std::swap(current_, value);  // the old version dies after the lock
}

void rule_read_variable(InferContext& ctx) {
  auto& variable = static_cast<Variable&>(*std::get<Ref<RefCounted>>(ctx.attrs[0]));
  ctx.output(variable.dtype(), variable.shape());
}

void rule_assign_variable(InferContext& ctx) {
  auto& variable = static_cast<Variable&>(*std::get<Ref<RefCounted>>(ctx.attrs[0]));
  if (!ctx.same_shape(ctx.shape(0), variable.shape()))
    ctx.fail(ErrorKind::kShape, "variable '", variable.name(), "' has shape ",
             variable.shape().text(), ", the new value has ", ctx.shape(0).text(),
             "; reshape it, or make a new variable");
  if (ctx.dtype(0) != variable.dtype() && !ctx.input(0).weak)
    ctx.fail(ErrorKind::kDType, "variable '", variable.name(), "' holds ",
             dtype_name(variable.dtype()), ", the new value is ", dtype_name(ctx.dtype(0)),
             "; convert it: value.astype(penstock.", dtype_name(variable.dtype()), ")");
  ctx.want(0, variable.dtype());
  ctx.output(variable.dtype(), variable.shape());
}

}  // namespace penstock
