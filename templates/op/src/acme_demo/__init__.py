"""An op for Penstock, made of other ops."""

from acme_demo.ops import mish

__all__ = ["mish"]
