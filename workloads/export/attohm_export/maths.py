"""The functions a transformer is made of, in NumPy and float64."""

import math

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


def gelu_tanh(x):
    """The tanh form of the same paper."""
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


def relu(x):
    """max(x, 0)."""
    return np.maximum(x, 0.0)


def silu(x):
    """x / (1 + exp(-x)), without overflow at either end."""
    return x * 0.5 * (1.0 + np.tanh(0.5 * x))


ACTIVATIONS = {"gelu": gelu, "gelu_tanh": gelu_tanh, "relu": relu, "silu": silu}


def layer_norm(x, weight, bias, eps):
    """Over the last axis, biased variance as in torch; bias None = none."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.mean(centred**2, axis=-1, keepdims=True)
    y = centred / np.sqrt(variance + eps) * weight
    return y if bias is None else y + bias


def rms_norm(x, weight, bias, eps):
    """x / sqrt(mean(x^2) + eps), over the last axis (Zhang and Sennrich 2019, arXiv 1910.07467)."""
    y = x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps) * weight
    return y if bias is None else y + bias


NORMS = {"layernorm": layer_norm, "rmsnorm": rms_norm}


def rotate(x, theta, style, dim):
    """Rotary embedding of positions 0..N-1 (Su et al. 2021, arXiv 2104.09864).

    Args: x float64 [..., N, d]; theta: base; style: "half" turns the pairs
      (i, i + dim/2), "interleaved" the pairs (2i, 2i + 1); dim: how many leading
      elements turn, the others pass. Pair i of token t turns by t theta^(-2i/dim).
    """
    angle = np.arange(x.shape[-2])[:, None] * theta ** (-np.arange(0, dim, 2) / dim)
    cos, sin = np.cos(angle), np.sin(angle)
    turned = x.copy()
    one, two = (slice(0, dim // 2), slice(dim // 2, dim)) if style == "half" else (slice(0, dim, 2), slice(1, dim, 2))
    turned[..., one] = x[..., one] * cos - x[..., two] * sin
    turned[..., two] = x[..., two] * cos + x[..., one] * sin
    return turned


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


def linear(x, weights, weight, bias):
    """x w^T + b; a bias the file lacks is none."""
    y = x @ weights[weight].T
    return y + weights[bias] if bias in weights else y


def widened(weights):
    """The same tree with float64 arrays."""
    return {name: widened(value) if isinstance(value, dict) else np.asarray(value, np.float64)
            for name, value in weights.items()}
