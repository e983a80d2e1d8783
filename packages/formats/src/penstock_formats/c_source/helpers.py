"""Small C functions that a written file carries along if its layers call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Helper:
    """A function of C.

    Args:
        text: The function, with a comment.
        calls: The helpers that it calls.
        headers: The headers that it needs.
    """

    text: str
    calls: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


_CLAMPED: Final = """\
static int32_t clamped(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}"""

_HIGH_PRODUCT: Final = """\
/* The high 32 bits of 2 * a * b, rounded; the one product that does not fit saturates. */
static int32_t high_product(int32_t a, int32_t b)
{
    const int64_t product = (int64_t)a * b;
    const int64_t nudge = product >= 0 ? 1073741824 : -1073741823;
    const int64_t high = (product + nudge) / INT64_C(2147483648);
    return high > INT32_MAX ? INT32_MAX : (int32_t)high;
}"""

_SHIFTED: Final = """\
/* x / 2^exponent, rounded to nearest, halves away from zero. */
static int32_t shifted(int64_t x, int exponent)
{
    const int64_t mask = (INT64_C(1) << exponent) - 1;
    const int64_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (int32_t)((x >> exponent) + ((x & mask) > threshold ? 1 : 0));
}"""

_SCALED: Final = """\
/* x * multiplier * 2^(shift - 31), rounded twice: as convolutions and sums are. */
static int32_t scaled(int32_t x, int32_t multiplier, int shift)
{
    const int32_t raised = shift > 0 ? (int32_t)((uint32_t)x << shift) : x;
    return shifted(high_product(raised, multiplier), shift > 0 ? 0 : -shift);
}"""

_SCALED_ONCE: Final = """\
/* x * multiplier * 2^(shift - 31), rounded once, halves upwards: as dense layers are. */
static int32_t scaled_once(int32_t x, int32_t multiplier, int shift)
{
    const int down = 31 - shift;
    return (int32_t)(((int64_t)x * multiplier + (INT64_C(1) << (down - 1))) >> down);
}"""

_STEPS: Final = """\
/* A rounded number of steps as an integer; NaN becomes the zero point. */
static int32_t steps(double whole, int32_t zero, int32_t low, int32_t high)
{
    const double moved = whole == whole ? whole + zero : zero;
    return moved < low ? low : moved > high ? high : (int32_t)moved;
}"""

_SATURATED: Final = """\
/* x * 2^bits, kept inside 32 bits. */
static int32_t saturated(int32_t x, int bits)
{
    const int64_t raised = x * (INT64_C(1) << bits);
    return raised > INT32_MAX ? INT32_MAX : raised < INT32_MIN ? INT32_MIN : (int32_t)raised;
}"""

_EXP: Final = """\
/* e^a for -1/4 <= a < 0, both in units of 2^-31: a series around -1/8. */
static int32_t exp_below_quarter(int32_t a)
{
    const int32_t x = a + (1 << 28);
    const int32_t x2 = high_product(x, x);
    const int32_t x3 = high_product(x2, x);
    const int32_t x4 = high_product(x2, x2);
    const int32_t third = high_product(shifted(x4, 2) + x3, 715827883);
    return 1895147668 + high_product(1895147668, x + shifted(third + x2, 1));
}

/* e^a for a <= 0: a in units of 2^-26, the result in units of 2^-31. */
static int32_t exp_of_negative(int32_t a)
{
    /* e^-(1/4), e^-(1/2), e^-1, ..., e^-16 */
    static const int32_t powers[7] = {
        1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242,
    };
    const int32_t quarter = 1 << 24;
    const int32_t part = (a & (quarter - 1)) - quarter;
    const int32_t rest = part - a;
    int32_t result = exp_below_quarter(saturated(part, 5));
    for (int k = 0; k < 7; k++) {
        if ((rest >> (24 + k)) & 1) {
            result = high_product(result, powers[k]);
        }
    }
    return a == 0 ? INT32_MAX : result;
}"""

_RECIPROCAL: Final = """\
/* 1 / (1 + a) for 0 <= a < 1, both in units of 2^-31, by three steps of Newton's. */
static int32_t reciprocal_of_one_plus(int32_t a)
{
    const int32_t half = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2);
    int32_t x = 1515870810 + high_product(half, -1010580540);
    for (int k = 0; k < 3; k++) {
        const int32_t error = (1 << 29) - high_product(half, x);
        x += saturated(high_product(x, error), 2);
    }
    return saturated(x, 1);
}"""

HELPERS: Final[dict[str, Helper]] = {
    "clamped": Helper(_CLAMPED),
    "high_product": Helper(_HIGH_PRODUCT),
    "shifted": Helper(_SHIFTED),
    "scaled": Helper(_SCALED, ("high_product", "shifted")),
    "scaled_once": Helper(_SCALED_ONCE),
    "steps": Helper(_STEPS),
    "saturated": Helper(_SATURATED),
    "exp_of_negative": Helper(_EXP, ("high_product", "shifted", "saturated")),
    "reciprocal_of_one_plus": Helper(_RECIPROCAL, ("high_product", "saturated")),
}
