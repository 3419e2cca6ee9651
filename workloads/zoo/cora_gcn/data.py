"""Cora with its standard split, from workloads/data/cora.h5."""

from pathlib import Path

import h5py
import numpy as np

PATH = Path(__file__).resolve().parents[2] / "data" / "cora.h5"
VALIDATION_NODES = 500  # the nodes after the training nodes (Kipf and Welling)


class Cora:
    """features: float32 [nodes, words], each row sums to 1, rounded to float16 as the trace
    stores them; edges: int64 [2, E], both directions;
    labels: int64 [nodes]; train, validation, test: int64 node numbers.
    """

    def __init__(self, path=PATH):
        with h5py.File(path) as file:
            self.labels = file["labels"][()]
            self.train, self.test = file["train_index"][()], file["test_index"][()]
            words = dense(file["features"])
            indptr, indices = file["adjacency/indptr"][()], file["adjacency/indices"][()]
        self.features = (words / words.sum(axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
        self.nodes, self.classes = len(self.labels), int(self.labels.max()) + 1
        self.edges = np.stack([np.repeat(np.arange(self.nodes), np.diff(indptr)), indices.astype(np.int64)])
        first = int(self.train.max()) + 1
        self.validation = np.arange(first, first + VALIDATION_NODES)


def dense(group):
    """A CSR group as a float32 matrix."""
    matrix = np.zeros(group.attrs["shape"], np.float32)
    rows = np.repeat(np.arange(len(matrix)), np.diff(group["indptr"][()]))
    matrix[rows, group["indices"][()]] = group["values"][()]
    return matrix
