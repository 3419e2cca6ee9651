"""The forward pass of a "vit" trace in NumPy: golden logits, captured q/k/v/out.

Works from the float32 arrays that a trace stores and computes in float64, so
that what it returns is the network in the file, not the framework's rounding.
Covers family "vit", pre-norm, layernorm, gelu (erf), ungated, pool "first";
anything else is refused by `check_supported`.
"""

import math
from dataclasses import dataclass, field

import numpy as np

_ERF_STEP = 1.0 / 512.0  # grid of the table; cubic Hermite error below 1e-12
_ERF_MAX = 6.0           # erf(6) = 1 - 2e-17
_erf_grid = np.arange(int(_ERF_MAX / _ERF_STEP) + 2) * _ERF_STEP
_erf_value = np.array([math.erf(x) for x in _erf_grid])
_erf_slope = 2.0 / math.sqrt(math.pi) * np.exp(-_erf_grid**2) * _ERF_STEP


def erf(x):
    """Error function, absolute error below 1e-12, any shape, float64."""
    a = np.minimum(np.abs(x), _ERF_MAX)
    cell = (a / _ERF_STEP).astype(np.intp)
    t = a / _ERF_STEP - cell
    left, right = _erf_value[cell], _erf_value[cell + 1]
    d0, d1 = _erf_slope[cell], _erf_slope[cell + 1]
    rise = right - left
    value = left + t * (d0 + t * (3 * rise - 2 * d0 - d1 + t * (d0 + d1 - 2 * rise)))
    return np.copysign(value, x)


def gelu(x):
    """x Phi(x), the exact form (Hendrycks and Gimpel 2016, arXiv 1606.08415)."""
    return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))


