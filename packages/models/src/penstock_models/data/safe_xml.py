"""XML from strangers: no entities, no addresses, no file of a gigabyte."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from penstock.errors import FormatError

LARGEST = 16 << 20


def read_xml(path: Path) -> Element:
    """Read an XML file that declares nothing of its own.

    Args:
        path: The file.

    Returns:
        Its root.

    Raises:
        FormatError: It is no XML, too large, or has a DOCTYPE, which could make a few bytes into gigabytes.
    """
    size = path.stat().st_size
    if size > LARGEST:
        raise FormatError(f"[xml] {path} has {size} bytes; an annotation has at most {LARGEST}")
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def refuse(*_: Any) -> None:
        raise FormatError(
            f"[xml] {path} has a DOCTYPE, which annotations do not need and attacks do; remove it"
        )

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(path.read_bytes(), True)
    except expat.ExpatError as error:
        raise FormatError(f"[xml] {path} is no XML: {error}") from None
    root: Element = builder.close()
    return root
