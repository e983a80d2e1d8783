"""Scores of dependency trees, worked out by hand."""

from __future__ import annotations

import pytest

from penstock.errors import InvalidValueError
from penstock_models.evaluation.dependency import evaluate_dependencies
from penstock_models.parsing import Sentence, parse_conllu

FORMS = ["The", "cat", "sat", "down"]


def one(heads: list[int], relations: list[str], tags: list[str] | None = None) -> list[Sentence]:
    return [Sentence.of(FORMS, heads, relations, tags)]


GOLD = one([2, 3, 0, 3], ["det", "nsubj", "root", "advmod"], ["DET", "NOUN", "VERB", "ADV"])


def test_the_same_trees_are_right() -> None:
    found = evaluate_dependencies(GOLD, GOLD)
    assert [s.f1 for s in (found.words, found.uas, found.las, found.upos)] == [1.0] * 4


def test_heads_and_relations_count_for_themselves() -> None:
    made = one([3, 3, 0, 3], ["det", "obj", "root", "advmod"], ["DET", "NOUN", "NOUN", "ADV"])
    found = evaluate_dependencies(GOLD, made)
    assert (found.uas.right, found.las.right, found.upos.right, found.xpos.right) == (3, 2, 3, 4)
    assert found.las.f1 == 0.5
    assert "LAS    50.00   2 of 4" in str(found)


def test_subtypes_of_relations_do_not_count() -> None:
    made = one([2, 3, 0, 3], ["det:predet", "nsubj:pass", "root", "advmod"])
    assert evaluate_dependencies(GOLD, made).las.f1 == 1.0


def conllu(*rows: str) -> list[Sentence]:
    """Make a sentence of rows "number form head relation"."""
    lines = []
    for row in rows:
        number, form, head, relation = row.split()
        lines.append(f"{number}\t{form}\t_\t_\t_\t_\t{head}\t{relation}\t_\t_\n")
    return parse_conllu("".join(lines) + "\n")


def test_a_text_may_be_cut_differently() -> None:
    gold = conllu("1 well 3 advmod", "2 - 1 punct", "3 known 0 root")
    made = conllu("1 well- 2 advmod", "2 known 0 root")
    found = evaluate_dependencies(gold, made)
    # Only "known" covers the same letters on both sides; it hangs on the root on both.
    assert (found.words.right, found.words.gold, found.words.system) == (1, 3, 2)
    assert (found.words.precision, found.words.recall) == (1 / 2, 1 / 3)
    assert found.las.f1 == pytest.approx(2 * 1 / 5)


def test_words_of_one_token_are_matched_by_their_forms() -> None:
    gold = conllu("1-2 don't _ _", "1 do 3 aux", "2 n't 3 advmod", "3 go 0 root")
    same = conllu("1-2 don't _ _", "1 do 3 aux", "2 not 3 advmod", "3 go 0 root")
    found = evaluate_dependencies(gold, same)
    assert (found.words.right, found.las.right) == (2, 2)  # "not" is no "n't"
    alone = conllu("1 don't 2 aux", "2 go 0 root")
    found = evaluate_dependencies(gold, alone)
    assert (found.words.right, found.las.right) == (1, 1)


def test_cases_of_forms_do_not_count_within_a_token() -> None:
    gold = conllu("1-2 Don't _ _", "1 Do 3 aux", "2 n't 3 advmod", "3 go 0 root")
    made = conllu("1-2 Don't _ _", "1 do 3 aux", "2 N'T 3 advmod", "3 go 0 root")
    assert evaluate_dependencies(gold, made).las.f1 == 1.0


def test_tokens_of_several_words_that_overlap_are_one_stretch() -> None:
    # Letters: a b c d; gold has tokens ab|c|d with ab = a + b, system a|bc|d with bc = b + c.
    gold = conllu("1-2 ab _ _", "1 a 4 dep", "2 b 4 dep", "3 c 4 dep", "4 d 0 root")
    made = conllu("1 a 4 dep", "2-3 bc _ _", "2 b 4 dep", "3 c 4 dep", "4 d 0 root")
    found = evaluate_dependencies(gold, made)
    assert (found.words.right, found.las.right) == (4, 4)


def test_a_head_in_another_place_is_wrong_though_its_number_is_right() -> None:
    gold = conllu("1 ab 2 dep", "2 c 0 root", "3 d 2 dep")
    made = conllu("1 a 3 dep", "2 b 3 dep", "3 c 0 root", "4 d 3 dep")
    found = evaluate_dependencies(gold, made)
    # c and d are on both sides; d hangs on c, whose number is 2 here and 3 there.
    assert (found.words.right, found.uas.right) == (2, 2)
    other = conllu("1 a 3 dep", "2 b 4 dep", "3 c 4 dep", "4 d 0 root")
    assert evaluate_dependencies(gold, other).uas.right == 0


def test_empty_nodes_are_left_out() -> None:
    rows = ("1 go 0 root", "2 on 1 advmod")
    gold = conllu(*rows, "2.1 off _ _")
    assert evaluate_dependencies(gold, conllu(*rows)).words.gold == 2


def test_spaces_within_words_do_not_count() -> None:
    gold = [Sentence.of(["10 000"], [0], ["root"])]
    assert evaluate_dependencies(gold, [Sentence.of(["10000"], [0], ["root"])]).las.f1 == 1.0


def test_other_texts_are_refused() -> None:
    other = [Sentence.of(["The", "dog", "sat", "down"], [2, 3, 0, 3])]
    with pytest.raises(InvalidValueError, match=r"differ after 3 letters: gold has 'catsat"):
        evaluate_dependencies(GOLD, other)
    with pytest.raises(InvalidValueError, match=r"differ after 13 letters.*same sentences in the"):
        evaluate_dependencies(GOLD, GOLD + GOLD)


def test_what_is_no_tree_is_refused() -> None:
    wrong = [Sentence.of(FORMS, [2, 1, 0, 3])]
    with pytest.raises(InvalidValueError, match=r"system sentence 1 is no tree: .* go round: 1, 2"):
        evaluate_dependencies(GOLD, wrong)
    two = [Sentence.of(FORMS, [0, 3, 0, 3])]
    with pytest.raises(InvalidValueError, match=r"words 1, 3 all have the head 0"):
        evaluate_dependencies(GOLD, two)
