"""Train the preset seq2seq_lstm.multi30k_en_de: English captions of photos to German. Half an hour on one core."""

from __future__ import annotations

from transformer_multi30k import main, options

from penstock_models.recipes import start

SIZES = {"width": 256, "num_layers": 1, "dropout": 0.2}

if __name__ == "__main__":
    main(start("seq2seq_lstm.multi30k_en_de", __doc__, options), "seq2seq_lstm", SIZES, 3e-3)
