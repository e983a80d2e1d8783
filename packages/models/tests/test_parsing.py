"""CoNLL-U, trees over words, and their drawings."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from penstock.errors import FormatError, InvalidValueError, ShapeError
from penstock_models.parsing import (
    Sentence,
    best_tree,
    draw_svg,
    draw_text,
    format_conllu,
    greedy_heads,
    parse_conllu,
    read_conllu,
    split_words,
    write_conllu,
)
from penstock_models.parsing.trees import cycle_of

TEXT = """# sent_id = 1
# text = I don't sleep
1\tI\tI\tPRON\tPRP\tCase=Nom\t4\tnsubj\t4:nsubj\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVBP\t_\t4\taux\t4:aux\t_
3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t4:advmod\t_
4\tsleep\tsleep\tVERB\tVB\t_\t0\troot\t0:root\t_
4.1\tsleep\tsleep\tVERB\tVB\t_\t_\t_\t4:conj\t_

1\tGo\tgo\tVERB\tVB\t_\t0\troot\t_\tSpaceAfter=No

"""


def row(number: int | str, form: str = "a", head: int | str = 0) -> str:
    return f"{number}\t{form}\t_\t_\t_\t_\t{head}\tdep\t_\t_\n"


def test_a_file_is_read_and_written_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.conllu").write_text(TEXT, "utf-8")
    sentences = read_conllu(tmp_path / "a.conllu")
    assert [s.forms for s in sentences] == [["I", "do", "n't", "sleep"], ["Go"]]
    assert sentences[0].heads == [4, 4, 4, 0]
    assert (sentences[0].ranges[0].first, sentences[0].ranges[0].last) == (2, 3)
    assert sentences[0].comments[1] == "# text = I don't sleep"
    assert sentences[1].line == 10
    write_conllu(tmp_path / "b.conllu", sentences)
    assert (tmp_path / "b.conllu").read_bytes() == TEXT.encode()


def test_a_packed_file_and_a_dos_file_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.conllu.gz").write_bytes(gzip.compress(TEXT.encode()))
    assert format_conllu(read_conllu(tmp_path / "a.conllu.gz")) == TEXT
    assert format_conllu(parse_conllu("\ufeff" + TEXT.replace("\n", "\r\n"))) == TEXT


def test_the_treebank_comes_back_to_the_byte() -> None:
    mirror = os.environ.get("PENSTOCK_MIRROR")
    if not mirror:
        pytest.skip("PENSTOCK_MIRROR names no folder with the treebank")
    path = Path(mirror) / "datasets/ud_english_ewt/en_ewt-ud-test.conllu"
    sentences = read_conllu(path)
    assert len(sentences) == 2077
    assert sum(map(len, sentences)) == 25094
    assert format_conllu(sentences).encode() == path.read_bytes()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\ta\tb\n\n", r"text, line 1: got 3 columns; expected 10"),
        (row(1) + row(3, head=1) + "\n", r"line 2: got word 3 after word 1; number them"),
        (row(1, head=2) + row(2, head=1) + "\n", r"heads of word 1 go round: 1, 2, 1; no word"),
        (row(1, head=5) + "\n", r"word 1 has the head 5, and there are 1 words"),
        (row(1) + row(2) + "\n", r"words 1, 2 all have the head 0, give it to one"),
        (row(1) + row(2, head="_") + "\n", r"word 2 has the head None"),
        (row(1, head="x") + "\n", r"line 1: got the head 'x' of 'a'; expected a word's number"),
        (row(1, form=" ") + "\n", r"word 1 is empty; put the word into the second column"),
        (row("x") + "\n", r"got the number 'x'; expected one such as 3, 3-4 or 3\.1"),
        (row("2-3", head="_") + row(1) + "\n", r"got the token 2-3 after word 0"),
        (row("1-3", head="_") + row(1) + "\n", r"token 1-3 has more words than the sentence"),
        ("# only a comment\n\n", r"a sentence has no words; take its comments out"),
        (row(1), r"line 1: the text ends inside a sentence; .*add an empty line"),
        (TEXT[: TEXT.index("sleep\tsleep\tV") + 3], r"ends inside a line; it seems to be cut off"),
    ],
)
def test_a_wrong_line_is_named(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse_conllu(text)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"there is no .*none\.conllu"):
        read_conllu(tmp_path / "none.conllu")
    (tmp_path / "latin.conllu").write_bytes(row(1).encode() + row(2, "caf\xe9").encode("latin1"))
    with pytest.raises(FormatError, match=r"line 2: the bytes are not UTF-8; save .*iconv"):
        read_conllu(tmp_path / "latin.conllu")
    whole = gzip.compress(TEXT.encode())
    (tmp_path / "cut.conllu.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match=r"cut\.conllu\.gz cannot be read"):
        read_conllu(tmp_path / "cut.conllu.gz")


def test_columns_of_a_sentence_have_one_length() -> None:
    with pytest.raises(InvalidValueError, match="got 2 words and columns of"):
        Sentence.of(["a", "b"], heads=[0])


# ---- trees


def all_trees(count: int, single_root: bool) -> list[tuple[int, ...]]:
    choices = itertools.product(range(count + 1), repeat=count)
    return [h for h in choices if not cycle_of(h) and (not single_root or h.count(0) == 1)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("single_root", [True, False])
def test_the_best_tree_is_the_best_of_all(count: int, single_root: bool) -> None:
    rng = np.random.default_rng(count)
    trees = all_trees(count, single_root)
    # Cayley: (n + 1)^(n - 1) trees over n words and a root, n^(n - 1) of them with one word on it.
    assert len(trees) == (count if single_root else count + 1) ** (count - 1)
    table = np.array(trees)
    for trial in range(60):
        scores = rng.normal(size=(count + 1, count + 1))
        if trial % 3 == 0:
            scores = np.round(scores)  # so that there are ties
        sums = scores[np.arange(1, count + 1), table].sum(1)
        found = best_tree(scores, single_root)
        assert tuple(found) in trees
        assert scores[np.arange(1, count + 1), found].sum() == pytest.approx(sums.max())
        assert best_tree(scores, single_root) == found


def test_large_sentences_have_trees_too() -> None:
    heads = best_tree(np.random.default_rng(0).normal(size=(151, 151)))
    assert heads.count(0) == 1
    assert not cycle_of(heads)


def test_scores_must_be_square_and_finite() -> None:
    with pytest.raises(ShapeError, match=r"shape \(2, 3\); expected \[words \+ 1"):
        best_tree(np.zeros((2, 3)))
    with pytest.raises(InvalidValueError, match="not finite; use numbers such as -1e9"):
        greedy_heads([[0, 0], [np.nan, 0]])


# ---- drawings


def test_a_drawing_has_an_arrow_for_each_word_but_the_root() -> None:
    sentence = parse_conllu(TEXT)[0]
    text = draw_text(sentence)
    assert [("▶" in line) for line in text.splitlines()] == [True, True, True, False]
    assert [line.split()[-1] for line in text.splitlines()] == ["nsubj", "aux", "advmod", "root"]
    assert text == str(sentence)


def test_lines_of_a_drawing_lead_from_each_word_to_its_head() -> None:
    """Follow the outermost line from every word; it must end at the head."""
    sentence = Sentence.of(list("abcdef"), [2, 4, 2, 0, 6, 4])
    rows = [line.split("  ")[0] for line in draw_text(sentence).splitlines()]
    for i, head in enumerate([2, 4, 2, 0, 6, 4]):
        if head:
            column = min(rows[i].index(c) for c in "┌└┬┴├┼" if c in rows[i])
            step = 1 if head - 1 > i else -1
            between = [rows[k][column] for k in range(i + step, head - 1, step)]
            assert all(c in "│├┼┬┴" for c in between)
            assert rows[head - 1][column] in "┌└├┬┴┼"


def test_a_picture_is_xml_and_escapes_words() -> None:
    sentence = Sentence.of(["<b>", "&"], [2, 0], ["dep", "root"])
    root = ET.fromstring(draw_svg(sentence))
    assert "<b>" in [element.text for element in root.iter()]
    assert re.search("<svg", sentence._repr_html_())


def test_rich_shows_the_tree() -> None:
    from rich.console import Console

    console = Console(width=80, record=True, file=io.StringIO())
    console.print(parse_conllu(TEXT)[0])
    assert "sleep" in console.export_text()


def test_texts_are_cut_as_the_treebank_cuts_them() -> None:
    assert split_words("We can't; they're U.S. citizens.") == (
        ["We", "ca", "n't", ";", "they", "'re", "U.S.", "citizens", "."]
    )
    assert split_words("Mail a.b@c.org, see http://x.org/y.") == (
        ["Mail", "a.b@c.org", ",", "see", "http://x.org/y", "."]
    )
    assert split_words("") == []
