"""Layers that several architectures share."""

from penstock_models.layers.attention import SelfAttention
from penstock_models.layers.biaffine import Biaffine
from penstock_models.layers.corner_resize import CornerResize
from penstock_models.layers.cross_attention import CrossAttention
from penstock_models.layers.decoder_block import DecoderBlock
from penstock_models.layers.feed_forward import FeedForward
from penstock_models.layers.global_attention import GlobalAttention
from penstock_models.layers.layer_scale import LayerScale
from penstock_models.layers.letter_filters import LetterFilters
from penstock_models.layers.positions import ClassTokens, PositionEmbedding, SinePositions
from penstock_models.layers.relative_position_bias import RelativePositionBias
from penstock_models.layers.reversible_embedding import Bias, ReversibleEmbedding
from penstock_models.layers.style_norm import MirrorPadding, StyleNorm
from penstock_models.layers.token_mean import TokenMean
from penstock_models.layers.transformer_block import TransformerBlock

__all__ = [
    "Biaffine",
    "Bias",
    "ClassTokens",
    "CornerResize",
    "CrossAttention",
    "DecoderBlock",
    "FeedForward",
    "GlobalAttention",
    "LayerScale",
    "LetterFilters",
    "MirrorPadding",
    "PositionEmbedding",
    "RelativePositionBias",
    "ReversibleEmbedding",
    "SelfAttention",
    "SinePositions",
    "StyleNorm",
    "TokenMean",
    "TransformerBlock",
]
