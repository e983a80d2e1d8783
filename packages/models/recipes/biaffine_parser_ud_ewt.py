"""Train the preset biaffine_parser.ud_ewt: English dependency trees. Twenty minutes on one core."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

import penstock as ps
import penstock_keras_api as keras
from penstock_models.architectures.biaffine_parser import BiaffineParserConfig, backbone
from penstock_models.evaluation.dependency import DependencyEvaluation
from penstock_models.evaluation.intervals import wilson
from penstock_models.parsing import Sentence, read_conllu
from penstock_models.parsing.batches import SentenceBatches
from penstock_models.parsing.losses import LOSS_WEIGHTS, LOSSES
from penstock_models.parsing.vocabulary import ParserVocabulary
from penstock_models.presets import Input, Metric
from penstock_models.recipes import Progress, Run, publish, start
from penstock_models.tasks.dependency_parser import DependencyParser
from penstock_models.weights import from_int8, to_int8

RARE = 3  # words that occur less often are known by their letters alone
KEPT = 4500  # words whose vectors the preset has: so it is below 2 MB
PATIENCE = 6  # epochs without a better tree


class DevelopmentScore(keras.callbacks.Callback):
    """Add the labelled attachment score on the development sentences to each epoch's figures."""

    def __init__(self, parser: DependencyParser, sentences: list[Sentence]) -> None:
        super().__init__()
        self.parser = parser
        self.sentences = sentences

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Parse, and compare."""
        found = self.parser.evaluate(self.sentences)
        logs |= {"dev_las": 100 * found.las.f1, "dev_uas": 100 * found.uas.f1}
        logs["dev_upos"] = 100 * found.upos.f1


def read(folder: Path, part: str) -> list[Sentence]:
    """Read a part of the treebank, whether or not it is packed."""
    path = folder / "datasets" / "ud_english_ewt" / f"en_ewt-ud-{part}.conllu"
    return read_conllu(path if path.exists() else path.with_suffix(".conllu.gz"))


def parser_of(network: keras.Model, vocabulary: ParserVocabulary) -> DependencyParser:
    """Return a parser that always has the network's present weights."""
    return DependencyParser(vocabulary, ps.function(lambda x: network(x, training=False)))


def train(run: Run) -> tuple[keras.Model, ParserVocabulary, Progress]:
    """Train until the trees of the development sentences get no better."""
    chosen = run.options
    sentences = read(run.data, "train")[: chosen.sentences]
    development = read(run.data, "dev")[: chosen.sentences]
    vocabulary = ParserVocabulary.of(sentences, min_words=RARE)
    vocabulary.save(run.out / "vocabulary.json")
    network = backbone(BiaffineParserConfig(**vocabulary.sizes))
    batches = SentenceBatches(sentences, vocabulary, chosen.epochs, seed=run.seed)
    rate = keras.optimizers.schedules.CosineDecay(
        2e-4, len(batches), warmup_target=2.5e-3, warmup_steps=batches.per_epoch
    )
    optimizer = keras.optimizers.Adam(rate, beta_2=0.9, global_clipnorm=5.0)
    network.compile(optimizer, LOSSES, LOSS_WEIGHTS)
    progress = Progress(run)
    best = keras.callbacks.EarlyStopping(
        "dev_las", patience=PATIENCE, mode="max", restore_best_weights=True
    )
    score = DevelopmentScore(parser_of(network, vocabulary), development)
    network.fit(
        batches,
        epochs=chosen.epochs,
        steps_per_epoch=batches.per_epoch,
        shuffle=False,
        verbose=0,
        callbacks=[score, *progress.callbacks(), best],
    )
    return network, vocabulary, progress


def shrunk(
    network: keras.Model, vocabulary: ParserVocabulary
) -> tuple[keras.Model, ParserVocabulary]:
    """Return the parser as the preset has it: without its rarest words, its weights rounded to int8."""
    kept = replace(vocabulary, words=vocabulary.words[:KEPT])
    smaller = backbone(BiaffineParserConfig(**kept.sizes))
    for new, old in zip(smaller.weights, network.weights, strict=True):
        tensor = {"weight": old.numpy()[: new.shape[0]]}
        new.assign(from_int8(to_int8(tensor))["weight"])
    return smaller, kept


def metrics(found: DependencyEvaluation) -> list[Metric]:
    """Return what was measured on the test sentences."""
    made = []
    for name in ("las", "uas", "upos", "xpos"):
        share = getattr(found, name)
        sure = wilson(share.right, share.gold)
        made.append(
            Metric(
                name=name,
                value=share.f1,
                data="UD English EWT, test part, gold words",
                note=f"rules of CoNLL 2018; 95% interval {sure.low:.4f} to {sure.high:.4f} over words",
            )
        )
    return made


def main(run: Run) -> None:
    """Train, and write the preset."""
    finish(run, *train(run))


def finish(
    run: Run, network: keras.Model, vocabulary: ParserVocabulary, progress: Progress
) -> None:
    """Make the parser small, measure it on the test sentences, and write the preset."""
    test = read(run.data, "test")
    whole = parser_of(network, vocabulary).evaluate(test)
    network, vocabulary = shrunk(network, vocabulary)
    vocabulary.save(run.out / "vocabulary.json")
    found = parser_of(network, vocabulary).evaluate(test)
    Console().print(str(found))
    facts = {
        "task": "dependency-parsing",
        "architecture": "biaffine_parser",
        "config": BiaffineParserConfig(**vocabulary.sizes).model_dump(mode="json"),
        "input": Input(kind="text"),
        "labels": vocabulary.relations,
        "licence": "CC-BY-SA-4.0",
        "trained_on": "The training part of UD English EWT (Universal Dependencies; weblogs, newsgroups, mail, reviews "
        "and answers), CC BY-SA 4.0. Weights made of it are given under the same licence.",
        "intended_use": "Finds which word of an English sentence each word hangs on, how, and the parts of speech.",
        "limits": "English of the web as it was about 2004 to 2012. The figures are for words cut by hand; texts are cut "
        "by a few rules, which costs some. No lemmas, no features of words.",
    }
    publish(
        network,
        progress,
        facts=facts,
        metrics=metrics(found),
        question=["The", "old", "man", "who", "fished", "alone", "did", "n't", "give", "up", "."],
        files={"vocabulary": "vocabulary.json"},
        int8=True,
        notes=f"Trained for {len(progress.points)} of {run.options.epochs} epochs; the weights are those of the epoch with "
        f"the best LAS on the development part, stored as int8. As they were trained, in float32 and with all words that "
        f"occur {RARE} times, LAS is {whole.las.f1:.4f}.",
    )


def options(parser: argparse.ArgumentParser) -> None:
    """Add the recipe's own arguments."""
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--sentences", type=int, help="train with the first ones only, to try it")


if __name__ == "__main__":
    main(start("biaffine_parser.ud_ewt", __doc__, options))
