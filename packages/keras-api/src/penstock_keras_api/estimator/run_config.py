"""How an estimator runs: where it saves, how often, and which machine of a cluster it is."""

from __future__ import annotations

import copy
import json
import os
from typing import Any, Final

from penstock.errors import InvalidTypeError, InvalidValueError

_UNSET: Final = object()
_REPLACEABLE: Final = (
    "model_dir",
    "tf_random_seed",
    "save_summary_steps",
    "save_checkpoints_steps",
    "save_checkpoints_secs",
    "session_config",
    "keep_checkpoint_max",
    "keep_checkpoint_every_n_hours",
    "log_step_count_steps",
    "train_distribute",
    "device_fn",
    "protocol",
    "eval_distribute",
    "experimental_distribute",
    "experimental_max_worker_delay_secs",
    "session_creation_timeout_secs",
    "checkpoint_save_graph_def",
)


class TaskType:
    """What a machine of a cluster does."""

    MASTER = "master"
    PS = "ps"
    WORKER = "worker"
    CHIEF = "chief"
    EVALUATOR = "evaluator"


class RunConfig:
    """How an estimator runs.

    Args:
        model_dir: Where checkpoints, evaluations and exports lie.
        tf_random_seed: Where random numbers begin; None goes on from the program's.
        save_summary_steps: How often summaries are told, in steps.
        save_checkpoints_steps: How often a checkpoint is saved, in steps.
        save_checkpoints_secs: Or in seconds; 600 if neither is said. None for both saves none.
        session_config: Kept for compatibility.
        keep_checkpoint_max: How many of the newest checkpoints stay; None or 0 keeps all.
        keep_checkpoint_every_n_hours: Kept for compatibility.
        log_step_count_steps: How often loss and speed are logged, in steps.
        train_distribute: Only None: training runs in one process.
        device_fn: Kept for compatibility.
        protocol: Kept for compatibility.
        eval_distribute: Only None.
        experimental_distribute: Only None.
        experimental_max_worker_delay_secs: Kept for compatibility.
        session_creation_timeout_secs: Kept for compatibility.
        checkpoint_save_graph_def: Kept for compatibility.

    Raises:
        ValueError: Both ways of saving are asked for, a number is out of range, or TF_CONFIG is not understood.

    >>> from penstock.keras import estimator
    >>> estimator.RunConfig(tf_random_seed=7, save_checkpoints_steps=100).save_checkpoints_secs is None
    True
    """

    model_dir: str | None
    tf_random_seed: int | None
    save_summary_steps: int | None
    save_checkpoints_steps: int | None
    save_checkpoints_secs: int | None
    keep_checkpoint_max: int | None
    log_step_count_steps: int | None

    def __init__(
        self,
        model_dir: str | os.PathLike[str] | None = None,
        tf_random_seed: int | None = None,
        save_summary_steps: int | None = 100,
        save_checkpoints_steps: Any = _UNSET,
        save_checkpoints_secs: Any = _UNSET,
        session_config: Any = None,
        keep_checkpoint_max: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000,
        log_step_count_steps: int | None = 100,
        train_distribute: Any = None,
        device_fn: Any = None,
        protocol: Any = None,
        eval_distribute: Any = None,
        experimental_distribute: Any = None,
        experimental_max_worker_delay_secs: Any = None,
        session_creation_timeout_secs: int = 7200,
        checkpoint_save_graph_def: bool = True,
    ) -> None:
        steps, secs = save_checkpoints_steps, save_checkpoints_secs
        if steps is _UNSET and secs is _UNSET:
            steps, secs = None, 600
        elif steps is _UNSET or secs is _UNSET:
            steps, secs = (None if v is _UNSET else v for v in (steps, secs))
        elif steps is not None and secs is not None:
            raise InvalidValueError(
                f"[RunConfig] got save_checkpoints_steps={steps} and save_checkpoints_secs={secs}; give one of them"
            )
        told = _cluster_of_environment()
        given = {
            "model_dir": model_dir if model_dir is not None else told.pop("model_dir", None),
            "tf_random_seed": tf_random_seed,
            "save_summary_steps": save_summary_steps,
            "save_checkpoints_steps": steps,
            "save_checkpoints_secs": secs,
            "session_config": session_config,
            "keep_checkpoint_max": keep_checkpoint_max,
            "keep_checkpoint_every_n_hours": keep_checkpoint_every_n_hours,
            "log_step_count_steps": log_step_count_steps,
            "train_distribute": train_distribute,
            "device_fn": device_fn,
            "protocol": protocol,
            "eval_distribute": eval_distribute,
            "experimental_distribute": experimental_distribute,
            "experimental_max_worker_delay_secs": experimental_max_worker_delay_secs,
            "session_creation_timeout_secs": session_creation_timeout_secs,
            "checkpoint_save_graph_def": checkpoint_save_graph_def,
        }
        self._set(given)
        self._set_cluster(told)

    def _set(self, given: dict[str, Any]) -> None:
        for name, value in given.items():
            if value is not None and name in (
                "save_summary_steps",
                "save_checkpoints_steps",
                "log_step_count_steps",
                "tf_random_seed",
                "keep_checkpoint_max",
            ):
                least = 0 if name in ("tf_random_seed", "keep_checkpoint_max") else 1
                if not isinstance(value, int) or value < least:
                    raise InvalidValueError(
                        f"[RunConfig] got {name}={value!r}; use a whole number from {least} on, or None"
                    )
            if name.endswith("distribute") and value is not None:
                raise InvalidValueError(
                    f"[RunConfig] got {name}={value!r}; training runs in one process, on all its cores: leave it out"
                )
            setattr(self, name, os.fspath(value) if name == "model_dir" and value else value)

    def _set_cluster(self, told: dict[str, Any]) -> None:
        """Take over what TF_CONFIG says."""
        cluster, task = told.get("cluster", {}), told.get("task", {})
        self.cluster_spec: dict[str, list[str]] = dict(cluster)
        self.task_type: str = task.get("type", TaskType.WORKER)
        self.task_id: int = int(task.get("index", 0))
        self.service = told.get("service")
        alone = not cluster
        self.is_chief = alone or self.task_type in (TaskType.CHIEF, TaskType.MASTER)
        self.num_ps_replicas = len(cluster.get(TaskType.PS, []))
        self.num_worker_replicas = (
            1
            if alone
            else sum(
                len(cluster.get(kind, []))
                for kind in (TaskType.WORKER, TaskType.CHIEF, TaskType.MASTER)
            )
        )
        self.master = self.evaluation_master = ""
        self.global_id_in_cluster = None if self.task_type == TaskType.EVALUATOR else self.task_id
        if cluster and self.task_type not in cluster and self.task_type != TaskType.EVALUATOR:
            raise InvalidValueError(
                f"[RunConfig] TF_CONFIG says the task is {self.task_type!r}, and its cluster has {', '.join(cluster)}; name "
                'one of these: {"cluster": ..., "task": {"type": "chief", "index": 0}}'
            )

    def replace(self, **kwargs: Any) -> RunConfig:
        """Return a copy with other settings.

        Raises:
            TypeError: A name is no argument of RunConfig.
            ValueError: A value is out of range.
        """
        unknown = sorted(set(kwargs) - set(_REPLACEABLE))
        if unknown:
            raise InvalidTypeError(
                f"[RunConfig.replace] got {', '.join(unknown)}; it can replace {', '.join(_REPLACEABLE)}"
            )
        if kwargs.get("save_checkpoints_steps") is not None:
            kwargs.setdefault("save_checkpoints_secs", None)
        elif kwargs.get("save_checkpoints_secs") is not None:
            kwargs.setdefault("save_checkpoints_steps", None)
        made = copy.copy(self)
        made._set(kwargs)
        if made.save_checkpoints_steps is not None and made.save_checkpoints_secs is not None:
            raise InvalidValueError(
                "[RunConfig] save_checkpoints_steps and save_checkpoints_secs cannot both be set; give one of them"
            )
        return made


def _cluster_of_environment() -> dict[str, Any]:
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return {}
    try:
        told = json.loads(text)
    except ValueError as error:
        raise InvalidValueError(
            f"[RunConfig] the environment variable TF_CONFIG is no JSON: {error}; unset it, or write "
            '{"cluster": {"chief": ["host:port"]}, "task": {"type": "chief", "index": 0}}'
        ) from None
    if not isinstance(told, dict):
        raise InvalidValueError(
            f"[RunConfig] the environment variable TF_CONFIG is {type(told).__name__}; expected an object with cluster and "
            "task; unset it if there is no cluster"
        )
    return told
