"""From a function to its rewritten twin: the same name, defaults and closure, the lines of the same file."""

from __future__ import annotations
import __future__

import ast
import functools
import inspect
import linecache
import os
import textwrap
import types
import weakref
from collections.abc import Callable
from typing import Any

from penstock.autograph._rewrite import Rewriter

MARK = "__penstock_autograph__"  # "done": is rewritten already; "off": must not be
_OURS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")  # noqa: PTH118, PTH120
_FUTURES = __future__.annotations.compiler_flag
_codes: weakref.WeakKeyDictionary[types.CodeType, types.CodeType | None]
_codes = weakref.WeakKeyDictionary()


def converted(fn: Any) -> Any:
    """Return the rewritten twin of a user's function; anything else is returned as it is."""
    if isinstance(fn, types.MethodType):
        inner = converted(fn.__func__)
        return fn if inner is fn.__func__ else types.MethodType(inner, fn.__self__)
    if isinstance(fn, functools.partial):
        inner = converted(fn.func)
        return fn if inner is fn.func else functools.partial(inner, *fn.args, **fn.keywords)
    if not isinstance(fn, (types.FunctionType, types.BuiltinFunctionType, type)):
        method = vars(type(fn)).get("__call__")
        if not isinstance(method, types.FunctionType):
            return fn
        inner = converted(method)
        return fn if inner is method else types.MethodType(inner, fn)
    if not isinstance(fn, types.FunctionType) or hasattr(fn, MARK) or not _is_users(fn):
        return fn
    return _twin(fn) or fn


def converted_for_us(value: Any) -> Any:
    """Rewrite a function that is an argument."""
    return converted(value) if isinstance(value, (types.FunctionType, types.MethodType)) else value


def is_ours(fn: Any) -> bool:
    """Whether a function is of this project, or of a plugin of it."""
    module = getattr(fn, "__module__", None)
    module = module if isinstance(module, str) else type(fn).__module__
    return module.partition(".")[0].split("_")[0] == "penstock"


def source_of(fn: types.FunctionType) -> str:
    """Return the rewritten source of a function.

    Raises:
        OSError: There is no source.
        SyntaxError: It cannot be read by itself.
    """
    tree, _ = _rewritten(fn)
    return ast.unparse(tree)


def _is_users(fn: types.FunctionType) -> bool:
    if is_ours(fn):
        return False
    file = fn.__code__.co_filename
    # What `grad` and its like return stands for the user's function, and calls it.
    return file.startswith(_OURS) or not file.startswith(_others())


@functools.cache
def _others() -> tuple[str, ...]:
    """The folders of what is installed: it is not the user's, and says itself which tensors it takes."""
    import sysconfig  # slow to import

    paths = sysconfig.get_paths()
    return tuple(os.path.join(paths[k], "") for k in ("stdlib", "purelib", "platlib"))  # noqa: PTH118


def _twin(fn: types.FunctionType) -> Callable[..., Any] | None:
    code = fn.__code__
    if code not in _codes:
        try:
            _codes[code] = _compiled(fn)
        except (OSError, SyntaxError, ValueError, TypeError):  # no source, or none by itself
            _codes[code] = None
    made = _codes[code]
    if made is None:
        return None
    from penstock.autograph import _runtime

    cells = dict(zip(code.co_freevars, fn.__closure__ or (), strict=True))
    cells["ps__"] = types.CellType(_runtime)
    # In its factory a function that calls itself is a local name; outside it is a global one.
    cells.setdefault(fn.__name__, types.CellType(fn.__globals__.get(fn.__name__, fn)))
    closure = tuple(cells[name] for name in made.co_freevars)
    twin = types.FunctionType(made, fn.__globals__, fn.__name__, fn.__defaults__, closure)
    twin.__kwdefaults__ = fn.__kwdefaults__
    functools.update_wrapper(twin, fn)
    setattr(twin, MARK, "done")
    return twin


def _compiled(fn: types.FunctionType) -> types.CodeType | None:
    tree, name = _rewritten(fn)
    futures = fn.__code__.co_flags & _FUTURES
    module = compile(tree, fn.__code__.co_filename, "exec", futures, dont_inherit=True)
    return _code_named(module, name)


def _code_named(outer: types.CodeType, name: str) -> types.CodeType | None:
    factory = next(c for c in outer.co_consts if isinstance(c, types.CodeType))
    return next(
        (c for c in factory.co_consts if isinstance(c, types.CodeType) and c.co_name == name), None
    )


def _rewritten(fn: types.FunctionType) -> tuple[ast.Module, str]:
    """Return a module with one function, which has the free names as arguments and the rewritten function in it."""
    code = fn.__code__
    tree = ast.parse(textwrap.dedent(_source_text(fn)))
    (node,) = tree.body
    if not isinstance(node, ast.FunctionDef) or _is_mangled(node):
        raise ValueError("not a function that can be rewritten by itself")
    ast.increment_lineno(tree, code.co_firstlineno - 1)
    node.decorator_list = []
    made = Rewriter(code.co_freevars).visit(node)
    free = ", ".join([*code.co_freevars, "ps__"])
    factory = ast.parse(f"def ps__factory({free}): pass").body[0]
    assert isinstance(factory, ast.FunctionDef)
    factory.body = [made]
    for part in (factory, *ast.walk(factory.args)):
        ast.copy_location(part, node)
    return ast.fix_missing_locations(ast.Module([factory], [])), node.name


def _source_text(fn: types.FunctionType) -> str:
    """Return the lines of a function. `inspect.getsource` looks through all modules for the one that it is of."""
    file = fn.__code__.co_filename
    linecache.checkcache(file)
    lines = linecache.getlines(file, fn.__globals__)
    if not lines:
        raise OSError(f"there is no source of {fn.__qualname__}: cannot read {file}")
    return "".join(inspect.getblock(lines[fn.__code__.co_firstlineno - 1 :]))


def _is_mangled(node: ast.FunctionDef) -> bool:
    """Whether names in it are changed by the class around it."""
    names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
    names += [n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)]
    return any(n.startswith("__") and not n.endswith("__") for n in names)
