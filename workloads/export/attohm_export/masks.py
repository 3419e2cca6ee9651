"""From what a framework was told about masking to the words of the trace format."""

import numpy as np

from .errors import CaptureError

FORBIDDEN = -1e4  # an additive mask at or below this forbids the key: exp(-1e4) is 0 in float32 and float64


def split_bias(where, bias):
    """An additive mask as (allowed, bias).

    Args: bias: float array; -inf or at most FORBIDDEN means forbidden.
    Returns: bool array or None (all allowed), float32 array or None (nothing added).
    """
    if np.isnan(bias).any() or np.isposinf(bias).any():
        raise CaptureError("an additive mask holds nan or +inf", where, "nan or +inf", "finite numbers and -inf")
    forbidden = bias <= FORBIDDEN
    rest = np.where(forbidden, 0, bias).astype(np.float32)
    return (~forbidden if forbidden.any() else None), (rest if rest.any() else None)


def allowed_of(call):
    """Which keys each query of a call may see, causality included.

    Returns: bool, broadcast to [B, h, Nq, Nk], or None for all; float32 bias or None.
    """
    n_q, n_k = call.q.shape[2], call.k.shape[2]
    allowed, bias = call.allowed, None
    if call.bias is not None:
        more, bias = split_bias(call.name, call.bias)
        allowed = more if allowed is None else allowed if more is None else allowed & more
    if call.causal:
        lower = np.tri(n_q, n_k, dtype=bool)
        allowed = lower if allowed is None else allowed & lower
    return allowed, bias


def real_length(allowed, n_k):
    """How many leading keys anybody sees; the rest is right padding. allowed [..., Nq, Nk]."""
    seen = allowed.reshape(-1, n_k).any(axis=0)
    return int(np.flatnonzero(seen)[-1]) + 1 if seen.any() else 0


def pattern_of(allowed, n_q, n_k, length):
    """How a mask is said in the format.

    Args: allowed: bool [1 or h, Nq, Nk] or None for all; length: valid_len of the sample.
    Returns: causal (0 or 1), mask (uint8 [1 or h, Nq, Nk] or None). Rows of padding are not looked at.
    """
    rows = max(0, min(n_q, length - (n_k - n_q)))
    plain = np.broadcast_to(np.arange(n_k) < length, (n_q, n_k))
    lower = plain & np.tri(n_q, n_k, n_k - n_q, dtype=bool)
    if allowed is None:
        return (0, None) if length == n_k or not rows else (0, np.ones((1, n_q, n_k), np.uint8))
    if (allowed[:, :rows] == plain[:rows]).all():
        return 0, None
    if (allowed[:, :rows] == lower[:rows]).all():
        return 1, None
    return 0, allowed.astype(np.uint8)


def fits_length(allowed, n_q, n_k, length):
    """No real query sees a key at or behind `length`, so that valid_len says nothing false."""
    if n_q > n_k:
        return False
    rows = max(0, min(n_q, length - (n_k - n_q)))
    return allowed is not None and not allowed[:, :rows, length:].any()
