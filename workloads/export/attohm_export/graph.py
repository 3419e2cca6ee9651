"""Graph networks (family gcn): sparse products and their forward pass in NumPy."""

import numpy as np

from .maths import ACTIVATIONS, widened


def csr_of(edges, nodes, weights=None, self_loops=True, normalise=True):
    """The adjacency matrix of a graph as the format stores it.

    Args: edges: integers [2, E], (to, from), both directions where the graph has
      none; nodes: how many; weights: float [E], default 1; self_loops: add A + I;
      normalise: D^-1/2 A D^-1/2 (Kipf and Welling 2017, arXiv 1609.02907).
    Returns: {"indptr": int64 [nodes + 1], "indices": int32, "values": float32},
      indices ascending in each row; repeated edges are added up.
    """
    rows, cols = np.asarray(edges, np.int64)
    values = np.ones(len(rows)) if weights is None else np.asarray(weights, np.float64)
    if self_loops:
        every = np.arange(nodes)
        rows, cols = np.concatenate([rows, every]), np.concatenate([cols, every])
        values = np.concatenate([values, np.ones(nodes)])
    places, inverse = np.unique(rows * nodes + cols, return_inverse=True)
    values = np.bincount(inverse, values, len(places))
    rows, cols = places // nodes, places % nodes
    if normalise:
        degree = np.bincount(rows, values, nodes)
        root = np.where(degree > 0, 1.0 / np.sqrt(np.where(degree > 0, degree, 1.0)), 0.0)
        values = values * root[rows] * root[cols]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=nodes))])
    return {"indptr": indptr.astype(np.int64), "indices": cols.astype(np.int32), "values": values.astype(np.float32)}


def sparse_product(adjacency, x):
    """A x, row by row. Args: adjacency: CSR; x [nodes, F]. Returns: float64 [rows, F]."""
    indptr, x = np.asarray(adjacency["indptr"]), np.asarray(x, np.float64)
    terms = np.asarray(adjacency["values"], np.float64)[:, None] * x[adjacency["indices"]]
    sums = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(terms, axis=0)])
    return sums[indptr[1:]] - sums[indptr[:-1]]


def graph_layer(adjacency, x, weight, bias=None):
    """A (x w^T) + b, one layer without its activation. Returns: float64 [nodes, out]."""
    y = sparse_product(adjacency, np.asarray(x, np.float64) @ np.asarray(weight, np.float64).T)
    return y if bias is None else y + np.asarray(bias, np.float64)


class GraphNetwork:
    """Family gcn: y = A (x w^T) + b per layer, the activation between layers, none after the last.

    Args: model: attributes of /model; net: attributes of /model/weights
      (activation); weights: {"layer_00": {"w": [out, in], "b": [out]}, ...}.
    """

    def __init__(self, model, net, weights):
        if model["family"] != "gcn":
            raise ValueError(f"graph network: family is {model['family']!r}, supported is 'gcn'")
        self.model, self.net, self.weights = dict(model), dict(net), weights
        self._w, self._activate = widened(weights), ACTIVATIONS[net["activation"]]

    def run(self, x, adjacency):
        """Args: x [nodes, features]; adjacency: CSR.

        Returns: logits float64 [nodes, classes], inputs of every layer (float64).
        """
        inputs, x = [], np.asarray(x, np.float64)
        for index in range(self.model["layers"]):
            layer = self._w[f"layer_{index:02d}"]
            x = self._activate(x) if index else x
            inputs.append(x)
            x = graph_layer(adjacency, x, layer["w"], layer.get("b"))
        return x, inputs
