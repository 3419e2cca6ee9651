"""Layers of a sample: attention, linear, conv2d and graph, as tables and checks."""

import numpy as np

from .schema import TraceError, check_attributes, check_values

ATTENTION_TENSORS = ("q", "k", "v", "out", "bias", "mask", "x_in", "token_ids")
ATTENTION_ATTRIBUTES = {"kind": ("attention",), "n_q": int, "n_k": int, "scale": float, "causal": (0, 1),
                        "q_prescaled": (0,)}
ATTENTION_OPTIONAL = {"windows": int, "name": str}

# What a layer that is no attention carries: its attributes and the rank of x.
OTHER_ATTRIBUTES = {
    "linear": {"kind": ("linear",), "weight_path": str},
    "conv2d": {"kind": ("conv2d",), "weight_path": str, "stride": int, "padding": int, "groups": int},
    "graph": {"kind": ("graph",)},
}
OTHER_OPTIONAL = {
    "linear": {"bias_path": str, "name": str},
    "conv2d": {"bias_path": str, "name": str},
    "graph": {"weight_path": str, "bias_path": str, "adjacency_path": str, "name": str},
}
X_RANK = {"linear": 2, "conv2d": 3, "graph": 2}
CSR = {"indptr": np.int64, "indices": np.int32, "values": np.float32}


def check_layer(where, attrs, tensors, model, lookup):
    """Attributes and shapes of one layer of any kind.

    Args: lookup: function from an absolute path to the array (or group as a dict) in
      the file, None where there is none. Raises: TraceError.
    """
    kind = attrs.get("kind")
    if kind == "attention":
        return check_attention(where, attrs, tensors, model)
    if kind not in X_RANK:
        raise TraceError(where, f"kind is {kind!r}, allowed: {', '.join(map(repr, ('attention', *X_RANK)))}")
    check_attributes(where, attrs, OTHER_ATTRIBUTES[kind], OTHER_OPTIONAL[kind])
    x = tensors.get("x")
    if x is None:
        raise TraceError(where, "x is missing")
    check_values(where, "x", x)
    if x.ndim != X_RANK[kind]:
        raise TraceError(where, f"x has shape {x.shape}, wanted {X_RANK[kind]} axes")
    if set(tensors) - {"x", "adjacency"} or ("adjacency" in tensors and kind != "graph"):
        allowed = "x and adjacency" if kind == "graph" else "x"
        raise TraceError(where, f"tensors {sorted(tensors)}, allowed: {allowed}")
    _check_weight(where, attrs, kind, x, lookup)
    if kind == "graph":
        _check_adjacency(where, attrs, tensors, x, lookup)


def check_attention(where, attrs, tensors, model):
    """Attributes and shapes of one attention layer. Raises: TraceError."""
    check_attributes(where, attrs, ATTENTION_ATTRIBUTES, ATTENTION_OPTIONAL)
    if not attrs["scale"] > 0:
        raise TraceError(where, f"scale is {attrs['scale']}, allowed: above 0")
    heads, kv_heads, dim = model["heads"], model["kv_heads"], model["head_dim"]
    v_dim, n_q, n_k, windows = model.get("v_head_dim", dim), attrs["n_q"], attrs["n_k"], attrs.get("windows", 1)
    h, hk = windows * heads, windows * kv_heads
    shapes = {"q": [(h, n_q, dim)], "k": [(hk, n_k, dim)], "v": [(hk, n_k, v_dim)], "out": [(h, n_q, v_dim)],
              "bias": [(h, n_q, n_k), (1, n_q, n_k)], "mask": [(h, n_q, n_k), (1, n_q, n_k)]}
    for name in ("q", "k", "v", "out"):
        if name not in tensors:
            raise TraceError(where, f"{name} is missing")
    for name, array in tensors.items():
        if name not in ATTENTION_TENSORS:
            raise TraceError(where, f"unknown tensor {name}")
        check_values(where, name, array)
        if name in shapes and array.shape not in shapes[name]:
            raise TraceError(where, f"{name} has shape {array.shape}, wanted {shapes[name][0]}")
    mask = tensors.get("mask")
    if mask is not None and mask.size and mask.max() > 1:
        raise TraceError(where, f"mask holds {mask.max()}, allowed: 0 and 1")


def _check_weight(where, attrs, kind, x, lookup):
    """The weight exists, has the right rank and takes x."""
    for name in ("weight_path", "bias_path"):
        path = attrs.get(name)
        if path is not None and not isinstance(lookup(path), np.ndarray):
            raise TraceError(where, f"{name} is {path!r}, allowed: the absolute path of a dataset in the file")
    if "weight_path" not in attrs:
        return
    shape = lookup(attrs["weight_path"]).shape
    rank = 4 if kind == "conv2d" else 2
    inputs = x.shape[0] // attrs["groups"] if kind == "conv2d" else x.shape[1]
    if len(shape) != rank or shape[1] != inputs:
        raise TraceError(where, f"weight has shape {shape}, wanted {rank} axes and {inputs} inputs")


def _check_adjacency(where, attrs, tensors, x, lookup):
    """One CSR matrix, here or elsewhere in the file, with x's nodes as columns."""
    if ("adjacency" in tensors) == ("adjacency_path" in attrs):
        raise TraceError(where, "a graph layer has either adjacency or the attribute adjacency_path")
    csr = tensors.get("adjacency")
    if csr is None:
        csr = lookup(attrs["adjacency_path"])
        if not isinstance(csr, dict):
            raise TraceError(where, f"adjacency_path is {attrs['adjacency_path']!r}, allowed: the absolute path "
                                    "of a group")
    if set(csr) != set(CSR):
        raise TraceError(where, f"adjacency holds {sorted(csr)}, wanted {sorted(CSR)}")
    for name, dtype in CSR.items():
        if csr[name].dtype != dtype or csr[name].ndim != 1:
            raise TraceError(where, f"adjacency/{name} is {csr[name].dtype} with shape {csr[name].shape}, "
                                    f"wanted one axis of {np.dtype(dtype).name}")
    indptr, indices = csr["indptr"], csr["indices"]
    good = len(indptr) > 0 and indptr[0] == 0 and indptr[-1] == len(indices) == len(csr["values"])
    if not good or (np.diff(indptr) < 0).any():
        raise TraceError(where, "adjacency/indptr does not rise from 0 to the number of elements")
    if len(indices) and not 0 <= indices.min() <= indices.max() < len(x):
        raise TraceError(where, f"adjacency/indices run {indices.min()}..{indices.max()}, allowed: 0..{len(x) - 1}")
    if not np.isfinite(csr["values"]).all():
        raise TraceError(where, "adjacency/values holds a value that is not finite")
