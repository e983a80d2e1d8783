"""Words as vectors: their files, and how to train them on a text of one's own."""

from penstock_models.embeddings.corpus import Corpus, split_text
from penstock_models.embeddings.files import read_vectors, write_vectors
from penstock_models.embeddings.glove import Glove
from penstock_models.embeddings.word2vec import Word2Vec

__all__ = ["Corpus", "Glove", "Word2Vec", "read_vectors", "split_text", "write_vectors"]