def layer_norm(x, weight, bias, eps):
    """Over the last axis, biased variance as in torch."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.mean(centred**2, axis=-1, keepdims=True)
    return centred / np.sqrt(variance + eps) * weight + bias


def softmax_sum(scores, v, allowed=None):
    """softmax over the allowed keys of each row, times v; a row with none gives 0.

    Args: scores float64 [..., Nq, Nk]; v float64 [..., Nk, dv]; allowed bool,
      broadcast to scores, or None for all. Returns: float64 [..., Nq, dv].
    """
    if allowed is not None:
        scores = np.where(allowed, scores, -np.inf)
    peak = scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isfinite(peak), peak, 0.0))
    total = weights.sum(axis=-1, keepdims=True)
    return (weights @ v) / np.where(total > 0, total, 1.0)


@dataclass
class PruneCount:
    """What one layer's threshold did, summed over samples, heads and queries.

    valid: scores looked at. kept: scores at or above the threshold. kept_dense:
    the same after rows that keep nothing are computed densely. rows, empty_rows:
    query rows, and those that keep nothing. margin: smallest |score - threshold|.
    """

    valid: int = 0
    kept: int = 0
    kept_dense: int = 0
    rows: int = 0
    empty_rows: int = 0
    margin: float = math.inf

    def add(self, scores, threshold):
        """Counts scores [..., Nq, Nk]; returns the keys to use, bool, the same shape."""
        keep = scores >= threshold
        empty = ~keep.any(axis=-1, keepdims=True)
        used = keep | empty
        self.valid += keep.size
        self.kept += int(keep.sum())
        self.kept_dense += int(used.sum())
        self.rows += empty.size
        self.empty_rows += int(empty.sum())
        self.margin = min(self.margin, float(np.abs(scores - threshold).min()))
        return used

    def merge(self, other):
        """Adds the counts of other samples."""
        for name in ("valid", "kept", "kept_dense", "rows", "empty_rows"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.margin = min(self.margin, other.margin)


@dataclass
class Pass:
    """Result of a forward pass.

    logits: float64 [batch, classes]. layers: per layer a dict of q, k, v, out,
    float64 [batch, heads, N, d] (empty unless captured). prune: PruneCount per
    layer (empty when dense).
    """

    logits: np.ndarray = None
    layers: list = field(default_factory=list)
    prune: list = field(default_factory=list)


class VitModel:
    """Model and weights by their names in the trace format.

    Args:
      model: attributes of /model. net: attributes of /model/weights.
      weights: {"layer_00": {"wq": array, ...}, ..., "final_norm_w": array, ...}.
    """

    def __init__(self, model, net, weights):
        check_supported(model, net)
        self.model, self.net, self.weights = dict(model), dict(net), weights
        self._w = _widened(weights)

    @property
    def scale(self):
        """Multiplies q.k: 1/sqrt(head_dim)."""
        return 1.0 / math.sqrt(self.model["head_dim"])

    def embed(self, patches):
        """[prefix_embedding ; patches patch_w^T + patch_b] + position_embedding.

        Args: patches [batch, n, p]. Returns: float64 [batch, n + prefix, W].
        """
        w = self._w
        x = np.asarray(patches, np.float64) @ w["patch_w"].T + w["patch_b"]
        prefix = np.broadcast_to(w["prefix_embedding"], (len(x),) + w["prefix_embedding"].shape)
        return np.concatenate([prefix, x], axis=1) + w["position_embedding"]

    def run(self, patches, thresholds=None, capture=False):
        """The whole network.

        Args: patches [batch, n, p]; thresholds: one per layer, in scaled-score
          units, keep iff score >= threshold, an empty row stays dense; None for
          dense softmax; capture: keep q, k, v, out of every layer.
        Returns: Pass.
        """
        w, eps, result = self._w, self.net["norm_eps"], Pass()
        x = self.embed(patches)
        for index in range(self.model["layers"]):
            layer = w[f"layer_{index:02d}"]
            y = layer_norm(x, layer["norm1_w"], layer["norm1_b"], eps)
            threshold = None if thresholds is None else float(thresholds[index])
            x = x + self._attend(layer, y, threshold, capture, result)
            y = layer_norm(x, layer["norm2_w"], layer["norm2_b"], eps)
            x = x + _linear(gelu(_linear(y, layer, "w_up", "b_up")), layer, "w_down", "b_down")
        pooled = layer_norm(x[:, 0], w["final_norm_w"], w["final_norm_b"], eps)
        result.logits = _linear(pooled, w, "head_w", "head_b")
        return result

    def _attend(self, layer, y, threshold, capture, result):
        """Multi-head attention of the normalised input y [batch, N, W], projected."""
        q, k, v = (self._heads(_linear(y, layer, "w" + n, "b" + n)) for n in "qkv")
        scores = self.scale * (q @ k.swapaxes(-1, -2))
        allowed = None
        if threshold is not None:
            result.prune.append(PruneCount())
            allowed = result.prune[-1].add(scores, threshold)
        out = softmax_sum(scores, v, allowed)
        if capture:
            result.layers.append({"q": q, "k": k, "v": v, "out": out})
        merged = out.swapaxes(1, 2).reshape(y.shape[0], y.shape[1], -1)
        return _linear(merged, layer, "wo", "bo")

    def _heads(self, x):
        """[batch, N, heads*d] -> [batch, heads, N, d]."""
        return x.reshape(x.shape[0], x.shape[1], self.model["heads"], -1).swapaxes(1, 2)


def check_supported(model, net):
    """Refuses a network that this forward pass would get wrong.

    Raises: ValueError naming the attribute, what it is and what is allowed.
    """
    wanted = {"family": "vit", "pool": "first", "causal": 0}
    wanted_net = {"norm": "layernorm", "norm_position": "pre", "activation": "gelu", "gated": 0,
                  "rope_theta": 0, "qk_norm": "none", "layer_scale": 0, "tied_head": 0}
    defaults = {"pool": "first", "qk_norm": "none", "rope_theta": 0, "layer_scale": 0, "tied_head": 0}
    for attributes, rules in ((model, wanted), (net, wanted_net)):
        for name, value in rules.items():
            got = attributes.get(name, defaults.get(name))
            if got != value:
                raise ValueError(f"forward pass: {name} is {got!r}, supported is {value!r}")
    if model.get("kv_heads", model["heads"]) != model["heads"]:
        raise ValueError(f"forward pass: kv_heads is {model['kv_heads']}, supported is heads = {model['heads']}")


def _linear(x, weights, weight, bias):
    """x w^T + b; a bias the file lacks is none."""
    y = x @ weights[weight].T
    return y + weights[bias] if bias in weights else y


def _widened(weights):
    """The same tree with float64 arrays."""
    return {name: _widened(value) if isinstance(value, dict) else np.asarray(value, np.float64)
            for name, value in weights.items()}
