"""Trace format 1.0 as tables, and the checks that writer and reader share."""

import numpy as np

FORMAT = "attohm-trace"
SCHEMA_VERSION = "1.0.0"
EMPTY_ROW = "dense"
COMPARES = "scaled score"

# Attributes of /model: allowed values, or int for a count.
MODEL_ATTRIBUTES = {
    "name": str,
    "family": ("vit", "bert", "gpt", "llama", "gcn", "cnn", "other"),
    "layers": int, "heads": int, "kv_heads": int, "head_dim": int, "width": int,
    "causal": (0, 1),
    "prefix_tokens": int, "grid_h": int, "grid_w": int,
    "task": ("classify", "next-token", "node-classify", "none"),
    "classes": int,
}
MODEL_OPTIONAL = {"v_head_dim": int, "pool": ("first", "mean", "pooler", "none"), "pad_token": int}

NET_ATTRIBUTES = {
    "norm": ("layernorm", "rmsnorm"),
    "norm_eps": float,
    "norm_position": ("pre", "post"),
    "activation": ("gelu", "gelu_tanh", "relu", "silu"),
    "gated": (0, 1),
}
NET_OPTIONAL = {
    "rope_theta": float, "rope_style": ("half", "interleaved"), "rope_dim": int,
    "qk_norm": ("none", "rmsnorm", "layernorm"), "layer_scale": (0, 1), "embed_scale": float,
    "tied_head": (0, 1),
}

# One letter per axis: W width, Q heads*d, K kv_heads*d, V kv_heads*dv, O heads*dv, F hidden, d head_dim,
# C classes, P prefix_tokens, N tokens, p patch, v vocabulary, t segment types.
LAYER_SHAPES = {
    "wq": "QW", "wk": "KW", "wv": "VW", "wo": "WO", "bq": "Q", "bk": "K", "bv": "V", "bo": "W",
    "norm1_w": "W", "norm1_b": "W", "norm2_w": "W", "norm2_b": "W",
    "w_up": "FW", "b_up": "F", "w_gate": "FW", "w_down": "WF", "b_down": "W",
    "q_norm_w": "d", "q_norm_b": "d", "k_norm_w": "d", "k_norm_b": "d", "ls1": "W", "ls2": "W",
}
TOP_SHAPES = {
    "final_norm_w": "W", "final_norm_b": "W", "head_w": "CW", "head_b": "C",
    "token_embedding": "vW", "position_embedding": "NW", "segment_embedding": "tW",
    "embed_norm_w": "W", "embed_norm_b": "W",
    "patch_w": "Wp", "patch_b": "W", "prefix_embedding": "PW", "pooler_w": "WW", "pooler_b": "W",
}
LAYER_REQUIRED = ("wq", "wk", "wv", "wo", "norm1_w", "norm2_w", "w_up", "w_down")

SAMPLE_TENSORS = ("x0", "patches", "tokens", "segments", "targets", "logits", "logits_threshold", "labels",
                  "eval_index")
ATTENTION_TENSORS = ("q", "k", "v", "out", "bias", "mask", "x_in", "token_ids")
HALF_ALLOWED = ("q", "k", "v", "out", "x")
INTEGER_TENSORS = {"tokens": np.int32, "segments": np.int32, "targets": np.int32, "token_ids": np.int32,
                   "labels": np.int64, "eval_index": np.int64, "mask": np.uint8}


class TraceError(ValueError):
    """Something in a trace breaks the format; says where and what."""

    def __init__(self, where, what):
        super().__init__(f"{where}: {what}")
        self.where, self.what = where, what


def check_attributes(where, attrs, required, optional):
    """Names present, values known. Raises: TraceError."""
    for name in required:
        if name not in attrs:
            raise TraceError(where, f"attribute {name} is missing")
    for name, value in attrs.items():
        rule = required.get(name, optional.get(name))
        if rule is None:
            raise TraceError(where, f"unknown attribute {name}")
        if isinstance(rule, tuple) and value not in rule:
            raise TraceError(where, f"{name} is {value!r}, allowed: {', '.join(map(repr, rule))}")
        if rule is str and not (isinstance(value, str) and value):
            raise TraceError(where, f"{name} is {value!r}, wanted text")
        if rule is int and not isinstance(value, (int, np.integer)):
            raise TraceError(where, f"{name} is {value!r}, wanted an integer")
        if rule is float and not isinstance(value, (int, float, np.number)):
            raise TraceError(where, f"{name} is {value!r}, wanted a number")


def check_model(model):
    """Attributes of /model. Raises: TraceError."""
    check_attributes("/model", model, MODEL_ATTRIBUTES, MODEL_OPTIONAL)
    for name in ("layers", "heads", "kv_heads", "head_dim", "width"):
        if model[name] < 1:
            raise TraceError("/model", f"{name} is {model[name]}, allowed: 1 and more")
    if model["heads"] % model["kv_heads"]:
        raise TraceError("/model", f"heads {model['heads']} is no multiple of kv_heads {model['kv_heads']}")


