"""What models do with files."""

from __future__ import annotations

import json
import os
from typing import Any

from penstock_keras_api.saving import model_files, weights


class Files:
    """Saving, loading weights, exporting: the functions of `keras.saving` as methods."""

    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Save the model; see `keras.saving.save_model`.

        Args:
            filepath: A name that ends with `.keras`, or with `.h5` for the format of older versions of Keras.
            overwrite: Whether to replace a file that is there.
            zipped: Whether to write one file; False writes a folder.
            kwargs: `include_optimizer=False` leaves out how the model was compiled.

        Raises:
            ValueError: The name ends otherwise, or the file is there and is to stay.
            OSError: The disk does not take it; what was there before stays.
        """
        model_files.save_model(self, filepath, overwrite, zipped, **kwargs)

    def save_weights(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        max_shard_size: float | None = None,
    ) -> None:
        """Save the weights; see `keras.saving.save_weights`.

        Args:
            filepath: A name that ends with `.weights.h5`, or, with `max_shard_size`, with `.weights.json`.
            overwrite: Whether to replace a file that is there.
            max_shard_size: How many GiB a file may have.

        Raises:
            ValueError: The model is not built, or the name ends otherwise.
            OSError: The disk does not take it; what was there before stays.
        """
        weights.save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(
        self, filepath: str | os.PathLike[str], skip_mismatch: bool = False, **kwargs: Any
    ) -> None:
        """Put weights from a file into the model; see `keras.saving.load_weights`.

        Args:
            filepath: A file of weights, or a `.keras` or `.h5` file.
            skip_mismatch: Whether what does not fit is left out, with a warning.
            kwargs: `by_name` and `objects_to_skip`.

        Raises:
            FormatError: The file is damaged, or its weights do not fit.
            ValueError: The model is not built, or the file is of another kind.
        """
        weights.load_weights(self, filepath, skip_mismatch, **kwargs)

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Write the model as a graph that runs without the code that made it, with a pair of inputs and outputs.

        `penstock.load(path)` runs it; `keras.saving.load_model(path)` makes a model of it again. Lambda layers are
        written as graphs.

        Args:
            filepath: A folder; or a file whose name says its format, such as `net.onnx`.
            format: "onnx" and other formats that installed plugins write; by default, "tf_saved_model", what `filepath` says:
                Penstock's own folder if it has no ending.
            verbose: Whether to say where it was written.
            input_signature: What the model takes, where that is not known: something with a shape and a dtype for each
                input.
            kwargs: For the format.

        Raises:
            ValueError: The model is not built, or it is not known what it takes.
            FormatError: No plugin writes the format.
            OSError: The disk does not take it; what was there before stays.
        """
        from penstock_keras_api.saving import graphs

        name = None if format == "tf_saved_model" else format
        path = graphs.export(self, filepath, name, input_signature, **kwargs)
        if verbose:
            from rich.console import Console  # takes its time to import

            Console().print(f"Saved the model at {path}")

    def __penstock_model__(self, signatures: Any = None) -> Any:
        """Return the model as a graph, for `penstock.save`."""
        from penstock.saved import graph_model
        from penstock_keras_api.saving import graphs

        return graph_model(*graphs.parts_of(self, signatures))

    def __penstock_golden__(self, signatures: Any = None) -> Any:
        """Return inputs whose outputs `penstock.save` keeps."""
        from penstock_keras_api.saving import graphs

        return graphs.golden_of(self, signatures)

    def to_json(self, **kwargs: Any) -> str:
        """Return the configuration as JSON, from which `keras.models.model_from_json` makes an equal model.

        Args:
            kwargs: For `json.dumps`.

        Raises:
            TypeError: A layer has no plain configuration.
        """
        return json.dumps(model_files.config_of(self), **kwargs)
