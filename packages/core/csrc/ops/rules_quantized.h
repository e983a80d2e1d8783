// What the rules of quantised ops share: numbers with a scale and a zero point.
#pragma once

#include "ops/rules_common.h"

namespace penstock {

// Inputs a and b are int8 or uint8, all alike.
DType need_quantized(InferContext& ctx, std::initializer_list<int> inputs);
// Inputs `scale` and the one behind it, its zero point, are single numbers.
void need_parameters(InferContext& ctx, int scale);
// The same, or one for each of `size` along an axis, which `what` names.
void need_parameters(InferContext& ctx, int scale, Dim size, const std::string& what);
// Input i is a bias of int32, one for each channel.
void need_bias(InferContext& ctx, int i, Dim channels);
// A string attribute that names an activation, or None.
void need_activation(InferContext& ctx, int attr);

}  // namespace penstock
