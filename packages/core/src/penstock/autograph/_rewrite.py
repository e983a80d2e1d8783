"""The rewriting of a function's source: statements that tensors may decide become calls of `_runtime`.

    if test:                          def ps__body(): nonlocal y; y = a
        y = a                         def ps__orelse(): nonlocal y; y = b
    else:                     ->      ps__.if_(test, ps__body, ps__orelse, <how to read and set y>, line)
        y = b

What is called decides when it runs: Python values take Python's way.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any, TypeVar

from penstock.autograph import _names

T = TypeVar("T", bound=ast.AST)
# They look at the frame that calls them.
_FRAME_READERS = {"super", "locals", "globals", "vars", "dir", "eval", "exec"}


class Rewriter(ast.NodeTransformer):
    """Rewrites one function; functions inside of it are rewritten with it."""

    def __init__(self, free: Iterable[str] = ()) -> None:
        self._outer: set[str] = set()  # names declared global or nonlocal
        self._globals: set[str] = set()
        self._around: set[str] = set(free)  # names of the functions around

    def function(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Rewrite a function whose jumps are gone already."""
        kept = self._outer, self._globals, self._around
        declared = [n for n in _names.walk(node.body) if isinstance(n, (ast.Global, ast.Nonlocal))]
        self._outer = {name for n in declared for name in n.names}
        self._globals = {n for d in declared if isinstance(d, ast.Global) for n in d.names}
        parameters = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        local = [n for n in _names.assigned(node.body) if "." not in n]
        own = _names.bound(node.body) - self._outer | parameters
        # Of others only a part changes: they are of a function around, or global.
        others = {n for n in local if n not in own | self._outer}
        self._globals |= others - self._around
        self._outer |= others
        self._around = self._around | own
        local = [n for n in local if n not in self._outer | parameters]
        first = node.body[0]
        node.body = self._block(node.body)
        if local:  # so that functions inside may call them nonlocal
            place = 1 if _is_text(first) else 0
            names = " = ".join(local)
            node.body[place:place] = _code(f"if 0: {names} = None", first)
        self._outer, self._globals, self._around = kept
        return node

    def _block(self, block: list[ast.stmt]) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for statement in block:
            new = self.visit(statement)
            made += new if isinstance(new, list) else [new]
        return made

    # ---- scopes

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        from penstock.autograph import _jumps

        if _is_generator(node) or _jumps.has_jump_in_finally(node):
            return node
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        node.args = self.visit(node.args)
        _jumps.lower(node)
        return self.function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return node

    # ---- statements

    def visit_If(self, node: ast.If) -> Any:
        both = [*node.body, *node.orelse]
        names, parts, grown = _names.assigned(both), _names.written_into(both), _names.grown(both)
        test = self.visit(node.test)
        body, orelse = self._block(node.body), self._block(node.orelse)
        return [
            self._function("ps__body", [], body, node, names),
            self._function("ps__orelse", [], orelse, node, names),
            *self._state(names, parts, grown, node),
            *self._refusal(node),
            self._call("if_", [test, "ps__body", "ps__orelse"], node),
        ]

    def _refusal(self, node: ast.If) -> list[ast.stmt]:
        """Name the line of a `raise` in the block itself: whether it is reached is not known while a graph is built."""
        raised = [s for s in (*node.body, *node.orelse) if isinstance(s, ast.Raise)]
        return _code(f"ps__state.raises = {raised[0].lineno}", node) if raised else []

    def visit_While(self, node: ast.While) -> Any:
        names, parts = _names.assigned(node.body), _names.written_into(node.body)
        grown = _names.grown(node.body)
        test = self.visit(node.test)
        leave = getattr(node, "leave_test", None)
        if leave is not None:
            test = _fill(_expression("ps__.and_(lambda: 0, lambda: 1)", node), leave, test)
        body, orelse = self._block(node.body), self._block(node.orelse)
        return [
            self._function("ps__test", [], [_at(ast.Return(test), node.test)], node, []),
            self._function("ps__body", [], body, node, names),
            *self._state(names, parts, grown, node),
            self._call("while_", ["ps__test", "ps__body"], node),
            *orelse,
        ]

    def visit_For(self, node: ast.For) -> Any:
        names = _names.assigned([node.target, *node.body])
        parts, grown = _names.written_into(node.body), _names.grown(node.body)
        rows = self.visit(node.iter)
        leave = getattr(node, "leave_test", None)
        value = _at(ast.Name("ps__value", ast.Load()), node)
        take = _at(ast.Assign([node.target], value), node)
        body, orelse = [take, *self._block(node.body)], self._block(node.orelse)
        test: Any = "None"
        made: list[ast.stmt] = []
        if leave is not None:
            test = "ps__test"
            made = [self._function("ps__test", [], [_at(ast.Return(leave), node)], node, [])]
        return [
            *made,
            self._function("ps__body", ["ps__value"], body, node, names),
            *self._state(names, parts, grown, node),
            self._call("for_", [rows, "ps__body", test], node),
            *orelse,
        ]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Drop annotations: a name of the function around may not have one."""
        if node.value is None:
            return _at(ast.Pass(), node)
        return _at(ast.Assign([self.visit(node.target)], self.visit(node.value)), node)

    def visit_Assert(self, node: ast.Assert) -> Any:
        made = _expression("ps__.assert_(lambda: 0, lambda: 1)", node)
        message = self.visit(node.msg) if node.msg else ast.Constant(None)
        return _at(ast.Expr(_fill(made, self.visit(node.test), message)), node)

    def _function(
        self,
        name: str,
        arguments: list[str],
        body: list[ast.stmt],
        where: ast.stmt,
        names: list[str],
    ) -> ast.stmt:
        """A function of a block, which assigns the names of the function around it."""
        (made,) = _code(f"def {name}({', '.join(arguments)}): pass", where)
        assert isinstance(made, ast.FunctionDef)
        declared = _code(_declare([n for n in names if "." not in n], self._globals), where)
        made.body = [*declared, *body]
        return made

    def _state(
        self, names: list[str], parts: list[str], grown: list[str], where: ast.stmt
    ) -> list[ast.stmt]:
        """Say how to read and set what a statement assigns."""
        plain = [n for n in names if "." not in n]
        lines = ["def ps__set(ps__values):", f"    {_declare(plain, self._globals)}"]
        for i, name in enumerate(names):
            lines.append(f"    {name} = ps__values[{i}]")
            lines.append(f"    if ps__values[{i}] is ps__.UNSET: del {name}")
        known = tuple(n for n in parts if n in names)
        state = (
            f"ps__state = ps__.State({tuple(names)!r}, lambda: [{_reads(names)}], ps__set, {known!r}, "
            f"lambda: [{_reads(grown)}], {where.lineno}, {type(where).__name__.lower()!r})"
        )
        return [*_code("\n".join(lines), where), *_code(state, where)]

    def _call(self, what: str, arguments: list[Any], where: ast.stmt) -> ast.stmt:
        given = [_expression(a, where) if isinstance(a, str) else a for a in arguments]
        call = _expression(f"ps__.{what}(ps__state)", where)
        assert isinstance(call, ast.Call)
        call.args = [*given, *call.args]
        return _at(ast.Expr(call), where)

    # ---- expressions

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        if _binds(node):
            return node
        what = "and_" if isinstance(node.op, ast.And) else "or_"
        first, *rest = [self.visit(value) for value in node.values]
        for value in rest:
            first = _fill(_expression(f"ps__.{what}(lambda: 0, lambda: 1)", node), first, value)
        return first

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        operand = self.visit(node.operand)
        if not isinstance(node.op, ast.Not):
            node.operand = operand
            return node
        made = _expression("ps__.not_()", node)
        made.args = [operand]  # type: ignore[attr-defined]
        return made

    def visit_Compare(self, node: ast.Compare) -> Any:
        """Chains, `a < b < c`, are an `and` of their parts."""
        if len(node.ops) == 1 or _binds(node):
            return self.generic_visit(node)
        sides = [self.visit(side) for side in (node.left, *node.comparators)]
        signs = tuple(type(op).__name__ for op in node.ops)
        lambdas = ", ".join(["lambda: 0"] * len(sides))
        made = _expression(f"ps__.chain({lambdas})", node)
        made = _fill(made, *sides)
        made.args = [_expression(repr(signs), node), *made.args]  # type: ignore[attr-defined]
        return made

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        if _binds(node):
            return node
        made = _expression("ps__.if_exp(lambda: 0, lambda: 1)", node)
        made = _fill(made, self.visit(node.body), self.visit(node.orelse))
        made.args = [self.visit(node.test), *made.args]  # type: ignore[attr-defined]
        return made

    def visit_Call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id in _FRAME_READERS:
            return self.generic_visit(node)
        self.generic_visit(node)
        callee = _expression("ps__.callee()", node)
        assert isinstance(callee, ast.Call)
        callee.args, node.func = [node.func], callee
        return node


def _declare(names: list[str], global_names: set[str]) -> str:
    """Declare that names are those of the function around."""
    mine = [n for n in names if n not in global_names]
    theirs = [n for n in names if n in global_names]
    words = [("nonlocal", mine), ("global", theirs)]
    return "; ".join(f"{word} {', '.join(these)}" for word, these in words if these) or "pass"


def _reads(names: list[str]) -> str:
    return ", ".join(f"ps__.value(lambda: {n})" for n in names)


def _binds(node: ast.AST) -> bool:
    """Whether an expression assigns, or waits: it may not move into a function."""
    kinds = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
    return any(isinstance(n, kinds) for n in ast.walk(node))


def _is_generator(node: ast.FunctionDef) -> bool:
    return _names.contains(node.body, (ast.Yield, ast.YieldFrom, ast.Await))


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _code(text: str, where: ast.AST) -> list[ast.stmt]:
    made = ast.parse(text).body
    for statement in made:
        for node in ast.walk(statement):
            ast.copy_location(node, where)
    return made


def _expression(text: str, where: ast.AST) -> ast.expr:
    made = ast.parse(text, mode="eval").body
    for node in ast.walk(made):
        ast.copy_location(node, where)
    return made


def _fill(call: ast.expr, *bodies: ast.expr) -> ast.expr:
    """Put expressions into the lambdas that a call is given."""
    assert isinstance(call, ast.Call)
    for argument, body in zip(call.args, bodies, strict=True):
        assert isinstance(argument, ast.Lambda)
        argument.body = body
    return ast.fix_missing_locations(call)


def _at(node: T, where: ast.AST) -> T:
    return ast.fix_missing_locations(ast.copy_location(node, where))
