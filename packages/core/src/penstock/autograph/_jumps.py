"""Returns, breaks and continues become assignments, so that only the end of a block leaves it.

`return e` in a branch sets a name to e and a flag, and what follows runs only if the flag is not set. Where one branch
always leaves, what follows goes into the other instead.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TypeVar

from penstock.autograph._names import walk

T = TypeVar("T", bound=ast.AST)

RESULT = "ps__result"
DONE = "ps__done"
_LOOPS = (ast.For, ast.While)


def lower(function: ast.FunctionDef) -> None:
    """Rewrite a function's body, if a branch or a loop leaves it early."""
    _Loops().visit_block(function.body)
    nested = [s for s in function.body if not isinstance(s, ast.Return)]
    if not _leaves(nested, ast.Return):
        return
    body = function.body
    if not _always(body):
        last = body[-1]
        body = [*body, _at(ast.Return(ast.Constant(None)), last)]
    done = _assign(DONE, "False", body[0])
    end = _at(ast.Return(_name(RESULT)), body[-1])
    function.body = [done, *_block(body, _Flags(DONE, None, None)), end]


@dataclass(frozen=True)
class _Flags:
    """What says that a block was left: by return, break, continue."""

    done: str | None
    broken: str | None
    skipped: str | None


class _Loops:
    """Gives every loop that is left early flags, innermost first; the loop keeps its test in `leave_test`."""

    def __init__(self) -> None:
        self._count = 0

    def visit_block(self, block: list[ast.stmt]) -> None:
        made: list[ast.stmt] = []
        for statement in block:
            _test_inside(statement)
            for inner in _blocks(statement):
                self.visit_block(inner)
            made += self._loop(statement) if isinstance(statement, _LOOPS) else [statement]
        block[:] = made

    def _loop(self, loop: ast.For | ast.While) -> list[ast.stmt]:
        breaks = _leaves(loop.body, ast.Break)
        continues = _leaves(loop.body, ast.Continue)
        returns = _leaves(loop.body, ast.Return)
        self._count += 1
        broken = f"ps__broken_{self._count}" if breaks else None
        skipped = f"ps__skipped_{self._count}" if continues else None
        if breaks or continues:
            loop.body = _block(loop.body, _Flags(None, broken, skipped))
        if skipped:
            loop.body = [_assign(skipped, "False", loop.body[0]), *loop.body]
        flags = [f for f in (broken, DONE if returns else None) if f]
        loop.leave_test = _none_of(flags, loop) if flags else None  # type: ignore[union-attr]
        before = [_assign(broken, "False", loop)] if broken else []
        loop.is_endless = not breaks and _holds_always(loop)  # type: ignore[union-attr]
        otherwise, loop.orelse = loop.orelse, []
        if otherwise and flags:
            otherwise = [_at(ast.If(_none_of(flags, loop), otherwise, []), loop)]
        return [*before, loop, *otherwise]


def _block(block: list[ast.stmt], flags: _Flags) -> list[ast.stmt]:
    """Rewrite the jumps of a block."""
    for number, statement in enumerate(block):
        jump = _as_assignments(statement, flags)
        if jump is not None:
            return [*block[:number], *jump]
        left = [f for f in _set_in(statement, flags) if f]
        if not left:
            continue
        rest = block[number + 1 :]
        if isinstance(statement, ast.If) and rest:
            if _always(statement.body, flags):
                statement.orelse, rest = [*statement.orelse, *rest], []
            elif statement.orelse and _always(statement.orelse, flags):
                statement.body, rest = [*statement.body, *rest], []
        _inside(statement, flags)
        after = _block(rest, flags) if rest else []
        if after:
            after = [_at(ast.If(_none_of(left, statement), after, []), statement)]
        return [*block[:number], statement, *after]
    return block


def _inside(statement: ast.stmt, flags: _Flags) -> None:
    inner = flags
    if isinstance(statement, _LOOPS):  # its breaks and continues are its own
        inner = _Flags(flags.done, None, None)
    for block in _blocks(statement):
        block[:] = _block(list(block), inner)


