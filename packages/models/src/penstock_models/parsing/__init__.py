"""Dependency trees: reading and writing them, finding the best one, drawing it."""

from penstock_models.parsing.conllu import format_conllu, parse_conllu, read_conllu, write_conllu
from penstock_models.parsing.drawing import draw_svg, draw_text
from penstock_models.parsing.sentence import Range, Sentence, Word
from penstock_models.parsing.spanning_tree import best_tree, greedy_heads
from penstock_models.parsing.tokens import split_words

__all__ = [
    "Range",
    "Sentence",
    "Word",
    "best_tree",
    "draw_svg",
    "draw_text",
    "format_conllu",
    "greedy_heads",
    "parse_conllu",
    "read_conllu",
    "split_words",
    "write_conllu",
]
