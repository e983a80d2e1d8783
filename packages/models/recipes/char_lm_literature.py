"""Train the preset char_lm.literature: which character comes next in a play. Three minutes on one core."""

from __future__ import annotations

import argparse

import numpy as np

import penstock_keras_api as keras
from penstock_models.architectures.char_lm import CharLmConfig, backbone, next_token
from penstock_models.presets import Input, Metric
from penstock_models.recipes import Progress, Run, publish, start
from penstock_models.tasks.character_writer import CharacterWriter

LENGTH, BATCH = 64, 32
HELD_OUT = 0.05  # the last part of the text measures; the part before it, as long, shows when it learns by heart
SIZES = {"embedding_size": 64, "width": 256}


def parts(run: Run) -> tuple[str, str, str]:
    """Return the text to learn from, to look at, and to measure with."""
    text = (run.data / "datasets" / "text" / "shakespeare.txt").read_text("utf-8")
    count = int(len(text) * HELD_OUT)
    return text[: -2 * count], text[-2 * count : -count], text[-count:]


def train(run: Run, text: str, validation: str) -> tuple[CharacterWriter, CharLmConfig, Progress]:
    """Train the network on pieces of the text, each character in two of them."""
    characters = "".join(sorted(set(text)))
    config = CharLmConfig(vocabulary_size=len(characters) + 1, **SIZES)
    network = next_token(backbone(config), config)
    writer = CharacterWriter(network, config, characters)
    x, y = pieces(writer.encode(text)[0])
    steps = run.options.epochs * (-(-len(x) // BATCH))
    rate = keras.optimizers.schedules.CosineDecay(5e-3, steps, alpha=0.02)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(rate), {"logits": loss})
    progress = Progress(run)
    held_x, held_y = pieces(writer.encode(validation)[0])
    network.fit(
        {"token_ids": x},
        {"logits": y},
        validation_data=({"token_ids": held_x}, {"logits": held_y}),
        epochs=run.options.epochs,
        batch_size=BATCH,
        verbose=0,
        callbacks=progress.callbacks(),
    )
    return writer, config, progress


def pieces(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pieces of a text, [pieces, LENGTH], each beginning in the middle of the last, and what comes next."""
    begins = np.arange(0, len(numbers) - LENGTH - 1, LENGTH // 2)
    rows = numbers[begins[:, None] + np.arange(LENGTH + 1)]
    return rows[:, :-1], rows[:, 1:]


def cut(text: str, count: int) -> list[str]:
    """Cut a text into pieces of equal length."""
    size = len(text) // count
    return [text[i * size : (i + 1) * size] for i in range(count)]


def main(run: Run) -> None:
    """Train, measure on the end of the text, and write the preset."""
    text, validation, test = parts(run)
    writer, config, progress = train(run, text, validation)
    (run.out / "characters.txt").write_bytes(writer.characters.encode("utf-8"))
    bits = [writer.bits_per_character(piece) for piece in cut(test, 20)]
    half = 1.96 * float(np.std(bits, ddof=1)) / len(bits) ** 0.5
    measured = Metric(
        name="bits per character",
        value=float(np.mean(bits)),
        data="the last 5% of the text, in 20 pieces",
        note=f"95% interval over the pieces: {np.mean(bits) - half:.3f} to {np.mean(bits) + half:.3f}",
    )
    facts = {
        "task": "text-generation",
        "architecture": "char_lm",
        "config": config.model_dump(mode="json"),
        "options": {"head": "next_token"},
        "input": Input(kind="text"),
        "licence": "CC0-1.0",
        "trained_on": "The first 90% of tiny-shakespeare, 1.1 MB of William Shakespeare's plays, which are in the public "
        "domain; repository ml5js/ml5-data-and-models, commit 0612a3e7c51cbffdc5db701dff49d16d1ac26fa8.",
        "intended_use": "Goes on with a text in the manner of a play by Shakespeare; made to show and to test, not to read.",
        "limits": "Words are mostly English, sentences mostly make no sense. It knows the characters of the plays only, "
        "and remembers a few lines at best.",
    }
    publish(
        writer.network,
        progress,
        facts=facts,
        metrics=[measured],
        question="ROMEO:\nO, she doth teach the torches to burn bright!\n",
        files={"characters": "characters.txt"},
    )


def options(parser: argparse.ArgumentParser) -> None:
    """Add the recipe's own arguments."""
    parser.add_argument("--epochs", type=int, default=2)


if __name__ == "__main__":
    main(start("char_lm.literature", __doc__, options))
