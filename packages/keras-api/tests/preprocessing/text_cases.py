"""Layers for text and categories, and what to call them with: for the tests, and for the program that asks Keras."""

from __future__ import annotations

from typing import Any

WORDS = [["a", "c", "d"], ["m", "z", "b"]]
ABCD = ["a", "b", "c", "d"]
LINES = ["Foo bar, baz!", "bar  BAZ\tbaz", "qux -- foo's", ""]
NUMBERS = [[12, 1138, 42], [42, 1000, 36]]
LETTERS = [["A"], ["B"], ["C"], ["D"], ["E"]]
FLOATS = [[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]]
IDS = [[0, 1], [0, 0], [1, 2], [3, 1]]


def case(make: str, inputs: Any, adapt: Any = None, **kwargs: Any) -> dict[str, Any]:
    """Describe a call: the layer's expression, what it is called with, and what it learns from before."""
    return {"make": make, "inputs": inputs, "adapt": adapt, "kwargs": kwargs}


def lookups() -> list[dict[str, Any]]:
    """List calls of StringLookup and IntegerLookup."""
    found = [
        case("StringLookup()", WORDS, [["a", "c", "d", "d"], ["d", "z", "b", "z"]]),
        case("StringLookup(max_tokens=3)", WORDS, [["b", "b", "a", "a"], ["c", "d", "a", "b"]]),
        case("StringLookup(mask_token='')", [["a", ""], ["", "q"]], ["", "a", "b", "b"]),
        case("StringLookup()", ["a", "b", "zz"], ["b", "c", "b", "a"]),
        case("StringLookup(vocabulary=[])", ["x"]),
        case(
            "StringLookup(output_mode='tf_idf')",
            WORDS,
            [["a", "c", "d", "d"], ["d", "z", "b", "z"]],
        ),
        case(
            "StringLookup(output_mode='tf_idf', max_tokens=9, pad_to_max_tokens=True)", WORDS, WORDS
        ),
        case("IntegerLookup()", NUMBERS, [[12, 1138, 42], [42, 1000, 42]]),
        case("IntegerLookup(output_mode='multi_hot')", NUMBERS, [5, 5, 12, -7]),
        case("IntegerLookup(mask_token=0)", [[0, 5], [7, 12]], [0, 0, 5, 5, 12]),
        case("IntegerLookup(vocabulary=[12, 36, 1138, 42], num_oov_indices=2)", NUMBERS),
        case(
            "IntegerLookup(vocabulary=[12, 36], num_oov_indices=3)", [[-1, -5, 1000], [12, 36, 7]]
        ),
        case("IntegerLookup(vocabulary=[12, 36], invert=True)", [[0, 1, 2]]),
        case("IntegerLookup(vocabulary=[12, 36], num_oov_indices=0)", [[12, 36]]),
        case("IntegerLookup(vocabulary=[12, 36], mask_token=12)", [[12, 36]]),
        case(
            "IntegerLookup(vocabulary=[12, 36], num_oov_indices=3, oov_method='farmhash')", NUMBERS
        ),
        case(
            "IntegerLookup(vocabulary=[12, 36], num_oov_indices=3, oov_method='siphash', salt=7)",
            NUMBERS,
        ),
    ]
    found += [
        case(f"StringLookup(vocabulary={ABCD}{settings})", WORDS)
        for settings in (
            "",
            ", num_oov_indices=2",
            ", num_oov_indices=3, salt=[3, 5]",
            ", num_oov_indices=3, salt=9",
            ", mask_token='m'",
            ", mask_token='a'",
            ", oov_token='?', num_oov_indices=2, mask_token=''",
            ", max_tokens=7, pad_to_max_tokens=True, output_mode='multi_hot'",
            ", output_mode='multi_hot'",
            ", output_mode='count'",
            ", output_mode='count', mask_token='m', num_oov_indices=2",
            ", output_mode='one_hot'",
            ", output_mode='tf_idf', idf_weights=[0.25, 0.75, 0.6, 0.4]",
        )
    ]
    found += [
        case(f"StringLookup(vocabulary={ABCD}, invert=True)", [[1, 3, 4], [4, 0, 2]]),
        case(f"StringLookup(vocabulary={ABCD}, invert=True, mask_token='')", [[0, 1, 2, 5]]),
        case(f"StringLookup(vocabulary={ABCD}, invert=True, num_oov_indices=2)", [[0, 1, 2, 5]]),
        case(f"StringLookup(vocabulary={['[UNK]', *ABCD]})", WORDS),
        case(f"StringLookup(vocabulary={ABCD}, output_mode='one_hot')", ["a", "b", "z"]),
        case(f"StringLookup(vocabulary={ABCD}, output_mode='one_hot')", [["a"], ["b"]]),
        case(f"StringLookup(vocabulary={ABCD}, output_mode='multi_hot')", ["a", "b", "z"]),
        case(f"StringLookup(vocabulary={ABCD}, output_mode='count')", "a"),
        case(f"StringLookup(vocabulary={ABCD}, output_mode='one_hot')", "a"),
        case(f"StringLookup(vocabulary={ABCD})", "a"),
        case(
            "StringLookup(vocabulary=['[UNK]', 'a', 'b'], output_mode='tf_idf', idf_weights=[0.9, 0.2, 0.7])",
            WORDS,
        ),
    ]
    return found


