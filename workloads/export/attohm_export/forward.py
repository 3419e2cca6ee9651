"""The forward pass of a closed-loop trace in NumPy: golden logits, captured q/k/v/out.

Works from the float32 arrays that a trace stores and computes in float64, so
that what it returns is the network in the file, not the framework's rounding.
Covers what /model/weights can say for the families vit, bert, gpt and llama;
`graph.GraphNetwork` covers gcn. Anything else is refused by `check_supported`.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from .maths import ACTIVATIONS, NORMS, linear, rotate, softmax_sum, widened

FAMILIES = ("vit", "bert", "gpt", "llama")
NET_DEFAULTS = {"rope_theta": 0.0, "rope_style": "half", "qk_norm": "none", "layer_scale": 0, "embed_scale": 1.0,
                "tied_head": 0}


@dataclass
class PruneCount:
    """What one layer's threshold did, summed over samples, heads and queries.

    valid: scores looked at. kept: scores at or above the threshold. kept_dense:
    the same after rows that keep nothing are computed densely. rows, empty_rows:
    query rows, and those that keep nothing. margin: smallest |score - threshold|.
    Padded rows and forbidden keys are not counted.
    """

    valid: int = 0
    kept: int = 0
    kept_dense: int = 0
    rows: int = 0
    empty_rows: int = 0
    margin: float = math.inf

    def add(self, scores, threshold, allowed=None, real=None):
        """Counts scores [..., Nq, Nk].

        Args: allowed: bool, keys a query may see, None for all; real: bool [..., Nq, 1],
          rows that are no padding, None for all. Both are broadcast.
        Returns: the keys to use, bool, the shape of scores.
        """
        allowed = np.broadcast_to(True if allowed is None else allowed, scores.shape)
        real = np.broadcast_to(True if real is None else real, scores.shape[:-1] + (1,))
        keep = (scores >= threshold) & allowed
        empty = ~keep.any(axis=-1, keepdims=True)
        used = keep | (empty & allowed)
        valid = allowed & real
        self.valid += int(valid.sum())
        self.kept += int((keep & real).sum())
        self.kept_dense += int((used & real).sum())
        self.rows += int(real.sum())
        self.empty_rows += int((empty & real).sum())
        self.margin = min(self.margin, float(np.where(valid, np.abs(scores - threshold), np.inf).min()))
        return used

    def merge(self, other):
        """Adds the counts of other samples."""
        for name in ("valid", "kept", "kept_dense", "rows", "empty_rows"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.margin = min(self.margin, other.margin)


@dataclass
class Pass:
    """Result of a forward pass.

    logits: float64 [batch, classes], or [batch, N, classes] where every token
    answers (pool "none"). layers: per layer a dict of q, out [batch, heads, N, d]
    and k, v [batch, kv_heads, N, d], float64 (empty unless captured). prune:
    PruneCount per layer (empty when dense).
    """

    logits: np.ndarray = None
    layers: list = field(default_factory=list)
    prune: list = field(default_factory=list)


class Network:
    """Model and weights by their names in the trace format.

    Args:
      model: attributes of /model. net: attributes of /model/weights.
      weights: {"layer_00": {"wq": array, ...}, ..., "final_norm_w": array, ...}.
    """

    def __init__(self, model, net, weights):
        check_supported(model, net)
        self.model, self.net, self.weights = dict(model), dict(net), weights
        self._net = {"rope_dim": model["head_dim"], **NET_DEFAULTS, **net}
        self._w = widened(weights)
        self._activate = ACTIVATIONS[net["activation"]]

    @property
    def scale(self):
        """Multiplies q.k: 1/sqrt(head_dim)."""
        return 1.0 / math.sqrt(self.model["head_dim"])

    def embed(self, inputs):
        """x0 as given, or formed from patches or tokens as the format says.

        Args: inputs: {"x0": [batch, N, W]}, {"patches": [batch, n, p]} or {"tokens": [batch, N],
          "segments": [batch, N]}; a bare array is patches (floats) or tokens (integers).
        Returns: float64 [batch, N, W].
        """
        inputs = as_inputs(inputs)
        if "x0" in inputs:
            return np.asarray(inputs["x0"], np.float64)
        return self._embed_patches(inputs["patches"]) if "patches" in inputs else self._embed_tokens(inputs)

    def run(self, inputs, thresholds=None, capture=False):
        """The whole network.

        Args: inputs: as `embed`, and "valid_len" [batch] where tokens are padded on the
          right; thresholds: one per layer, or per layer and head, in scaled-score
          units, keep iff score >= threshold, an empty row stays dense; None for
          dense softmax; capture: keep q, k, v, out of every layer.
        Returns: Pass.
        """
        inputs, result = as_inputs(inputs), Pass()
        x, valid = self.embed(inputs), inputs.get("valid_len")
        allowed, real = self._allowed(x.shape, valid)
        for index in range(self.model["layers"]):
            threshold = None if thresholds is None else np.asarray(thresholds[index], np.float64).reshape(-1, 1, 1)
            x = self._block(self._w[f"layer_{index:02d}"], x, (allowed, real, threshold, capture, result))
        result.logits = self._answer(x, real)
        return result

    def _embed_patches(self, patches):
        """[prefix_embedding ; patches patch_w^T + patch_b] + position_embedding."""
        x = linear(np.asarray(patches, np.float64), self._w, "patch_w", "patch_b")
        if "prefix_embedding" in self._w:
            prefix = self._w["prefix_embedding"]
            x = np.concatenate([np.broadcast_to(prefix, (len(x),) + prefix.shape), x], axis=1)
        return x + self._w["position_embedding"] if "position_embedding" in self._w else x

    def _embed_tokens(self, inputs):
        """embed_scale token + position + segment embedding, then embed_norm."""
        tokens, w = np.asarray(inputs["tokens"]), self._w
        x = self._net["embed_scale"] * w["token_embedding"][tokens]
        if "position_embedding" in w:
            x = x + w["position_embedding"][:tokens.shape[1]]
        if "segment_embedding" in w:
            x = x + w["segment_embedding"][np.asarray(inputs.get("segments", np.zeros_like(tokens)))]
        return self._norm(w, "embed_norm", x) if "embed_norm_w" in w else x

    def _norm(self, weights, name, x, kind=None):
        """One of the norms, weights `name`_w and `name`_b."""
        apply = NORMS[kind or self._net["norm"]]
        return apply(x, weights[name + "_w"], weights.get(name + "_b"), self._net["norm_eps"])

    def _allowed(self, shape, valid):
        """Keys each query may see, bool, and real rows, bool [batch, 1, N, 1]; None for all."""
        tokens, allowed, real = np.arange(shape[1]), None, None
        if self.model["causal"]:
            allowed = (tokens[None, :] <= tokens[:, None])[None, None]
        if valid is not None:
            is_real = tokens[None, :] < np.asarray(valid).reshape(-1, 1)
            real = is_real[:, None, :, None]
            keys = is_real[:, None, None, :]
            allowed = keys if allowed is None else allowed & keys
        return allowed, real

    def _block(self, w, x, how):
        """One block. pre: x + attn(norm1 x), x + mlp(norm2 x). post: norm1(x + attn x), norm2(x + mlp x)."""
        scale1, scale2 = (w.get(name, 1.0) if self._net["layer_scale"] else 1.0 for name in ("ls1", "ls2"))
        if self._net["norm_position"] == "pre":
            x = x + scale1 * self._attend(w, self._norm(w, "norm1", x), *how)
            return x + scale2 * self._mlp(w, self._norm(w, "norm2", x))
        x = self._norm(w, "norm1", x + scale1 * self._attend(w, x, *how))
        return self._norm(w, "norm2", x + scale2 * self._mlp(w, x))

    def _mlp(self, w, y):
        """down(act(up y)), or down(act(gate y) * up y)."""
        hidden = linear(y, w, "w_up", "b_up")
        hidden = self._activate(linear(y, w, "w_gate", "b_gate")) * hidden if self._net["gated"] \
            else self._activate(hidden)
        return linear(hidden, w, "w_down", "b_down")

    def _attend(self, w, y, allowed, real, threshold, capture, result):
        """Multi-head attention of the block's input y [batch, N, W], projected."""
        q, k, v = (self._heads(linear(y, w, "w" + n, "b" + n), n) for n in "qkv")
        q, k = self._turned(w, q, "q"), self._turned(w, k, "k")
        shared = np.arange(self.model["heads"]) * k.shape[1] // self.model["heads"]
        scores = self.scale * (q @ k[:, shared].swapaxes(-1, -2))
        used = allowed
        if threshold is not None:
            result.prune.append(PruneCount())
            used = result.prune[-1].add(scores, threshold, allowed, real)
        out = softmax_sum(scores, v[:, shared], used)
        if capture:
            result.layers.append({"q": q, "k": k, "v": v, "out": out})
        merged = out.swapaxes(1, 2).reshape(y.shape[0], y.shape[1], -1)
        return linear(merged, w, "wo", "bo")

    def _heads(self, x, which):
        """[batch, N, heads*d] -> [batch, heads, N, d]; k and v have kv_heads."""
        heads = self.model["heads"] if which == "q" else self.model["kv_heads"]
        return x.reshape(x.shape[0], x.shape[1], heads, -1).swapaxes(1, 2)

    def _turned(self, w, x, which):
        """qk-norm, then rotary embedding, of q or k."""
        net = self._net
        if net["qk_norm"] != "none":
            x = self._norm(w, f"{which}_norm", x, net["qk_norm"])
        return rotate(x, net["rope_theta"], net["rope_style"], net["rope_dim"]) if net["rope_theta"] else x

    def _answer(self, x, real):
        """Final norm, pooling, head."""
        w, pool = self._w, self.model.get("pool", "first")
        if pool in ("first", "pooler"):
            x = x[:, 0]
        if "final_norm_w" in w:
            x = self._norm(w, "final_norm", x)
        if pool == "mean":
            rows = np.ones(x.shape[:2] + (1,)) if real is None else real[:, 0] * np.ones(x.shape[:2] + (1,))
            rows[:, :self.model["prefix_tokens"]] = 0
            x = (x * rows).sum(axis=1) / rows.sum(axis=1)
        if pool == "pooler":
            x = np.tanh(linear(x, w, "pooler_w", "pooler_b"))
        return linear(x, w, "head_w" if "head_w" in w else "token_embedding", "head_b")


