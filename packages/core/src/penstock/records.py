"""TFRecord files: records of bytes with checksums, and the `tf.train.Example` messages that usually stand in them.

with penstock.records.RecordWriter("train.tfrecord") as out:
    out.write(penstock.records.make_example({"x": [1.0, 2.0], "label": 3}))

Reading, checking and parsing are native and do not hold the GIL.
"""

from penstock._records.example import (
    FixedLenFeature,
    RaggedFeature,
    VarLenFeature,
    make_example,
    parse_example,
    parse_single_example,
)
from penstock._records.reader import RecordReader
from penstock._records.writer import RecordWriter

__all__ = [
    "FixedLenFeature",
    "RaggedFeature",
    "RecordReader",
    "RecordWriter",
    "VarLenFeature",
    "make_example",
    "parse_example",
    "parse_single_example",
]
