"""Transfer on 300 photographs of flowers: how good, and how fast beside Keras on TensorFlow.

    python packages/models/benchmarks/flowers.py accuracy [--splits 10] [--out results.json]
    python packages/models/benchmarks/flowers.py time --peer PYTHON [--rounds 3] [--full]

`PENSTOCK_MIRROR` names the folder with the data and the weights. `accuracy` draws splits with 45 photographs of each
class to learn from and 15 to be judged by, and compares the fine-tuned network with the linear probe on the same
splits; results are written after each split, and a run that was cut off goes on. `time` lets both train epochs in
turn, each in a process of its own with one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PRESET = "mobilenet_v1.imagenet_features_quant"
TRAIN, CLASSES = 45, 5


def photographs() -> tuple[tuple[str, ...], list[list[Path]]]:
    """Return the labels, and the files of each."""
    folder = Path(os.environ["PENSTOCK_MIRROR"]) / "datasets" / "flowers"
    labels = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir()))
    return labels, [sorted((folder / label).glob("*.jpg")) for label in labels]


def split(seed: int) -> tuple[Any, Any]:
    """Draw what is learnt from, and what is judged by."""
    import numpy as np

    from penstock_models.data import Examples

    labels, files = photographs()
    rng = np.random.default_rng(seed)
    sides: tuple[list[Any], list[Any]] = ([], [])
    for number, paths in enumerate(files):
        order = rng.permutation(len(paths))
        for place, i in enumerate(order):
            sides[place >= TRAIN].append((paths[i], number))

    def examples(rows: list[Any]) -> Any:
        paths, targets = [str(p) for p, _ in rows], [t for _, t in rows]
        return Examples("image", paths, targets, labels, [Path(p).name for p in paths])

    return examples(sides[0]), examples(sides[1])


# ---- how good


def accuracy(options: argparse.Namespace) -> None:
    import numpy as np

    import penstock_models as models
    from penstock_models.adapt.defaults import recipe_for
    from penstock_models.adapt.material import Material
    from penstock_models.adapt.training import train as trained

    out = Path(options.out)
    found: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    base = models.from_preset(PRESET)
    labels, files = photographs()
    everything = [str(path) for paths in files for path in paths]
    size = (options.size, options.size)

    def adapted(strategy: str, seed: int) -> Any:
        return base.adapt(strategy, labels=labels, seed=seed, size=size)

    # The layers that stay say the same in all splits, so that they are run once for each photograph and version.
    first = adapted(options.strategy, 0)
    recipe = recipe_for(first.adapted.strategy)
    tuning = Material(first, first.adapted, everything, recipe.versions, 0)
    pooled = tuning.pooled()
    print("the layers that stay were run", flush=True)
    for seed in range(options.splits):
        if str(seed) in found:
            continue
        train, test = split(seed)
        places, judged = (
            np.array([everything.index(p) for p in side.inputs]) for side in (train, test)
        )
        row: dict[str, Any] = {}
        for name, strategy in (("probe", "probe"), ("tuned", options.strategy)):
            cpu = time.process_time()
            model = adapted(strategy, seed)
            if name == "probe":
                material = KnownFeatures(pooled[places])
                choices = recipe_for(model.adapted.strategy).changed(seed=seed)
                trained(model, train, None, choices, material=material)  # type: ignore[arg-type]
                logits = pooled[judged] @ model.adapted.head.get_weights()[0]
                logits += model.adapted.head.get_weights()[1]
                row[name] = float((logits.argmax(1) == np.asarray(test.targets)).mean())
            else:
                trained(
                    model, train, None, recipe.changed(seed=seed), material=tuning.subset(places)
                )
                row[name] = model.evaluate(test)["accuracy"]
            row[f"{name}_cpu_seconds"] = round(time.process_time() - cpu, 1)
        found[str(seed)] = row
        out.write_text(json.dumps(found, indent=1))
        print(seed, row, flush=True)
    tell(found)


class KnownFeatures:
    """What a probe takes of its examples, where it is known already."""

    def __init__(self, features: Any) -> None:
        self.features = features

    def pooled(self) -> Any:
        return self.features


def tell(found: dict[str, Any]) -> None:
    """Print the means, and the paired difference with its interval."""
    import numpy as np

    probe = np.array([row["probe"] for row in found.values()])
    tuned = np.array([row["tuned"] for row in found.values()])
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(probe), (10000, len(probe)))
    low, high = np.quantile((tuned - probe)[drawn].mean(1), [0.025, 0.975])
    print(
        f"linear probe {probe.mean():.3f}, fine-tuned {tuned.mean():.3f} over {len(probe)} splits"
    )
    print(f"difference {(tuned - probe).mean():+.3f}, 95 % interval {low:+.3f} to {high:+.3f}")


# ---- how fast


class Ours:
    """Epochs of three kinds, as `fit` takes them."""

    def __init__(self, options: argparse.Namespace, path: str) -> None:
        import numpy as np

        import penstock_models as models
        from penstock_models.adapt.network import compiled, in_chunks, with_new_head
        from penstock_models.adapt.recipe import Recipe
        from penstock_models.adapt.steps import Learner
        from penstock_models.adapt.strategy import Strategy

        train, _ = split(0)
        base = models.from_preset(PRESET)
        self.x = base.feed(base.store(train.inputs)).numpy()
        self.y = np.asarray(train.targets)
        self.batch = options.batch
        adapted = with_new_head(base.backbone(), CLASSES, Strategy.of(options.strategy))
        head = np.random.default_rng(0).normal(size=adapted.head.kernel.shape).astype(np.float32)
        adapted.head.set_weights([head, np.zeros(CLASSES, np.float32)])
        weights = {f"w{i}": w for i, w in enumerate(adapted.network.get_weights())}
        cut = adapted.blocks[0].layers[0].name
        np.savez(path, x=self.x, y=self.y, batch=self.batch, cut=cut, **weights)
        self.probe = adapted.network(self.x[:2])["logits"].numpy()
        self.frozen = compiled(adapted.frozen)
        self.above = Learner(adapted, Recipe(learning_rate=1e-4))
        full = with_new_head(base.backbone(), CLASSES, Strategy.of("full"))
        self.full = Learner(full, Recipe(learning_rate=1e-5))
        self.in_chunks = in_chunks
        self.cache()
        for learner, data in ((self.above, self.kept), (self.full, self.x)):
            self.steps(learner, data[: self.batch])

    def cache(self) -> None:
        self.kept = self.in_chunks(self.frozen, len(self.x), lambda places: self.x[places])[0]

    def steps(self, learner: Any, data: Any) -> None:
        import numpy as np

        truth = np.eye(CLASSES, dtype=np.float32)[self.y]
        for at in range(0, len(data), self.batch):
            there = slice(at, min(at + self.batch, len(data)))
            y = truth[there]
            loss, _ = learner.step(data[there], y, np.ones(len(y), np.float32), 1.0)
        loss.numpy()

    def run(self, kind: str) -> dict[str, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        if kind == "cache":
            self.cache()
        else:
            learner, data = {"cached": (self.above, self.kept), "full": (self.full, self.x)}[kind]
            self.steps(learner, data)
        return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


class Theirs:
    """The peer's process."""

    def __init__(self, interpreter: str, path: str) -> None:
        command = [interpreter, str(Path(__file__).with_name("flowers_keras.py")), path]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, env=environment, **pipes)  # type: ignore[call-overload]
        self.probe = json.loads(self.process.stdout.readline())["probe"]

    def run(self, kind: str) -> dict[str, float]:
        self.process.stdin.write(f"{kind}\n")
        self.process.stdin.flush()
        found: dict[str, float] = json.loads(self.process.stdout.readline())
        return found