class VitModel(Network):
    """A network of family "vit"."""

    def __init__(self, model, net, weights):
        if model["family"] != "vit":
            raise ValueError(f"forward pass: family is {model['family']!r}, supported is 'vit'")
        super().__init__(model, net, weights)


def as_inputs(inputs):
    """A bare array as {"patches"} (floats) or {"tokens"} (integers); a dict as it is."""
    if isinstance(inputs, dict):
        return inputs
    array = np.asarray(inputs)
    return {"patches" if array.dtype.kind == "f" else "tokens": array}


def check_supported(model, net):
    """Refuses a network that this forward pass would get wrong.

    Raises: ValueError naming the attribute, what it is and what is allowed.
    """
    rope_dim = net.get("rope_dim", model["head_dim"])
    rules = (("family", model["family"], FAMILIES),
             ("pool", model.get("pool", "first"), ("first", "mean", "pooler", "none")),
             ("norm", net["norm"], tuple(NORMS)), ("activation", net["activation"], tuple(ACTIVATIONS)),
             ("norm_position", net["norm_position"], ("pre", "post")),
             ("rope_style", net.get("rope_style", "half"), ("half", "interleaved")),
             ("qk_norm", net.get("qk_norm", "none"), ("none", *NORMS)))
    for name, value, allowed in rules:
        if value not in allowed:
            raise ValueError(f"forward pass: {name} is {value!r}, supported is {' or '.join(map(repr, allowed))}")
    if net.get("rope_theta", 0) and (rope_dim % 2 or not 0 < rope_dim <= model["head_dim"]):
        raise ValueError(f"forward pass: rope_dim is {rope_dim}, supported is an even number up to "
                         f"head_dim = {model['head_dim']}")
    if model["heads"] % model["kv_heads"]:
        raise ValueError(f"forward pass: kv_heads is {model['kv_heads']}, supported is a divisor of "
                         f"heads = {model['heads']}")
