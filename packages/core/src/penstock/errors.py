"""What Penstock raises and warns with.

Every message has three parts: what you gave, what was expected, what to type. It begins with the op in brackets.
Each class is also the builtin that NumPy's users would catch: a `ShapeError` is a `ValueError`, and so on.
"""

from __future__ import annotations


class PenstockError(Exception):
    """The base of every error that Penstock raises on its own account."""


class InvalidValueError(PenstockError, ValueError):
    """An argument has a value that the op cannot use."""


class InvalidTypeError(PenstockError, TypeError):
    """An argument is of the wrong kind, missing, or unknown."""


class ShapeError(PenstockError, ValueError):
    """Shapes do not fit."""


class DTypeError(PenstockError, TypeError):
    """Dtypes do not fit."""


class AxisError(PenstockError, ValueError, IndexError):
    """An axis or an index is out of range."""


class DeviceError(PenstockError, RuntimeError):
    """There is no such device, or it failed."""


class NoKernelError(PenstockError, NotImplementedError):
    """No installed plugin has a kernel for this op, device and dtypes."""


class GraphError(PenstockError, RuntimeError):
    """A graph is built, fed or fetched wrongly."""


class OutOfMemoryError(PenstockError, MemoryError):
    """A device has no memory left."""


class CancelledError(PenstockError, RuntimeError):
    """A run was cancelled, or its deadline passed."""


class NumericError(PenstockError, ArithmeticError):
    """NaN or infinity appeared while `debug_nans` was on."""


class OutOfRangeError(PenstockError, EOFError):
    """A queue is closed, or a sequence has come to its end."""


class FormatError(PenstockError, ValueError):
    """A file is damaged, or of another format than the one expected."""


class CheckpointError(PenstockError, RuntimeError):
    """A checkpoint cannot be written or read, or does not fit the program."""


class InternalError(PenstockError, AssertionError):
    """A mistake of ours: please report it with the program that shows it."""


class PluginError(PenstockError):
    """A plugin broke the contract, or what was asked for needs a plugin that cannot be used."""


class ConfigError(PenstockError, ValueError):
    """A setting holds a value that it may not hold."""


class PluginWarning(UserWarning):
    """A plugin was refused; the program goes on without it."""


class RetraceWarning(UserWarning):
    """A function is traced again and again, which costs more than it saves."""


class FallbackWarning(UserWarning):
    """An op ran on the host because its device has no kernel for it."""


class ObserverWarning(UserWarning):
    """An observer raised; the program goes on and tells it nothing more."""
