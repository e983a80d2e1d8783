"""The folder of a run: what is done of it, so that another process can go on."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import IO, Any

from penstock.errors import FormatError, InvalidValueError
from penstock_models.finetune.choices import Choices, spoken
from penstock_models.finetune.disk import explained, write_whole

WORK, STATE, RECORD, LOCK = "unfinished", "state.json", "run.json", "lock"


class RunFolder:
    """A folder that a fine-tuning writes to.

    Args:
        path: The folder, which is made if it is not there.
        choices: What is to be done there.
        resume: Whether there must be something to go on with.

    Raises:
        ValueError: It holds something else, a run with other choices, or nothing to go on with.
        DiskError: It may not be written.
    """

    def __init__(self, path: Path, choices: Choices, resume: bool = False) -> None:
        self.path, self.work = path, path / WORK
        self._began = time.monotonic()
        self._lock: IO[str] | None = None
        self._is_new = not path.exists()
        wanted = choices.model_dump()
        self.state: dict[str, Any] = {"choices": wanted, "spent": 0.0, "steps": {}}
        if path.exists() and not path.is_dir():
            raise InvalidValueError(f"[finetune] {path} is a file; give a folder with --out")
        self.goes_on = (self.work / STATE).exists()
        self.is_finished = (path / RECORD).exists() and not self.goes_on
        if resume and not self.goes_on:
            raise InvalidValueError(
                f"[finetune] nothing in {path} is left to go on with; leave --resume out to begin"
            )
        self._check_content()
        if self.goes_on:
            state = self._read_state()
            if state["steps"].keys() - {"data"}:  # else nothing is lost with other choices
                self.state = state
                self._check_choices(wanted)
        if self.is_finished:
            return
        with explained(path):
            self.work.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            self.save()

    def _check_content(self) -> None:
        if self.goes_on or self.is_finished or not self.path.is_dir():
            return
        others = sorted(p.name for p in self.path.iterdir() if p.name != WORK)
        if others:
            shown = ", ".join(others[:4]) + (" ..." if len(others) > 4 else "")
            raise InvalidValueError(
                f"[finetune] {self.path} holds other things ({shown}), which would be mixed up with the model; choose a new "
                "folder with --out"
            )

    def _read_state(self) -> dict[str, Any]:
        path = self.work / STATE
        try:
            state = json.loads(path.read_text("utf-8"))
            if not {"choices", "spent", "steps"} <= set(state):
                raise ValueError("a part is missing")
        except (ValueError, TypeError):
            raise FormatError(
                f"[finetune] {path} is damaged; remove {self.path}, to begin anew"
            ) from None
        return dict(state)

    def _check_choices(self, wanted: dict[str, Any]) -> None:
        before = self.state["choices"]
        changed = [
            name for name in wanted if name != "seconds" and wanted[name] != before.get(name)
        ]
        if changed:
            name = changed[0]
            raise InvalidValueError(
                f"[finetune] {self.path} holds an unfinished run with {name}={before.get(name)!r}, not {wanted[name]!r}; give "
                "the same choices to go on, or another folder with --out"
            )
        self.state["choices"]["seconds"] = wanted["seconds"]

    def _take_lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # Windows has none
            return
        self._lock = (self.work / LOCK).open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise InvalidValueError(
                f"[finetune] another process is at work in {self.path}; wait for it, or choose another folder with --out"
            ) from None

    # ---- what is done

    def done(self, step: str) -> dict[str, Any] | None:
        """Return what a step noted when it was done; None if it is not done."""
        found: dict[str, Any] | None = self.state["steps"].get(step)
        return found

    def finish_step(self, step: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Note that a step is done, with facts for those that follow."""
        self.state["steps"][step] = facts
        self.save()
        return facts

    def save(self) -> None:
        """Write down what is done."""
        text = json.dumps({**self.state, "spent": self.spent}, indent=1)
        with explained(self.path):
            write_whole(self.work / STATE, text)

    @property
    def spent(self) -> float:
        """Seconds that the run took so far, in this process and those before."""
        return float(self.state["spent"]) + time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return float(self.state["choices"]["seconds"]) - self.spent

    def remove_work(self) -> None:
        """Remove what only an unfinished run needs."""
        self.release()
        shutil.rmtree(self.work, ignore_errors=True)

    def release(self) -> None:
        """Let other processes at the folder; leave nothing there if nothing was done."""
        if self._lock is None:
            return
        self._lock.close()
        self._lock = None
        if not self.state["steps"]:
            shutil.rmtree(self.work, ignore_errors=True)
            if self._is_new and not any(self.path.iterdir()):
                self.path.rmdir()

    def sentence(self) -> str:
        """Return what is done, for a person."""
        steps = ", ".join(self.state["steps"]) or "nothing yet"
        return f"Going on with the run in {self.path}: {steps} done, {spoken(self.spent)} spent."
