"""Text: tensors of strings, which are bytes and mostly text in UTF-8. All of it runs on the host.

words, counts = penstock.strings.split(penstock.strings.lower(lines))
"""

from penstock.ops.string_codes import decode_base64, encode_base64, unicode_normalize
from penstock.ops.string_format import format
from penstock.ops.string_hash import cross, hash_features
from penstock.ops.string_hash import string_to_hash_bucket_fast as to_hash_bucket_fast
from penstock.ops.string_hash import string_to_hash_bucket_strong as to_hash_bucket_strong
from penstock.ops.string_numbers import as_string
from penstock.ops.string_numbers import string_to_hash_bucket as to_hash_bucket
from penstock.ops.string_numbers import string_to_number as to_number
from penstock.ops.string_parts import (
    reduce_join,
    split,
    unicode_decode,
    unicode_encode,
    unicode_split,
)
from penstock.ops.string_parts import string_ngrams as ngrams
from penstock.ops.string_records import decode_csv, decode_json_lines
from penstock.ops.string_tests import string_contains as contains
from penstock.ops.string_tests import string_endswith as endswith
from penstock.ops.string_tests import string_search as search
from penstock.ops.string_tests import string_startswith as startswith
from penstock.ops.strings import regex_full_match, regex_replace
from penstock.ops.strings import string_join as join
from penstock.ops.strings import string_length as length
from penstock.ops.strings import string_lower as lower
from penstock.ops.strings import string_strip as strip
from penstock.ops.strings import string_substr as substr
from penstock.ops.strings import string_translate as translate
from penstock.ops.strings import string_upper as upper
from penstock.ops.wordpiece import wordpiece

__all__ = [
    "as_string",
    "contains",
    "cross",
    "decode_base64",
    "decode_csv",
    "decode_json_lines",
    "encode_base64",
    "endswith",
    "format",
    "hash_features",
    "join",
    "length",
    "lower",
    "ngrams",
    "reduce_join",
    "regex_full_match",
    "regex_replace",
    "search",
    "split",
    "startswith",
    "strip",
    "substr",
    "to_hash_bucket",
    "to_hash_bucket_fast",
    "to_hash_bucket_strong",
    "to_number",
    "translate",
    "unicode_decode",
    "unicode_encode",
    "unicode_normalize",
    "unicode_split",
    "upper",
    "wordpiece",
]
