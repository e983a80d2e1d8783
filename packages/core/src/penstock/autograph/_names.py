"""What statements assign: the names, attributes and containers that a branch or a loop may change."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

# Code of another scope: what it assigns is its own.
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_GROWS = ("append", "extend", "insert", "pop", "remove", "clear", "update", "add", "setdefault")


def walk(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Go through statements and all that is in them, but not into functions and classes."""
    for node in nodes:
        yield node
        if not isinstance(node, (*_SCOPES, *_COMPREHENSIONS)):
            yield from walk(ast.iter_child_nodes(node))


def assigned(nodes: Iterable[ast.AST]) -> list[str]:
    """Names and dotted attributes that statements assign, in order; `x[i] = v` assigns x."""
    return list(dict.fromkeys(name for node in walk(nodes) for name in assigned_by(node)))


def assigned_by(node: ast.AST) -> list[str]:
    """What one node assigns itself."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    if isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
        return [node.name]
    if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)) and _place(node):
        return [_place(node)]
    return []


def bound(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that statements bind: those of `assigned` of which not only a part changes."""
    whole = [node for node in walk(nodes) if not isinstance(node, ast.Subscript)]
    return {name for node in whole for name in assigned_by(node) if "." not in name}


def written_into(nodes: Iterable[ast.AST]) -> list[str]:
    """Names and attributes of which statements change a part: `x[i] = v`."""
    return list(
        dict.fromkeys(
            name
            for node in walk(nodes)
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
            if (name := _place(node))
        )
    )


def grown(nodes: Iterable[ast.AST]) -> list[str]:
    """Names and attributes on which statements call what changes a list, dictionary or set."""
    return list(
        dict.fromkeys(
            name
            for node in walk(nodes)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _GROWS
            if (name := _place(node.func.value))
        )
    )


def _place(node: ast.AST) -> str:
    """Name what is assigned, as code; empty when it is no name and no attribute of one."""
    if isinstance(node, ast.Subscript):
        return _place(node.value)
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = _place(node.value) if not isinstance(node.value, ast.Subscript) else ""
        return f"{base}.{node.attr}" if base else ""
    return ""


def contains(nodes: Iterable[ast.AST], kinds: type | tuple[type, ...]) -> bool:
    """Whether statements hold a node of some kind, outside of functions in them."""
    return any(isinstance(node, kinds) for node in walk(nodes))
