"""Does a captured `out` follow from the captured q, k, v? The check every writer makes."""

import numpy as np

from .maths import softmax_sum
from .schema import TraceError

TOLERANCE_FLOAT32 = 1e-3  # of max|out| per head, trace format 1.0
TOLERANCE_FLOAT16 = 1e-2


def allowed_keys(attrs, tensors, valid_len=None):
    """Which keys each query may see.

    Args: attrs: the layer's attributes (n_q, n_k, causal); tensors: its
      datasets; valid_len: real tokens of the sample, None for all.
    Returns: bool [1 or h, Nq, Nk].
    """
    n_q, n_k = attrs["n_q"], attrs["n_k"]
    allowed = np.ones((1, n_q, n_k), bool)
    if attrs["causal"]:
        allowed &= np.arange(n_k)[None, :] <= np.arange(n_q)[:, None] + n_k - n_q
    if valid_len is not None:
        allowed &= np.arange(n_k) < valid_len
    if "mask" in tensors:
        allowed = allowed & (np.asarray(tensors["mask"]) != 0)
    return allowed


def attention_out(attrs, tensors, valid_len=None):
    """softmax(scale q.k + bias) v over the allowed keys, 0 for a row without any.

    Args: as `allowed_keys`; q [h, Nq, d], k [hk, Nk, d], v [hk, Nk, dv], where
      head i reads key-value head i*hk/h. Returns: float64 [h, Nq, dv].
    """
    q, k, v = (np.asarray(tensors[name], np.float64) for name in "qkv")
    shared = np.arange(len(q)) * len(k) // len(q)
    scores = attrs["scale"] * (q @ k[shared].swapaxes(1, 2))
    if "bias" in tensors:
        scores = scores + np.asarray(tensors["bias"], np.float64)
    return softmax_sum(scores, v[shared], allowed_keys(attrs, tensors, valid_len))


def real_rows(attrs, valid_len):
    """The queries that are no padding: query i is token i + n_k - n_q. Returns: slice."""
    if valid_len is None or valid_len == attrs["n_k"]:
        return slice(None)
    return slice(max(0, min(attrs["n_q"], valid_len - (attrs["n_k"] - attrs["n_q"]))))


def recompute_error(attrs, tensors, valid_len=None):
    """max|difference| / max|out|, the worst head; padded rows are ignored."""
    rows = real_rows(attrs, valid_len)
    out = np.asarray(tensors["out"], np.float64)[:, rows]
    if out.shape[1] == 0:
        return 0.0
    difference = np.abs(attention_out(attrs, tensors, valid_len)[:, rows] - out).max(axis=(1, 2))
    size = np.abs(out).max(axis=(1, 2))
    return float(np.where(size > 0, difference / np.where(size > 0, size, 1.0),
                          np.where(difference > 0, np.inf, 0.0)).max())


def tolerance(tensors):
    """1e-3, or 1e-2 as soon as one of q, k, v, out is float16."""
    half = any(np.asarray(tensors[name]).dtype == np.float16 for name in ("q", "k", "v", "out"))
    return TOLERANCE_FLOAT16 if half else TOLERANCE_FLOAT32


def check_out(where, attrs, tensors, valid_len=None):
    """Refuses an `out` that q, k, v do not give.

    Raises: TraceError. Returns: the error.
    """
    error, limit = recompute_error(attrs, tensors, valid_len), tolerance(tensors)
    if not error <= limit:
        raise TraceError(where, f"out differs from softmax(scale q.k) v by {error:.3g} of max|out|, "
                                f"allowed is {limit:g}")
    return error
