"""The converters, in files by family."""

from importlib import import_module

FAMILIES = (
    "attention",
    "casting",
    "control",
    "convolving",
    "elementwise",
    "gathering",
    "normalising",
    "pooling",
    "products",
    "quantised",
    "randomness",
    "recurrent",
    "reducing",
    "resizing",
    "scattering",
    "selecting",
    "sequences",
    "shaping",
    "text",
)


def load() -> None:
    """Fill the table of converters."""
    for family in FAMILIES:
        import_module(f"{__name__}.{family}")
