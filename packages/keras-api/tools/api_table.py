"""Write docs/keras/api_table.md: every public name of Keras, whether it is here, and how its signature differs.

    python packages/keras-api/tools/api_table.py            writes the page
    python packages/keras-api/tools/api_table.py --facts    writes keras_names.txt again, with Keras on TensorFlow

`keras_names.txt` has the facts: a line for each public class, function, value or method, with its signature.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FACTS = Path(__file__).parent / "keras_names.txt"
PAGE = Path(__file__).parents[3] / "docs" / "keras" / "api_table.md"
# Classes whose methods people write or call: those are listed too.
WITH_METHODS = {
    "Layer", "Model", "Sequential", "Loss", "Metric", "Optimizer", "Callback", "RNN", "Variable", "Function",
    "Operation",
}  # fmt: skip
WHY = {
    "applications": "comes from the package penstock-models; without it a call says what to install",
    "layers.JaxLayer": "wraps a function of JAX, which is another runtime",
    "layers.FlaxLayer": "wraps a module of Flax, which is another runtime",
    "layers.TorchModuleWrapper": "wraps a module of PyTorch, which is another runtime",
    "layers.TFSMLayer": "wraps a SavedModel of TensorFlow, which is another runtime",
    "callbacks.OrbaxCheckpoint": "needs Orbax, which is JAX's",
    "optimizers.Optimizer": "Keras's asks for it too, behind *args",
    "compiled_loss": "the losses of `compile` as an object; `compute_loss` computes",
    ".loss": "the losses as `compile` got them; `compute_loss` computes",
    "export.ExportArchive": "`Model.export` writes a model, `penstock.save` any functions",
}


class Fact(NamedTuple):
    """A public name of Keras."""

    kind: str
    name: str
    signature: str


def facts() -> list[Fact]:
    """Read the facts."""
    rows = FACTS.read_text("utf-8").splitlines()
    lines = (line for line in rows if line and not line.startswith("#"))
    return [Fact(kind, *_split(rest)) for kind, _, rest in (line.partition(" ") for line in lines)]


def _split(text: str) -> tuple[str, str]:
    name, bracket, rest = text.partition("(")
    return name, bracket + rest


def state(fact: Fact, root: Any) -> tuple[str, str]:
    """Return whether a name is here ("yes", "no" or "differs"), and what is different."""
    found = _resolve(root, fact.name)
    if found is None:
        return "no", ""
    if fact.kind == "value" or not fact.signature:
        return "yes", ""
    problem = difference(fact.signature, signature_of(found))
    return ("differs", problem) if problem else ("yes", "")


def _resolve(root: Any, path: str) -> Any:
    for part in path.split("."):
        try:
            found = getattr(root, part, None)
            root = importlib.import_module(f"{root.__name__}.{part}") if found is None else found
        except (ImportError, AttributeError):
            return None
    return root


def difference(want: str, got: str) -> str:
    """Say what a signature lacks that calls of another may use; an empty text if nothing."""
    wanted, here = _parameters(want), _parameters(got)
    by_name = {p.name: p for p in here}
    takes_all = any(p.kind == "**" for p in here)
    named = [p for p in wanted if not p.kind.startswith("*")]
    if named and {p.kind for p in here} == {"*", "**"}:
        return "takes anything"
    for p in named:
        mine = by_name.get(p.name)
        if mine is None:
            if not takes_all:
                return f"lacks {p.name}"
        elif mine.default is None and p.default is not None:
            return f"{p.name} is required"
        elif p.default is not None and not _same(p.default, mine.default):
            return f"{p.name} is {mine.default} by default, not {p.default}"
    first = [[p.name for p in ps if p.kind == "plain"][:3] for ps in (wanted, here)]
    if first[0] != first[1][: len(first[0])]:
        return f"begins with {', '.join(first[1])}, not with {', '.join(first[0])}"
    extra = [
        p.name
        for p in here
        if p.kind in ("plain", "named")
        and p.default is None
        and p.name not in {w.name for w in named}
    ]
    return f"needs {', '.join(extra)} too" if extra else ""


def _same(want: str, got: str | None) -> bool:
    """Compare defaults; three dots stand for what has no short form."""
    if got is None or "..." in (want, got):
        return True
    return bool(ast.literal_eval(want) == ast.literal_eval(got))


class Parameter(NamedTuple):
    """A parameter: "plain", "named" (by name alone), "*" or "**", and its default as text."""

    name: str
    kind: str
    default: str | None


def _parameters(signature: str) -> list[Parameter]:
    arguments = ast.parse(f"def f{signature}: ...").body[0].args  # type: ignore[attr-defined]
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + arguments.defaults
    made = [
        Parameter(a.arg, "plain", d and ast.unparse(d))
        for a, d in zip(plain, defaults, strict=True)
    ]
    if arguments.vararg:
        made.append(Parameter(arguments.vararg.arg, "*", None))
    for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        made.append(Parameter(a.arg, "named", d and ast.unparse(d)))
    if arguments.kwarg:
        made.append(Parameter(arguments.kwarg.arg, "**", None))
    return made


def signature_of(item: Any) -> str:
    """Write the signature of a class or function as the facts have it."""
    target = item.__init__ if inspect.isclass(item) else item
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        return "(*args, **kwargs)"
    made, starred = [], False
    for p in parameters:
        if p.name == "self":
            continue
        if p.kind is p.KEYWORD_ONLY and not starred:
            made.append("*")
        starred = starred or p.kind in (p.VAR_POSITIONAL, p.KEYWORD_ONLY)
        prefix = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        default = "" if p.default is p.empty else f"={_plain(p.default)}"
        made.append(f"{prefix}{p.name}{default}")
    return f"({', '.join(made)})"


def _plain(value: Any) -> str:
    if isinstance(value, tuple | list) and all(isinstance(v, int | float | str) for v in value):
        return repr(tuple(value))
    return repr(value) if value is None or isinstance(value, bool | int | float | str) else "..."


def page() -> str:
    """Make the page."""
    root = importlib.import_module("penstock_keras_api")
    spaces: dict[str, list[tuple[Fact, str, str]]] = {}
    for fact in facts():
        space = (
            fact.name.rpartition(".")[0]
            if fact.kind != "method"
            else fact.name.rpartition(".")[0].rpartition(".")[0]
        )
        spaces.setdefault(f"keras.{space}".rstrip("."), []).append((fact, *state(fact, root)))
    rows = [row for found in spaces.values() for row in found]
    count = {kind: sum(row[1] == kind for row in rows) for kind in ("yes", "differs", "no")}
    lines = [
        "# Keras's public names",
        "",
        (
            "Made by `packages/keras-api/tools/api_table.py`, and held true by a test. A name is here if a call that Keras "
            "takes is taken: the same parameters, order and defaults; more of them may be."
        ),
        "",
        f"Of {len(rows)} names of Keras 3.15, {count['yes']} are here, {count['differs']} differ, {count['no']} are missing.",
        "",
    ]
    for space in sorted(spaces):
        lines += [f"## {space}", "", "| name | here | what is different |", "|---|---|---|"]
        lines += [_row(space, *row) for row in spaces[space]]
        lines.append("")
    return "\n".join(lines)


def _row(space: str, fact: Fact, here: str, problem: str) -> str:
    name = fact.name.removeprefix(space.removeprefix("keras").removeprefix(".")).removeprefix(".")
    if here == "no":
        problem = "missing"
    why = _why(fact.name) if problem else ""
    return f"| `{name}` | {here} | {problem}{': ' if why else ''}{why} |"


def _why(name: str) -> str:
    return next(
        (text for key, text in WHY.items() if name.startswith(key) or name.endswith(key)), ""
    )


def write_facts() -> None:
    """Write the facts down, of the Keras that is installed."""
    root = importlib.import_module("keras")
    lines = [f"# Public names of Keras {root.__version__}, with their signatures."]
    lines += sorted(_facts_of(root))
    FACTS.write_text("\n".join(lines) + "\n", "utf-8")


def _facts_of(root: Any) -> Iterator[str]:
    todo, seen = [("", root)], set()
    while todo:
        space, module = todo.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        for name in dir(module):
            item, path = getattr(module, name), f"{space}.{name}".strip(".")
            if name.startswith("_") or path.startswith(("legacy", "src")):
                continue
            if isinstance(item, types.ModuleType):
                if item.__name__.startswith("keras"):
                    todo.append((path, item))
            else:
                yield from _lines(path, name, item)


def _lines(path: str, name: str, item: Any) -> Iterator[str]:
    if not callable(item):
        yield f"value {path}"
        return
    yield f"{'class' if inspect.isclass(item) else 'function'} {path}{signature_of(item)}"
    places = ("layers", "models", "losses", "metrics", "optimizers", "callbacks", "")
    if (
        not inspect.isclass(item)
        or name not in WITH_METHODS
        or path.rpartition(".")[0] not in places
    ):
        return
    for method in dir(item):
        found = getattr(item, method)
        own = inspect.isfunction(found) and str(found.__module__).startswith("keras")
        if own and not method.startswith("_"):
            yield f"method {path}.{method}{signature_of(found)}"


if __name__ == "__main__":
    if "--facts" in sys.argv:
        write_facts()
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), "utf-8")
