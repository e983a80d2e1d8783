"""The converters, in files by family."""

from importlib import import_module

FAMILIES = (
    "attention",
    "casting",
    "control",
    "convolving",
    "deforming",
    "deriving",
    "detecting",
    "elementwise",
    "gathering",
    "normalising",
    "pictures",
    "pooling",
    "products",
    "quantised",
    "randomness",
    "recurrent",
    "reducing",
    "resizing",
    "sampling",
    "scattering",
    "selecting",
    "sequences",
    "shaping",
    "signals",
    "text",
)


def load() -> None:
    """Fill the table of converters."""
    for family in FAMILIES:
        import_module(f"{__name__}.{family}")
