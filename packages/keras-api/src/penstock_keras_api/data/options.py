"""Options: what may be tuned by itself, and within which bounds."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from penstock.errors import InvalidValueError
from penstock_keras_api.data.workers import num_cores

AUTOTUNE = -1
"""Let the dataset choose: as many threads as there are cores, and as deep a buffer as keeps its reader from waiting."""

_DEFAULT_BUDGET = 512 << 20


@dataclass
class AutotuneOptions:
    """Bounds for what is tuned.

    Args:
        enabled: Whether AUTOTUNE grows anything beyond its start.
        ram_budget: How many bytes each buffer that AUTOTUNE grows may hold; 0 for 512 MB, or what the environment
            variable PENSTOCK_DATA_MEMORY says.
    """

    enabled: bool = True
    ram_budget: int = 0


@dataclass
class ThreadingOptions:
    """Bounds for threads.

    Args:
        private_threadpool_size: How many threads AUTOTUNE means; 0 for one for each core.
    """

    private_threadpool_size: int = 0


@dataclass
class Options:
    """How a dataset runs; see `Dataset.with_options`.

    Args:
        deterministic: Whether the order of elements is the same for every number of threads. False lets parallel
            transformations give what is ready first.
        autotune: Bounds for buffers.
        threading: Bounds for threads.

    >>> from penstock import keras
    >>> options = keras.data.Options()
    >>> options.autotune.ram_budget = 64 << 20
    >>> data = keras.data.Dataset.range(3).with_options(options)
    """

    deterministic: bool = True
    autotune: AutotuneOptions = field(default_factory=AutotuneOptions)
    threading: ThreadingOptions = field(default_factory=ThreadingOptions)

    def budget(self) -> int:
        """Return how many bytes a buffer may hold."""
        given = self.autotune.ram_budget or int(os.environ.get("PENSTOCK_DATA_MEMORY", "0"))
        return given or _DEFAULT_BUDGET

    def threads(self, asked: int | None, where: str) -> int:
        """Return how many threads an argument means; 0 for none.

        Raises:
            InvalidValueError: The argument means nothing.
        """
        if asked is None:
            return 0
        if asked == AUTOTUNE:
            return self.threading.private_threadpool_size or num_cores()
        if int(asked) < 1:
            raise InvalidValueError(
                f"[{where}] got num_parallel_calls={asked}; use a number of threads from 1, or AUTOTUNE"
            )
        return int(asked)