def _as_assignments(statement: ast.stmt, flags: _Flags) -> list[ast.stmt] | None:
    if isinstance(statement, ast.Return) and flags.done:
        value = statement.value or ast.Constant(None)
        result = _at(ast.Assign([ast.Name(RESULT, ast.Store())], value), statement)
        return [result, _assign(flags.done, "True", statement)]
    if isinstance(statement, ast.Break) and flags.broken:
        return [_assign(flags.broken, "True", statement)]
    if isinstance(statement, ast.Continue) and flags.skipped:
        return [_assign(flags.skipped, "True", statement)]
    return None


def _set_in(statement: ast.stmt, flags: _Flags) -> list[str | None]:
    """Which flags a statement may set: those of jumps that are still there, and those set by loops in it."""
    own = not isinstance(statement, _LOOPS)
    return [
        flags.done if _leaves([statement], ast.Return) else None,
        flags.broken if own and _leaves([statement], ast.Break) else None,
        flags.skipped if own and _leaves([statement], ast.Continue) else None,
    ]


def _leaves(block: list[ast.stmt], kind: type) -> bool:
    """Whether a block holds a jump that leaves it; of breaks and continues those of loops in it do not."""
    for statement in block:
        if isinstance(statement, kind):
            return True
        if isinstance(statement, _LOOPS) and kind is not ast.Return:
            continue
        if any(_leaves(inner, kind) for inner in _blocks(statement)):
            return True
    return False


def _always(block: list[ast.stmt], flags: _Flags | None = None) -> bool:
    """Whether nothing that follows a block can run."""
    kinds: tuple[type, ...] = (ast.Return, ast.Raise)
    if flags is not None:
        kinds = (ast.Raise, *(ast.Return,) * bool(flags.done), ast.Break, ast.Continue)
    for statement in block:
        if isinstance(statement, kinds):
            return True
        if isinstance(statement, ast.If) and all(
            _always(block, flags) for block in (statement.body, statement.orelse)
        ):
            return True
        if isinstance(statement, (ast.With, ast.AsyncWith)) and _always(statement.body, flags):
            return True
        if isinstance(statement, ast.Try) and _always(statement.body, flags):
            return bool(statement.handlers) and all(
                _always(h.body, flags) for h in statement.handlers
            )
        if flags is None and getattr(statement, "is_endless", False):
            return True
    return False


def _test_inside(statement: ast.stmt) -> None:
    """Move the test of a `while` that assigns a name into the loop, where the name is one that the loop changes."""
    if not isinstance(statement, ast.While) or statement.orelse:
        return
    if not any(isinstance(node, ast.NamedExpr) for node in ast.walk(statement.test)):
        return
    fails = _at(ast.UnaryOp(ast.Not(), statement.test), statement)
    leave = _at(ast.If(fails, [_at(ast.Break(), statement)], []), statement)
    statement.test = _at(ast.Constant(True), statement)
    statement.body = [leave, *statement.body]


def _holds_always(loop: ast.For | ast.While) -> bool:
    """Whether only a jump can end a loop."""
    test = loop.test if isinstance(loop, ast.While) else None
    return isinstance(test, ast.Constant) and bool(test.value)


def _blocks(statement: ast.AST) -> list[list[ast.stmt]]:
    """The blocks of a statement, but for functions and classes."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return []
    found = [getattr(statement, field, []) for field in ("body", "orelse", "finalbody")]
    parts = [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]
    return [b for b in [*found, *(part.body for part in parts)] if isinstance(b, list) and b]


def has_jump_in_finally(function: ast.FunctionDef) -> bool:
    """Whether a `finally` jumps, which no flag can say."""
    return any(
        isinstance(node, ast.Try)
        and any(isinstance(n, (ast.Return, ast.Break, ast.Continue)) for n in walk(node.finalbody))
        for node in walk(function.body)
    )


def _none_of(flags: list[str], where: ast.stmt) -> ast.expr:
    made = ast.parse(f"ps__.none_of({', '.join(flags)})", mode="eval").body
    return _located(made, where)


def _assign(name: str, value: str, where: ast.stmt) -> ast.stmt:
    return _located(ast.parse(f"{name} = {value}").body[0], where)


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _at(node: T, where: ast.stmt) -> T:
    return ast.fix_missing_locations(ast.copy_location(node, where))


def _located(node: T, where: ast.stmt) -> T:
    for part in ast.walk(node):
        ast.copy_location(part, where)
    return node
