// Elementary functions on vectors of f32, by family. NaN stays NaN; infinities and signed zeros come out as in C's
// libm. The README states the largest error of each, in units of the last place and over all signs and exponents;
// tests hold them with every instruction set. The longer polynomials were fitted by weighted least maximum error.
#ifndef PENSTOCK_KERNELS_CPU_VEC_MATH_H_
#define PENSTOCK_KERNELS_CPU_VEC_MATH_H_

#include "vec_erf.h"
#include "vec_exp.h"
#include "vec_log.h"
#include "vec_pow.h"
#include "vec_round.h"
#include "vec_trig.h"

#endif  // PENSTOCK_KERNELS_CPU_VEC_MATH_H_
