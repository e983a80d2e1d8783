"""Text to numbers and back: the tokenizers of published models."""

from penstock_models.tokenizers.byte_pair import BytePairTokenizer
from penstock_models.tokenizers.files import read_tokenizer
from penstock_models.tokenizers.tokenizer import Tokenizer
from penstock_models.tokenizers.wordpiece import WordPieceTokenizer

__all__ = ["BytePairTokenizer", "Tokenizer", "WordPieceTokenizer", "read_tokenizer"]
