"""Saved folders written by hand, so that the C++ reader meets the format and not our own writer."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np

from penstock import safetensors

TABLE = np.arange(20, dtype=np.float32).reshape(5, 4) / 10
KERNEL = np.arange(12, dtype=np.float32).reshape(3, 4)


def document() -> dict[str, Any]:
    """Return graph.json of a small net: y = relu(x @ kernel + shift) @ transpose(table), and a step that changes kernel."""
    nodes = [
        {"name": "x", "op": "placeholder", "inputs": [], "outputs": ["float32[batch, 3]"]},
        {"name": "kernel", "op": "read_variable", "inputs": [], "attrs": {"variable": {"variable": "dense/kernel"}},
         "outputs": ["float32[3, 4]"]},
        {"name": "matmul", "op": "matmul", "inputs": ["x", "kernel"], "outputs": ["float32[batch, 4]"]},
        {"name": "shift", "op": "constant", "inputs": [], "outputs": ["float32[4]"],
         "attrs": {"value": {"tensor": {"dtype": "float32", "shape": [4], "values": [0.5, -1.0, 2.0, 0.0]}}}},
        {"name": "add", "op": "add", "inputs": ["matmul", "shift"], "outputs": ["float32[batch, 4]"]},
        {"name": "relu", "op": "relu", "inputs": ["add"], "outputs": ["float32[batch, 4]"]},
        {"name": "table", "op": "constant", "inputs": [], "outputs": ["float32[5, 4]"],
         "attrs": {"value": {"tensor": {"dtype": "float32", "shape": [5, 4], "stored": "table"}}}},
        {"name": "transpose", "op": "transpose", "inputs": ["table"], "attrs": {"axes": [1, 0]}, "outputs": ["float32[4, 5]"]},
        {"name": "product", "op": "matmul", "inputs": ["relu", "transpose"], "outputs": ["float32[batch, 5]"]},
    ]  # fmt: skip
    step = [
        {"name": "kernel", "op": "read_variable", "inputs": [], "attrs": {"variable": {"variable": "dense/kernel"}},
         "outputs": ["float32[3, 4]"]},
        {"name": "doubled", "op": "add", "inputs": ["kernel", "kernel"], "outputs": ["float32[3, 4]"]},
        {"name": "assign", "op": "assign_variable", "inputs": ["doubled"],
         "attrs": {"variable": {"variable": "dense/kernel"}}, "outputs": ["float32[3, 4]"]},
        {"name": "total", "op": "sum", "inputs": ["assign"], "outputs": ["float32[]"]},
    ]  # fmt: skip
    return {
        "format": "penstock-graph",
        "version": 1,
        "producer": "by hand",
        "metadata": {"licence": "Apache-2.0", "large": 10**30},
        "plugins": [],
        "ops": dict.fromkeys(("placeholder", "read_variable", "assign_variable", "constant", "matmul", "add", "relu",
                              "transpose", "sum"), 1),
        "variables": {"dense/kernel": {"dtype": "float32", "shape": [3, 4], "trainable": True}},
        "functions": [
            {"name": "main", "inputs": [{"name": "x", "dtype": "float32", "shape": ["batch", 3]}],
             "outputs": [{"name": "y", "dtype": "float32", "shape": ["batch", 5]}],
             "graph": {"name": "main", "symbols": ["batch"], "assumes": ["batch != 1"], "nodes": nodes, "inputs": ["x"],
                       "outputs": ["product"]}},
            {"name": "step", "inputs": [], "outputs": [{"name": "total", "dtype": "float32", "shape": []}],
             "graph": {"name": "step", "nodes": step, "inputs": [], "outputs": ["total"]}},
        ],
        "golden": [],
    }  # fmt: skip


def net(x: np.ndarray, kernel: np.ndarray = KERNEL) -> np.ndarray:
    """Compute what the function "main" does."""
    return np.maximum(x @ kernel + np.float32([0.5, -1, 2, 0]), 0) @ TABLE.T


def write(folder: Path, told: dict[str, Any] | None = None, **tensors: np.ndarray) -> Path:
    """Write a folder; `tensors` replace those of weights.safetensors, or are added to them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "graph.json").write_text(json.dumps(document() if told is None else told), "utf-8")
    weights = {"dense/kernel": KERNEL, "table": TABLE, **tensors}
    safetensors.save_file(weights, folder / "weights.safetensors")
    return folder


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """Return the document with one of its members replaced, or deleted where `to` is ..."""
    told: Any = document()
    at = told = copy.deepcopy(told)
    for key in path[:-1]:
        at = at[key]
    if to is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return dict(told)
