"""Train word vectors on novels and plays: word2vec.literature, or glove.literature with --model glove. Minutes on one core."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

import penstock_keras_api as keras
from penstock_models.embeddings import Corpus, Glove, Word2Vec, split_text
from penstock_models.evaluation.analogies import AnalogyEvaluation, read_analogies
from penstock_models.evaluation.intervals import wilson
from penstock_models.presets import Input, Metric
from penstock_models.recipes import Progress, Run, publish, start
from penstock_models.tasks.word_vectors import WordVectors

TEXTS = ("bronte.txt", "shakespeare.txt")
SHOWN = ("king", "man", "london", "beautiful", "ran", "three")


def corpus_of(folder: Path) -> Corpus:
    """Read the texts."""
    texts = [(folder / name).read_text("utf-8") for name in TEXTS]
    return Corpus.of([split_text(text) for text in texts])


def trainer_of(run: Run, corpus: Corpus) -> Word2Vec | Glove:
    """Return what trains the vectors."""
    chosen = run.options
    if chosen.model == "glove":
        return Glove(corpus, chosen.width, seed=run.seed)
    return Word2Vec(corpus, chosen.width, chosen.model, threshold=chosen.threshold, seed=run.seed)


def train(run: Run, trainer: Word2Vec | Glove, progress: Progress) -> WordVectors:
    """Go through the text until the epochs or the time are over, with a learning rate that falls to zero."""
    epochs, questions = run.options.epochs, analogies(run)
    words = trainer.corpus.words
    progress.on_train_begin()
    for epoch in range(epochs):
        rates = [run.options.rate * (1 - part / epochs) for part in (epoch, epoch + 1)]
        loss = trainer.fit_epoch(*rates)
        made = WordVectors(words, trainer.vectors)
        top5 = made.analogies(questions).total.top5
        progress.on_epoch_end(epoch, {"loss": loss, "top5": top5})
        if run.seconds is not None and progress.seconds > run.seconds:
            break
    return WordVectors(words, trainer.vectors)


def analogies(run: Run) -> Any:
    """Read the questions."""
    return read_analogies(run.data / "datasets" / "word_analogies" / "questions-words.txt")


def metrics(found: AnalogyEvaluation) -> list[Metric]:
    """Return the shares of right answers, in all and in the sections that the texts can know."""
    data = f"questions-words.txt: the {found.total.known} of {found.asked} questions whose words are known"
    made = []
    for name, right in (("top1", found.total.first), ("top5", found.total.fifth)):
        sure = wilson(right, found.total.known)
        note = f"95% interval {sure.low:.4f} to {sure.high:.4f}"
        made.append(Metric(name=name, value=right / found.total.known, data=data, note=note))
    for name, score in found.sections.items():
        if score.known >= 50:
            made.append(
                Metric(name=f"top5, {name}", value=score.top5, data=f"{score.known} questions")
            )
    return made


def main(run: Run) -> None:
    """Train, measure, and write the preset."""
    name = "glove" if run.options.model == "glove" else "word2vec"
    run = replace(run, preset=f"{name}.literature")
    progress = Progress(run)
    corpus = corpus_of(run.data / "datasets" / "text")
    vectors = train(run, trainer_of(run, corpus), progress)
    found = vectors.analogies(analogies(run))
    nearest = {word: [near for near, _ in vectors.nearest(word, 5)] for word in SHOWN}
    Console().print(str(found), nearest)
    (run.out / "vocabulary.txt").write_text("".join(f"{w}\n" for w in vectors.words), "utf-8")
    lines = [f"- {word}: {', '.join(words)}" for word, words in nearest.items()]
    facts = {
        "task": "word-vectors",
        "loader": "word_vectors",
        "input": Input(kind="text"),
        "licence": "CC0-1.0",
        "trained_on": f"Novels of Charlotte Bronte and plays of William Shakespeare (public domain): {len(corpus)} words, "
        f"{len(corpus.words)} different ones that occur at least 5 times.",
        "intended_use": "Words as vectors; an example of training them in minutes.",
        "limits": "The text is a thousand times smaller than what good vectors need: words that are rare in it have "
        "poor ones, and words of today none. Carries what the 16th and 19th century thought of people.",
    }
    publish(
        keras.Sequential([vectors.embedding_layer()]),
        progress,
        facts=facts,
        metrics=metrics(found),
        question="king",
        files={"vocabulary": "vocabulary.txt"},
        int8=True,
        notes="\n".join(["## Nearest words", "", *lines]),
    )


def options(parser: argparse.ArgumentParser) -> None:
    """Add the recipe's own arguments."""
    parser.add_argument("--model", choices=("skip-gram", "cbow", "glove"), default="skip-gram")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--width", type=int, default=80)
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--threshold", type=float, default=1e-3)


if __name__ == "__main__":
    main(start("word2vec.literature", __doc__, options))
