"""Exporters: which of a training's checkpoints become saved models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from penstock.errors import InvalidValueError

_BEST: Final = "best.json"


class Exporter:
    """What `train_and_evaluate` tells of every evaluation. Subclasses have a name and write `export`."""

    @property
    def name(self) -> str:
        """The folder, in `export` of the model_dir."""
        raise NotImplementedError(f"{type(self).__name__} has no name")

    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str,
        eval_result: Mapping[str, Any],
        is_the_final_export: bool,
    ) -> Any:
        """Save a model, or do not.

        Args:
            estimator: What was evaluated.
            export_path: Where to save.
            checkpoint_path: Which checkpoint was evaluated.
            eval_result: Its results.
            is_the_final_export: Whether the training has ended.

        Returns:
            The folder, or None.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method export")


class _Saving(Exporter):
    """An exporter that saves with a receiver function."""

    def __init__(
        self,
        name: str,
        serving_input_receiver_fn: Callable[[], Any],
        assets_extra: Mapping[str, str] | None,
        exports_to_keep: int | None = None,
    ) -> None:
        if not name or not callable(serving_input_receiver_fn):
            raise InvalidValueError(
                f"[{type(self).__name__}] got name={name!r} and serving_input_receiver_fn={serving_input_receiver_fn!r}; give "
                "a name and a function: build_raw_serving_input_receiver_fn(features)"
            )
        if exports_to_keep is not None and exports_to_keep < 1:
            raise InvalidValueError(
                f"[{type(self).__name__}] got exports_to_keep={exports_to_keep}; use 1 or more, or None for all"
            )
        self._name, self._receive, self._assets = name, serving_input_receiver_fn, assets_extra
        self._keep = exports_to_keep

    @property
    def name(self) -> str:
        """The folder, in `export` of the model_dir."""
        return self._name

    def _save(self, estimator: Any, path: str, checkpoint: str) -> str:
        made: str = estimator.export_saved_model(
            path, self._receive, self._assets, checkpoint_path=checkpoint
        )
        if self._keep is not None:
            folders = [p for p in Path(path).iterdir() if p.is_dir() and p.name.isdecimal()]
            for old in sorted(folders, key=lambda p: int(p.name))[: -self._keep]:
                shutil.rmtree(old)
        return made


class LatestExporter(_Saving):
    """Save every checkpoint that is evaluated, and keep the newest few.

    Args:
        name: The folder, in `export` of the model_dir.
        serving_input_receiver_fn: As in `Estimator.export_saved_model`.
        assets_extra: As there.
        as_text: Kept for compatibility.
        exports_to_keep: How many to keep; None for all.

    Raises:
        ValueError: There is no name or no function, or none would be kept.
    """

    def __init__(
        self,
        name: str,
        serving_input_receiver_fn: Callable[[], Any],
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        exports_to_keep: int | None = 5,
    ) -> None:
        super().__init__(name, serving_input_receiver_fn, assets_extra, exports_to_keep)
        self._saved: tuple[str, str] | None = None

    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str,
        eval_result: Mapping[str, Any],
        is_the_final_export: bool,
    ) -> str:
        """Save the checkpoint, once."""
        if self._saved is None or self._saved[0] != checkpoint_path:
            self._saved = (checkpoint_path, self._save(estimator, export_path, checkpoint_path))
        return self._saved[1]


class FinalExporter(_Saving):
    """Save the last checkpoint, when training has ended.

    Args:
        name: The folder, in `export` of the model_dir.
        serving_input_receiver_fn: As in `Estimator.export_saved_model`.
        assets_extra: As there.
        as_text: Kept for compatibility.

    Raises:
        ValueError: There is no name or no function.
    """

    def __init__(
        self,
        name: str,
        serving_input_receiver_fn: Callable[[], Any],
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
    ) -> None:
        super().__init__(name, serving_input_receiver_fn, assets_extra)

    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str,
        eval_result: Mapping[str, Any],
        is_the_final_export: bool,
    ) -> str | None:
        """Save the checkpoint if it is the last."""
        if not is_the_final_export:
            return None
        return self._save(estimator, export_path, checkpoint_path)


def loss_smaller(
    best_eval_result: Mapping[str, Any], current_eval_result: Mapping[str, Any]
) -> bool:
    """Say whether the loss became smaller.

    Raises:
        ValueError: There is no loss.

    >>> loss_smaller({"loss": 2.0}, {"loss": 1.0})
    True
    """
    for result in (best_eval_result, current_eval_result):
        if "loss" not in result:
            raise InvalidValueError(
                f"[BestExporter] the results have no 'loss', only {', '.join(result)}; give another compare_fn"
            )
    return bool(current_eval_result["loss"] < best_eval_result["loss"])


class BestExporter(_Saving):
    """Save a checkpoint when its results are the best so far, and keep the newest few of these.

    What was best is written beside the models, so that a training that goes on later compares with it too.

    Args:
        name: The folder, in `export` of the model_dir.
        serving_input_receiver_fn: As in `Estimator.export_saved_model`.
        event_file_pattern: Kept for compatibility.
        compare_fn: A function of the best results and of new ones that says whether the new ones are better.
        assets_extra: As there.
        as_text: Kept for compatibility.
        exports_to_keep: How many to keep; None for all.

    Raises:
        ValueError: There is no name or no function, or none would be kept.
    """

    def __init__(
        self,
        name: str = "best_exporter",
        serving_input_receiver_fn: Any = None,
        event_file_pattern: Any = None,
        compare_fn: Callable[[Mapping[str, Any], Mapping[str, Any]], bool] = loss_smaller,
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        exports_to_keep: int | None = 5,
    ) -> None:
        super().__init__(name, serving_input_receiver_fn, assets_extra, exports_to_keep)
        self._better = compare_fn

    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str,
        eval_result: Mapping[str, Any],
        is_the_final_export: bool,
    ) -> str | None:
        """Save the checkpoint if it is the best."""
        note = Path(export_path) / _BEST
        best = json.loads(note.read_text()) if note.exists() else None
        if best is not None and not self._better(best, eval_result):
            return None
        made = self._save(estimator, export_path, checkpoint_path)
        fresh = note.with_suffix(".new")
        fresh.write_text(json.dumps(dict(eval_result), default=float))
        fresh.replace(note)
        return made
