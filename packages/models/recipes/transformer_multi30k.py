"""Train the preset transformer.multi30k_en_de: English captions of photos to German. An hour on one core."""

from __future__ import annotations

import argparse
import gzip
from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures import architecture
from penstock_models.evaluation.bleu import bleu
from penstock_models.presets import Input, Metric
from penstock_models.recipes import Progress, Run, publish, start
from penstock_models.tasks.translator import Translator
from penstock_models.tokenizers.subwords import Subwords
from penstock_models.translation import PairBatches, SmoothedLoss

SIZES = {
    "width": 192,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 4,
    "hidden_size": 512,
    "max_length": 128,
    "dropout": 0.1,
}
LONGEST = 60  # subwords; the few longer captions are left out of training
TOKENS = 1024  # in a batch, on each side
DATA = (
    "The 29 000 training captions of Multi30k, English and German (Elliott et al., 2016; descriptions of Flickr30k's photos); "
    "repository multi30k/dataset, commit a3d2e0d26b56f3846f66a952536ffed4e401d05a."
)
LIMITS = (
    "It knows captions only: people, what they wear and do, and where. Of anything else it makes a caption. It has seen "
    "29 000 sentences, and repeats what their writers assumed about people on photos."
)


def lines(run: Run, name: str) -> list[str]:
    """Read the captions of a file, such as "train.en"."""
    path = run.data / "datasets" / "multi30k" / f"{name}.gz"
    return gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()


def subwords(run: Run) -> Subwords:
    """Make the vocabulary of both languages, or read it if it was made before."""
    path = run.out / "subwords.json"
    if not path.exists():
        texts = lines(run, "train.en") + lines(run, "train.de")
        Subwords.train(texts, run.options.vocabulary).save(path)
    return Subwords.load(path)


def pairs(run: Run, words: Subwords, part: str) -> PairBatches:
    """Return batches of a part of the data."""
    sides = [[words.encode(text) for text in lines(run, f"{part}.{side}")] for side in ("en", "de")]
    kept = [(s, t) for s, t in zip(*sides, strict=True) if max(len(s), len(t)) < LONGEST]
    count = run.options.pairs if part == "train" else None
    return PairBatches([s for s, _ in kept[:count]], [t for _, t in kept[:count]], TOKENS, run.seed)


def train(run: Run, words: Subwords, network: keras.Model, highest: float) -> Progress:
    """Train a network.

    Args:
        run: What the recipe was asked to do.
        words: The vocabulary.
        network: With the inputs token_ids, padding_mask and target_ids, and the output "logits".
        highest: The learning rate when it has risen, and begins to fall.

    Returns:
        What watched it.
    """
    batches, validation = pairs(run, words, "train"), pairs(run, words, "val")
    steps, rise = run.options.epochs * len(batches), 400
    rate = keras.optimizers.schedules.CosineDecay(
        1e-5, max(1, steps - rise), warmup_target=highest, warmup_steps=rise, alpha=0.01
    )
    network.compile(keras.optimizers.Adam(rate, beta_2=0.98), {"logits": SmoothedLoss(0.1)})
    progress = Progress(run)
    network.fit(
        batches,
        validation_data=validation,
        epochs=run.options.epochs,
        verbose=0,
        callbacks=progress.callbacks(),
    )
    return progress


def measure(run: Run, model: Translator) -> list[Metric]:
    """Translate the test captions."""
    source, expected = lines(run, "test_2016_flickr.en"), lines(run, "test_2016_flickr.de")
    data = "Multi30k's 1000 test captions of 2016"
    made = []
    for beams, how in ((5, "beam search, 5 beams"), (1, "greedy search")):
        found = bleu(model.translate(source, beams=beams), expected)
        note = f"{how}; {found.interval.low:.1f} to {found.interval.high:.1f}; {found.signature}"
        made.append(Metric(name="BLEU", value=found.interval.value, data=data, note=note))
    return made


def main(run: Run, name: str, sizes: dict[str, Any], highest: float) -> None:
    """Train a network, measure on the test captions, and write the preset.

    Args:
        run: What the recipe was asked to do.
        name: The architecture.
        sizes: Its sizes.
        highest: As in `train`.
    """
    words = subwords(run)
    found = architecture.find(name)
    config = found.config.of({"vocabulary_size": len(words), **sizes})
    network = found.heads["next_token"](found.backbone(config), config)
    progress = train(run, words, network, highest)
    facts = {
        "task": "translation",
        "architecture": name,
        "config": config.model_dump(mode="json"),
        "options": {"head": "next_token"},
        "input": Input(kind="text"),
        "licence": "research use, as the data: they come without a licence",
        "trained_on": DATA,
        "intended_use": "Translates a caption of a photo from English to German.",
        "limits": LIMITS,
    }
    publish(
        network,
        progress,
        facts=facts,
        metrics=measure(run, Translator(network, name, config, words)),
        question="A man in a red shirt is riding a bicycle.",
        files={"subwords": "subwords.json"},
        notes=f"{len(words)} subwords of both languages together. Sentences are taken with upper and lower case, as the "
        "data have them.",
    )


def options(parser: argparse.ArgumentParser) -> None:
    """Add the recipe's own arguments."""
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--vocabulary", type=int, default=4000, help="how many subwords")
    parser.add_argument("--pairs", type=int, help="only the first ones, to try it")


if __name__ == "__main__":
    main(start("transformer.multi30k_en_de", __doc__, options), "transformer", SIZES, 1.2e-3)