def measure(options: argparse.Namespace) -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.environ["PENSTOCK_NUM_THREADS"] = "1"
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "given.npz")
        ours = Ours(options, path)
        theirs = Theirs(options.peer, path)
    print(f"the networks' answers differ by {np.abs(ours.probe - theirs.probe).max():.1e} at most")
    turns = [(ours, "cache"), (ours, "cached"), (theirs, "frozen"), (theirs, "cached")]
    turns += [(ours, "full"), (theirs, "full")] if options.full else []
    rows: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.rounds):
        for who, kind in turns:
            name = type(who).__name__.lower()
            rows.setdefault((name, kind), []).append(who.run(kind)[options.clock])
    middle = {key: statistics.median(times) for key, times in rows.items()}
    for (name, kind), seconds in middle.items():
        print(f"  {name:<7}{kind:<7} {seconds:7.2f} s {options.clock} an epoch")
    kept, epochs = options.versions + 1, options.epochs  # and as they are
    whole = kept * middle["ours", "cache"] + epochs * middle["ours", "cached"]
    print(
        f"a transfer of {epochs} epochs, {kept} cached versions, batch {options.batch}: {whole:.1f} s"
    )
    plain = epochs * middle["theirs", "frozen"]
    cached = kept * middle["ours", "cache"] + epochs * middle["theirs", "cached"]
    print(f"  Keras, layers frozen: {plain:.1f} s, ours takes {whole / plain:.2f} of it")
    print(
        f"  Keras, cached by hand with our cache's time: {cached:.1f} s, ours takes {whole / cached:.2f}"
    )
    if options.full:
        full = middle["ours", "full"] / middle["theirs", "full"]
        print(f"everything trained: {full:.2f} of Keras's time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("accuracy", "time"))
    parser.add_argument("--strategy", default="partial:2")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--out", default="flowers.json")
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--versions", type=int, default=9)
    parser.add_argument("--full", action="store_true", help="time training everything, too")
    parser.add_argument("--clock", choices=("cpu", "wall"), default="cpu")
    options = parser.parse_args()
    (accuracy if options.what == "accuracy" else measure)(options)


if __name__ == "__main__":
    main()
