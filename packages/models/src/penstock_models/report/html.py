"""Pieces of a page. What is not `Html` is text and is escaped, so names and labels cannot become markup."""

from __future__ import annotations

from html import escape
from typing import Any

VOID = frozenset({"img", "meta", "col"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """Return an element.

    Args:
        name: The element's name.
        children: `Html` as it is, lists of children, None for nothing; whatever else is text.
        attributes: Names lose a last "_" and have "-" for others; None leaves an attribute out.

    Returns:
        The markup.

    Raises:
        ValueError: Never here.

    >>> tag("p", "<b>", class_="note")
    '<p class="note">&lt;b&gt;</p>'
    """
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Html(f"<{name}{words}>")
    return Html(f"<{name}{words}>{join(*children)}</{name}>")


def join(*children: Any) -> Html:
    """Return children one after the other; as in `tag`."""
    parts = []
    for child in children:
        if isinstance(child, Html):
            parts.append(str(child))
        elif isinstance(child, list | tuple):
            parts.append(join(*child))
        elif child is not None:
            parts.append(escape(_plain(child)))
    return Html("".join(parts))


def percent(share: float, digits: int = 1) -> str:
    r"""Return a share in percent.

    >>> percent(0.9333)
    '93.3\u202f%'
    """
    return f"{100 * share:.{digits}f}\u202f%"


def size(count: float) -> str:
    r"""Return a number of bytes as a person would say it.

    >>> size(3_456_789)
    '3.46\u202fMB'
    """
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g}\u202f{unit}"
        count /= 1000
    return f"{count:.3g}\u202fGB"


def milliseconds(time: float) -> str:
    r"""Return a time with as many digits as matter.

    >>> milliseconds(12.345)
    '12.3\u202fms'
    """
    return f"{time:.3g}\u202fms" if time < 1000 else f"{time / 1000:.3g}\u202fs"


def _plain(value: Any) -> str:
    """Return text without the control characters that no page may hold."""
    text = f"{value:.5g}" if isinstance(value, float) else str(value)
    return (
        "".join(c if c >= " " or c in "\t\n" else "\ufffd" for c in text)
        .encode("utf-8", "replace")
        .decode("utf-8")
    )
