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
GRAPH_SHAPES = {"w": "oi", "b": "o"}  # a layer of family gcn; o and i differ from layer to layer
TRANSFORMERS = ("vit", "bert", "gpt", "llama", "other")

SAMPLE_TENSORS = ("x0", "patches", "tokens", "segments", "targets", "logits", "logits_threshold", "labels",
                  "eval_index")
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
    low = 1 if model["family"] in TRANSFORMERS else 0
    for name, least in (("layers", 1), ("heads", low), ("kv_heads", low), ("head_dim", low), ("width", 1)):
        if model[name] < least:
            raise TraceError("/model", f"{name} is {model[name]}, allowed: {least} and more")
    if model["heads"] % max(1, model["kv_heads"]):
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
    groups = {name: value for name, value in weights.items() if isinstance(value, dict)}
    wanted = [f"layer_{i:02d}" for i in range(model["layers"])]
    if set(groups) != set(wanted):
        raise TraceError(where, f"layer groups {sorted(groups)}, wanted {wanted}")
    if model["family"] == "gcn":
        return _check_graph_weights(where, net, [groups[name] for name in wanted], model)
    check_attributes(where, net, NET_ATTRIBUTES, NET_OPTIONAL)
    sizes = _axis_sizes(model)
    top = {name: value for name, value in weights.items() if name not in groups}
    _require(where, top, _top_required(net, model))
    if net["norm_position"] == "post" and "final_norm_w" in top:
        raise TraceError(where, "final_norm_w in a post-norm network; allowed: none, the head follows the last norm2")
    _check_shapes(where, top, TOP_SHAPES, sizes)
    for name in wanted:
        _require(f"{where}/{name}", groups[name], LAYER_REQUIRED + _layer_required(net))
        _check_shapes(f"{where}/{name}", groups[name], LAYER_SHAPES, sizes)


def _axis_sizes(model):
    """Sizes that the model fixes, by the letters of the shape tables."""
    heads, kv_heads, dim = model["heads"], model["kv_heads"], model["head_dim"]
    v_dim = model.get("v_head_dim", dim)
    sizes = {"W": model["width"], "Q": heads * dim, "K": kv_heads * dim, "V": kv_heads * v_dim, "O": heads * v_dim,
             "d": dim, "C": model["classes"], "P": model["prefix_tokens"]}
    if model["grid_h"] * model["grid_w"]:
        sizes["N"] = model["prefix_tokens"] + model["grid_h"] * model["grid_w"]
    return sizes


def _top_required(net, model):
    """Tensors outside the layers that the attributes call for."""
    head = ("token_embedding",) if net.get("tied_head", 0) else ("head_w",) if model["task"] != "none" else ()
    pooler = ("pooler_w",) if model.get("pool") == "pooler" else ()
    return head + pooler + (("final_norm_w",) if net["norm_position"] == "pre" else ())


def _layer_required(net):
    """Tensors of a layer that the attributes call for."""
    gate = ("w_gate",) if net["gated"] else ()
    norms = ("q_norm_w", "k_norm_w") if net.get("qk_norm", "none") != "none" else ()
    return gate + norms + (("ls1", "ls2") if net.get("layer_scale", 0) else ())


def _check_graph_weights(where, net, layers, model):
    """A chain of linear maps from the features to the classes."""
    check_attributes(where, net, {"activation": NET_ATTRIBUTES["activation"]},
                     {**NET_ATTRIBUTES, **NET_OPTIONAL})
    size = None
    for index, layer in enumerate(layers):
        name = f"{where}/layer_{index:02d}"
        _require(name, layer, ("w",))
        _check_shapes(name, layer, GRAPH_SHAPES, {"i": size} if size else {})
        size = layer["w"].shape[0]
    if model["classes"] and size != model["classes"]:
        raise TraceError(name, f"w has {size} rows, wanted {model['classes']} classes")


def _require(where, tensors, names):
    for name in names:
        if name not in tensors:
            raise TraceError(where, f"{name} is missing")


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
    _check_tokens(where, attrs, tensors, model)


def _check_tokens(where, attrs, tensors, model):
    """Everything per token has the same length; ids and targets are in range."""
    per_token = {name: len(tensors[name]) for name in ("x0", "tokens", "segments", "targets") if name in tensors}
    if "logits" in tensors and tensors["logits"].ndim == 2 and model["family"] in TRANSFORMERS:
        per_token["logits"] = len(tensors["logits"])
    if len(set(per_token.values())) > 1:
        raise TraceError(where, f"tensors per token differ in length: {per_token}")
    n = next(iter(per_token.values()), None)
    valid_len = attrs.get("valid_len")
    if valid_len is not None and not 0 <= valid_len <= (valid_len if n is None else n):
        raise TraceError(where, f"valid_len is {valid_len}, allowed: 0..{n}")
    for name, low, high in (("tokens", 0, None), ("segments", 0, None), ("targets", -1, model["classes"])):
        if name not in tensors:
            continue
        ids = tensors[name]
        if ids.ndim != 1 or (ids.size and (ids.min() < low or (high is not None and ids.max() >= high))):
            raise TraceError(where, f"{name} has shape {ids.shape} and values {ids.min()}..{ids.max()}, allowed: one "
                                    f"per token, {low} and more" + (f", below {high}" if high else ""))
