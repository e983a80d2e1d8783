"""How the gradients of layer_norm, rms_norm and group_norm are differentiated again: one derivation for the three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock._dataclass import dataclass
from penstock.ops._gradients import count, sum_to

if TYPE_CHECKING:
    from penstock._native import Tensor


@dataclass(frozen=True)
class Normalisation:
    """A normalisation of x over `axes`, as its forward pass left it; everything broadcasts against x.

    With x̂ = (x - mean) · inverse it gives y = scale · x̂ + offset. `mean` is None where none is subtracted.
    """

    x: Tensor
    scale: Tensor
    mean: Tensor | None
    inverse: Tensor
    axes: tuple[int, ...]

    @property
    def centred(self) -> Tensor:
        """X - mean."""
        return self.x if self.mean is None else self.x - self.mean

    def average(self, t: Tensor) -> Tensor:
        """The mean over what is normalised together."""
        return ops.mean(t, self.axes, keepdims=True)

    def total(self, t: Tensor) -> Tensor:
        """The sum over what is normalised together."""
        return ops.sum(t, self.axes, keepdims=True)

    def shift(self, t: Tensor) -> Any:
        """What the mean takes away from a gradient."""
        return 0.0 if self.mean is None else self.average(t)

    def through_statistics(self, dx: Tensor | None, dmean: Any, dinverse: Any) -> Tensor | None:
        """Add to dx what flows through the statistics that the forward pass returned."""
        parts = [] if dx is None else [dx]
        n = count([self.x.shape[a] for a in self.axes], self.x.dtype)
        if dmean is not None:
            parts.append(ops.broadcast_to(dmean / n, self.x.shape))
        if dinverse is not None:  # inverse = (M(centred²) + ε)^(-1/2)
            parts.append(self.centred * (dinverse * self.inverse * ops.square(self.inverse) / -n))
        total = parts[0] if parts else None
        for part in parts[1:]:
            total = total + part  # type: ignore[operator]
        return total

    def second(self, dy: Tensor, gx: Any, gscale: Any, goffset: Any) -> tuple[Tensor, ...]:
        """Differentiate dx, dscale and doffset, weighted by gx, gscale and goffset.

        With g = dy · scale, a = M(g) (0 without a mean) and b = M(g · x̂): dx = inverse · (g - a - x̂ · b),
        dscale = Σ dy · x̂ and doffset = Σ dy.

        Returns:
            The gradients of x, scale, mean, inverse and dy.
        """
        centred = self.centred
        normal, g = centred * self.inverse, dy * self.scale
        gx = ops.zeros_like(self.x) if gx is None else gx
        p = gx * self.inverse
        p_normal, b = self.average(p * normal), self.average(g * normal)
        dg = p - self.shift(p) - normal * p_normal
        ddy = dg * self.scale
        dnormal = -(p * b) - g * p_normal
        if gscale is not None:
            ddy, dnormal = ddy + gscale * normal, dnormal + gscale * dy
        if goffset is not None:
            ddy = ddy + goffset
        dx = dnormal * self.inverse
        dinverse = self.total(gx * (g - self.shift(g) - normal * b)) + self.total(dnormal * centred)
        return dx, sum_to(dg * dy, self.scale), -self.total(dx), dinverse, ddy
