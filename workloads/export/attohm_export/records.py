"""What a capture hands over, framework-free: attention calls and other layers, whole batches."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class AttentionCall:
    """One call of one attention layer.

    name: module path. route: which route saw it. q [B, h, Nq, d], k [B, hk, Nk, d],
    v [B, hk, Nk, dv], out [B, h, Nq, dv]: float32, after qk-norm and rotary
    embedding, before scaling. scale: multiplies q.k. causal: query i sees keys
    j <= i. allowed: bool, bias: float32, both broadcast to [B, h, Nq, Nk], or None.
    """

    name: str
    route: str
    q: np.ndarray
    k: np.ndarray
    v: np.ndarray
    out: np.ndarray
    scale: float
    causal: bool = False
    allowed: np.ndarray = None
    bias: np.ndarray = None


@dataclass
class LayerCall:
    """One call of a linear, conv2d or graph layer.

    x: float32, [B, ...] as the kind wants it behind the batch axis (graph: one
    sample, no batch axis). weight, bias: float32 or None. attrs: stride, padding,
    groups. adjacency: CSR of a graph layer.
    """

    name: str
    kind: str
    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray = None
    attrs: dict = field(default_factory=dict)
    adjacency: dict = None
