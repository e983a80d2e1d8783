"""`penstock.load`: a saved folder, or a file of another format, becomes a model."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from penstock import _native
from penstock._native import Graph, Tensor
from penstock.errors import FormatError, InvalidValueError, PenstockError, PluginError
from penstock.saved import folder as files
from penstock.saved import formats, golden
from penstock.saved._structure import from_json
from penstock.saved._tensors import TensorReader, restored, sizes
from penstock.saved.model import GraphFunction, GraphModel
from penstock.saved.reader import GraphReader, undisturbed
from penstock.saved.save import DEVICE, VERSION, lowered_key
from penstock.saved.upgrade import check_versions, upgrade
from penstock.state import Variable

_MEMBERS: Final = {
    "format", "version", "producer", "metadata", "plugins", "ops", "variables", "functions", "golden",
}  # fmt: skip
_SHOWN: Final = 10
_DAMAGE: Final = (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError)


def load(
    path: str | os.PathLike[str],
    *,
    check: bool = True,
    allow_plugins: Collection[str] = (),
    format: str | None = None,
    **options: Any,
) -> GraphModel:
    """Load a model. No code that lies in the file is run, and no plugin is imported that is not allowed.

    Args:
        path: A folder that `penstock.save` wrote, or a file whose suffix names its format.
        check: Whether to run golden pairs, and compare what comes out.
        allow_plugins: Names of plugins that may be imported because the graph has ops of theirs.
        format: The format, if the path does not say.
        options: For another format.

    Returns:
        The model: call it, look at its functions and variables, train it further, save it again.

    Raises:
        FormatError: Files are missing, damaged, newer than this Penstock, or do not belong together; or a golden pair
            does not hold.
        InvalidValueError: The format has no such option.
        PluginError: The graph has ops of a plugin that is not allowed, or cannot be used.
        OSError: A file cannot be read.

    >>> import penstock as ps, tempfile
    >>> folder = tempfile.mkdtemp() + "/net"
    >>> path = ps.save({"double": lambda x: x * 2}, folder, {"double": [("float32", ("n",))]})
    >>> model = load(folder)
    >>> model.functions["double"](ps.asarray([1.5]))
    Tensor([3.], shape=(1,), dtype=float32)
    """
    source = Path(path)
    name = format or formats.format_name(source)
    if name != formats.NATIVE:
        reader = formats.find_format(name).read
        assert reader is not None  # find_format made sure
        model: GraphModel = formats.call(reader, name, source, **options)
        return model
    if options:
        raise InvalidValueError(
            f"[load] a folder takes no {', '.join(sorted(options))}; see help(penstock.load)"
        )
    with undisturbed():
        return _Folder(source).load(check, set(allow_plugins))


class _Folder:
    """One folder while it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.text = files.read_bytes(folder / files.GRAPH)
        self.stored: dict[str, files.StoredTensors] = {}
        self.tensors = TensorReader(self.tensors_of, self.asset)

    def tensors_of(self, file: str) -> Mapping[str, Tensor]:
        """Open one of the safetensors files, once."""
        if file not in (files.WEIGHTS, files.GOLDEN, f"lowered/{DEVICE}.safetensors"):
            raise FormatError(
                f"[load] a tensor is in the file {str(file)[:80]!r}; expected {files.WEIGHTS} or {files.GOLDEN}"
            )
        if file not in self.stored:
            self.stored[file] = files.StoredTensors(self.folder / file)
        return self.stored[file]

    def asset(self, path: str) -> bytes:
        """Read an asset; what leads out of the folder is refused."""
        place = self.folder / path
        if not place.resolve().is_relative_to(self.folder.resolve()):
            raise FormatError(
                f"[load] {path} leads out of {self.folder}; put the file itself there"
            )
        return files.read_bytes(place)

    def load(self, check: bool, allowed: set[str]) -> GraphModel:
        """Make the model; arguments and errors as in `load`."""
        told = files.parse_json(self.text, self.folder / files.GRAPH)
        try:
            _check_head(told, _MEMBERS, str(self.folder))
            _allow(told["plugins"], set(told["ops"]), allowed)
            old = check_versions(told["ops"], str(self.folder))
            variables = self._variables(told["variables"])
            lowered = {} if old else self._lowered(variables)
            functions = self._functions(told, variables, old, lowered)
            if not functions:
                raise ValueError("it has no function")
            self._check_unused(told["variables"])
            model = GraphModel(functions, variables, dict(told["metadata"]))
            if check and told["golden"]:
                golden.check(
                    model,
                    told["golden"],
                    self.tensors,
                    [v._handle for v in variables.values()],
                    str(self.folder),
                )
        except _DAMAGE as error:
            if isinstance(error, PenstockError):
                raise
            raise FormatError(
                f"[load] {self.folder / files.GRAPH} is damaged: {_why(error)}; save the model again"
            ) from error
        return model

    def _variables(self, told: Mapping[str, Any]) -> dict[str, Variable]:
        held = self.tensors_of(files.WEIGHTS)
        missing = [name for name in told if name not in held]
        if missing:
            raise FormatError(
                f"[load] {self.folder / files.WEIGHTS} has no {_listed(missing)}; save the model again"
            )
        wrong: list[str] = []
        made: dict[str, Variable] = {}
        for name, about in told.items():
            if set(about) != {"dtype", "shape", "trainable"}:
                raise KeyError(f"variable {name!r} with the members {sorted(about)}")
            try:
                t = restored(
                    held[name], about["dtype"], sizes(about["shape"]), f"variable {name!r}"
                )
            except FormatError as error:
                wrong.append(str(error).removeprefix("[load] ").split(":")[0])
                continue
            made[name] = Variable(t, name, about["trainable"] is True)
        if wrong:
            raise FormatError(
                f"[load] {self.folder}: {'; '.join(wrong[:_SHOWN])}: the files do not belong together; save the model again"
            )
        return made

    def _functions(
        self,
        told: Mapping[str, Any],
        variables: Mapping[str, Variable],
        old: dict[str, int],
        lowered: Mapping[str, Graph],
    ) -> dict[str, GraphFunction]:
        reader = GraphReader(self.tensors, variables)
        made: dict[str, GraphFunction] = {}
        for about in told["functions"]:
            if old:
                upgrade(about["graph"], old)
            name = about["name"]
            if name in made:
                raise ValueError(f"two functions called {name!r}")
            made[name] = _function(about, reader.read(about["graph"]), lowered.get(name))
        return made

    def _lowered(self, variables: Mapping[str, Variable]) -> dict[str, Graph]:
        """Read the optimised graphs, if they belong to this graph and to these kernels."""
        path = self.folder / "lowered" / f"{DEVICE}.json"
        if not path.is_file():
            return {}
        told = files.read_json(path)
        import penstock

        _check_head(told, _MEMBERS | {"lowered"}, str(path))
        if (
            told["lowered"] != lowered_key(self.text)
            or told["producer"] != f"penstock {penstock.__version__}"
        ):
            return {}
        if check_versions(told["ops"], str(path)):
            return {}
        reader = GraphReader(self.tensors, variables)
        return {about["name"]: reader.read(about["graph"]) for about in told["functions"]}

    def _check_unused(self, variables: Mapping[str, Any]) -> None:
        held = self.stored[files.WEIGHTS]
        extra = [name for name in held if name not in variables and name not in held.used]
        if extra:
            raise FormatError(
                f"[load] {self.folder / files.WEIGHTS} has {_listed(extra)}, which graph.json does not mention: the files "
                "do not belong together; save the model again"
            )