def texts() -> list[dict[str, Any]]:
    """List calls of TextVectorization."""
    found = [
        case(f"TextVectorization({settings})", LINES, LINES)
        for settings in (
            "",
            "max_tokens=4",
            "standardize=None",
            "standardize='lower'",
            "standardize='strip_punctuation'",
            "split=None",
            "split='character'",
            "ngrams=2",
            "ngrams=(2, 3)",
            "output_sequence_length=2",
            "output_sequence_length=6",
            "output_mode='multi_hot'",
            "output_mode='count'",
            "output_mode='tf_idf'",
            "output_mode='count', ngrams=2, max_tokens=5",
            "output_mode='multi_hot', max_tokens=20, pad_to_max_tokens=True",
        )
    ]
    found += [
        case(
            "TextVectorization(output_sequence_length=4)",
            [["foo qux bar"], ["qux baz"]],
            ["foo bar", "bar baz", "baz bada boom"],
        ),
        case(
            "TextVectorization(vocabulary=['earth', 'wind', 'and', 'fire'])", ["Earth and  water"]
        ),
        case(
            "TextVectorization(vocabulary=['a', 'b'], output_mode='tf_idf', idf_weights=[0.5, 2.0])",
            ["a b b c"],
        ),
        case("TextVectorization(vocabulary=['é', 'Ü', 'ß'], split='character')", ["éÜß ü"]),
        case("TextVectorization(vocabulary=['x'])", "x y x"),
        case("TextVectorization(vocabulary=['x'], output_mode='count')", "x y x"),
        case(
            "TextVectorization(split='character', ngrams=2, standardize='lower')", ["Abc"], ["abab"]
        ),
    ]
    return found


def hashes() -> list[dict[str, Any]]:
    """List calls of Hashing and HashedCrossing."""
    found = [
        case(f"Hashing(num_bins=3{settings})", [*LETTERS, [""], ["é"]])
        for settings in (
            "",
            ", salt=[133, 137]",
            ", salt=133",
            ", mask_value=''",
            ", output_mode='one_hot'",
        )
    ]
    found += [
        case(f"Hashing(num_bins=4, output_mode='{mode}')", WORDS)
        for mode in ("multi_hot", "count", "one_hot")
    ]
    found += [
        case("Hashing(num_bins=1000)", NUMBERS),
        case("Hashing(num_bins=1000, salt=[11, 2])", NUMBERS),
        case("Hashing(num_bins=1000, mask_value=42)", NUMBERS),
        case("Hashing(num_bins=1000)", [[-5, 0, 123456789012]]),
        case("Hashing(num_bins=1000)", ["one", "two"]),
        case("HashedCrossing(num_bins=5)", [["A", "B", "A", "B", "A"], [101, 101, 101, 102, 102]]),
        case("HashedCrossing(num_bins=1000)", [["A", "B", "A"], [101, 101, 102], ["x", "y", "z"]]),
        case("HashedCrossing(num_bins=5, output_mode='one_hot')", [["A", "B"], [101, 102]]),
        case("HashedCrossing(num_bins=1000)", [[["A"], ["B"]], [[101], [102]]]),
        case("HashedCrossing(num_bins=1000)", [[1, 2, -3], [101, 101, 102]]),
    ]
    return found


def numbers() -> list[dict[str, Any]]:
    """List calls of Discretization and CategoryEncoding."""
    found = [
        case(f"Discretization(bin_boundaries=[0.0, 1.0, 2.0], output_mode='{mode}')", FLOATS)
        for mode in ("int", "one_hot", "multi_hot", "count")
    ]
    found += [
        case("Discretization(num_bins=4, epsilon=0.01)", FLOATS, FLOATS),
        case("Discretization(num_bins=3)", [[1.0], [99.0]], [[float(i)] for i in range(100)]),
        case("Discretization(bin_boundaries=[0.0, 1.0], output_mode='one_hot')", [[0.5], [3.0]]),
        case("Discretization(bin_boundaries=[0.0, 1.0])", [0.5, 3.0]),
    ]
    found += [
        case(f"CategoryEncoding(num_tokens=4, output_mode='{mode}')", inputs)
        for mode in ("one_hot", "multi_hot", "count")
        for inputs in ([3, 2, 0, 1], IDS, [[3], [2]], 2)
    ]
    found.append(
        case(
            "CategoryEncoding(num_tokens=4, output_mode='count')",
            IDS,
            count_weights=[[0.1, 0.2], [0.1, 0.1], [0.2, 0.3], [0.4, 0.2]],
        )
    )
    return found


CASES = [*lookups(), *texts(), *hashes(), *numbers()]