def check_thresholds(learned, model):
    """One finite threshold per layer, or per layer and head. Raises: TraceError."""
    where, layers, heads = "/model/thresholds/learned", model["layers"], model["heads"]
    if learned.shape not in ((layers,), (layers, heads)):
        raise TraceError(where, f"shape {learned.shape}, allowed: ({layers},) or ({layers}, {heads})")
    check_values(where, "learned", learned)


def check_values(where, name, array):
    """Type allowed for this tensor, every value finite. Raises: TraceError."""
    allowed = (INTEGER_TENSORS[name],) if name in INTEGER_TENSORS else (np.float32,)
    if name in HALF_ALLOWED:
        allowed += (np.float16,)
    if array.dtype not in allowed:
        names = " or ".join(np.dtype(t).name for t in allowed)
        raise TraceError(where, f"{name} is {array.dtype.name}, allowed: {names}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise TraceError(where, f"{name} holds a value that is not finite")


def check_weights(net, weights, model):
    """Attributes, names and shapes of /model/weights. Raises: TraceError."""
    where = "/model/weights"
    check_attributes(where, net, NET_ATTRIBUTES, NET_OPTIONAL)
    heads, kv_heads, dim = model["heads"], model["kv_heads"], model["head_dim"]
    v_dim = model.get("v_head_dim", dim)
    sizes = {"W": model["width"], "Q": heads * dim, "K": kv_heads * dim, "V": kv_heads * v_dim, "O": heads * v_dim,
             "d": dim, "C": model["classes"], "P": model["prefix_tokens"]}
    if model["grid_h"] * model["grid_w"]:
        sizes["N"] = model["prefix_tokens"] + model["grid_h"] * model["grid_w"]
    groups = {name: value for name, value in weights.items() if isinstance(value, dict)}
    wanted = [f"layer_{i:02d}" for i in range(model["layers"])]
    if sorted(groups) != wanted:
        raise TraceError(where, f"layer groups {sorted(groups)}, wanted {wanted}")
    top = {name: value for name, value in weights.items() if name not in groups}
    _check_shapes(where, top, TOP_SHAPES, sizes)
    for name in wanted:
        for tensor in LAYER_REQUIRED:
            if tensor not in groups[name]:
                raise TraceError(f"{where}/{name}", f"{tensor} is missing")
        _check_shapes(f"{where}/{name}", groups[name], LAYER_SHAPES, sizes)


def _check_shapes(where, tensors, table, sizes):
    """Each tensor against its axes; an axis without a size takes the first one it meets."""
    for name, array in tensors.items():
        if name not in table:
            raise TraceError(where, f"unknown tensor {name}")
        check_values(where, name, array)
        axes = table[name]
        wanted = tuple(sizes.get(axis, got) for axis, got in zip(axes, array.shape))
        if array.shape != wanted or array.ndim != len(axes):
            raise TraceError(where, f"{name} has shape {array.shape}, wanted {wanted} for axes {axes}")
        sizes.update({axis: size for axis, size in zip(axes, array.shape) if axis not in sizes})


def check_sample(where, attrs, tensors, model):
    """Label and tensors of one sample. Raises: TraceError."""
    for name in ("dataset", "split", "index"):
        if name not in attrs:
            raise TraceError(where, f"attribute {name} is missing")
    if model["task"] == "classify":
        label = attrs.get("label")
        if label is None or not 0 <= label < model["classes"]:
            raise TraceError(where, f"label is {label!r}, allowed: 0..{model['classes'] - 1}")
    for name, array in tensors.items():
        if name not in SAMPLE_TENSORS:
            raise TraceError(where, f"unknown tensor {name}")
        check_values(where, name, array)
        if name.startswith("logits") and array.shape[-1] != model["classes"]:
            raise TraceError(where, f"{name} has shape {array.shape}, wanted {model['classes']} classes")
    patches, n = tensors.get("patches"), model["grid_h"] * model["grid_w"]
    if patches is not None and (patches.ndim != 2 or patches.shape[0] != n):
        raise TraceError(where, f"patches has shape {patches.shape}, wanted ({n}, p)")


def check_attention(where, attrs, tensors, model):
    """Attributes and shapes of one attention layer. Raises: TraceError."""
    for name in ("n_q", "n_k", "scale", "causal", "q_prescaled"):
        if name not in attrs:
            raise TraceError(where, f"attribute {name} is missing")
    if attrs["q_prescaled"] != 0:
        raise TraceError(where, f"q_prescaled is {attrs['q_prescaled']}, allowed: 0")
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
