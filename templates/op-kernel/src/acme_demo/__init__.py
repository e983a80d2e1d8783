"""An op with a native kernel for Penstock."""

from acme_demo.ops import scale_add

__all__ = ["scale_add"]