def _check_head(told: Mapping[str, Any], members: set[str], what: str) -> None:
    if told.get("format") != "penstock-graph":
        raise FormatError(
            f"[load] {what} is no saved graph: its format is {str(told.get('format'))[:60]!r}; give the folder that "
            "penstock.save wrote"
        )
    version = told.get("version")
    if type(version) is not int or version != VERSION:
        raise FormatError(
            f"[load] {what} is of format version {str(version)[:20]}; this Penstock reads {VERSION}: update it, pip install "
            "-U penstock"
        )
    if set(told) != members:
        raise FormatError(
            f"[load] {what} has the members {sorted(set(told) - members)} too many and lacks "
            f"{sorted(members - set(told))}; save the model again"
        )
    for key, kind in (("metadata", dict), ("ops", dict), ("variables", dict), ("functions", list)):
        if not isinstance(told[key], kind):
            raise FormatError(f"[load] {what}: {key} is no {kind.__name__}; save the model again")


def _allow(plugins: Any, ops: set[str], allowed: set[str]) -> None:
    """Import the plugins that are needed and allowed; refuse if others are needed.

    Raises:
        PluginError: A plugin that is needed is not allowed.
    """
    from penstock.plugins import loader

    needed = {
        about["name"]: [op for op in about["ops"] if op in ops and not _native.has_op(op)]
        for about in plugins
    }
    missing = {name: names for name, names in needed.items() if names and name not in allowed}
    if missing:
        told = "; ".join(f"{name} for {', '.join(names[:5])}" for name, names in missing.items())
        raise PluginError(
            f"[load] the graph needs plugins that are not allowed: {told}. If you trust them: "
            f"penstock.load(path, allow_plugins={sorted(missing)})"
        )
    for names in needed.values():
        for op in names:
            loader.activate_for_op(op)


def _function(about: Mapping[str, Any], graph: Graph, optimized: Graph | None) -> GraphFunction:
    extra = set(about) - {"name", "inputs", "outputs", "arguments", "results", "graph"}
    if extra:
        raise KeyError(f"a function with the members {sorted(extra)}")
    arguments = from_json(about["arguments"]) if "arguments" in about else None
    function = GraphFunction(
        graph,
        about["name"],
        [spec["name"] for spec in about["inputs"]],
        [spec["name"] for spec in about["outputs"]],
        arguments=arguments,
        results=from_json(about["results"]) if "results" in about else None,
        optimized=optimized,
    )
    for side, specs in (("inputs", function.inputs), ("outputs", function.outputs)):
        for said in about[side]:
            spec = specs[said["name"]]
            if said["dtype"] != spec.dtype.name or said["shape"] != list(spec.shape):
                raise ValueError(
                    f"{function.name} says {said['name']}: {said['dtype']}{said['shape']}, its graph has {spec}"
                )
    return function


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more


def _why(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    text = f"there is no {error}" if isinstance(error, KeyError) else str(error)
    return text[:300] or type(error).__name__
