"""The digits ViT with ViTALiTy's attention (HPCA 2023, arXiv 2211.05109) in PyTorch."""

from dataclasses import dataclass

import torch

from model import Block, DigitsViT, Shape


def taylor_attention(q, k, v, scale):
    """Algorithm 1: first-order Taylor expansion of softmax around token-centred keys.

    Args: q, k, v [batch, heads, N, d]; scale: 1/sqrt(d). Returns: [batch, heads, N, d].
    """
    centred = k - k.mean(dim=-2, keepdim=True)
    state = centred.transpose(-1, -2) @ v
    divisor = k.shape[-2] / scale + q @ centred.sum(dim=-2, keepdim=True).transpose(-1, -2)
    numerator = v.sum(dim=-2, keepdim=True) / scale + q @ state
    return numerator / divisor


@dataclass(frozen=True)
class SparsePart:
    """The term S V that exists in training only: what the Taylor part leaves out of a few strong pairs.

    q and k on `bits` bits between the running minimum and maximum (asymmetric),
    softmax, entries above `threshold` kept, not normalised again: as released
    with the paper. momentum of the running range: ours.
    """

    bits: int = 4
    threshold: float = 0.002
    momentum: float = 0.99

    def quantise(self, x, span):
        """x on the grid of `span` ([low, high], updated in place); gradients pass as if it were x."""
        with torch.no_grad():
            now = torch.stack([x.min(), x.max()])
            span.copy_(now if torch.isnan(span).any() else self.momentum * span + (1 - self.momentum) * now)
            step = (span[1] - span[0]) / (2 ** self.bits - 1)
            grid = torch.round((x.clamp(span[0], span[1]) - span[0]) / step) * step + span[0]
        return x + (grid - x).detach()

    def __call__(self, q, k, v, scale, spans):
        p = ((self.quantise(q, spans[0]) * scale) @ self.quantise(k, spans[1]).transpose(-1, -2)).softmax(dim=-1)
        return (p * (p > self.threshold)) @ v


class TaylorBlock(Block):
    """A block whose attention is Taylor's, plus `sparse_weight` times the sparse part in training."""

    def __init__(self, shape):
        super().__init__(shape)
        self.sparse, self.sparse_weight = SparsePart(), 0.0
        self.register_buffer("spans", torch.full((2, 2), torch.nan), persistent=False)

    def forward(self, x, threshold=None, soften=None):
        """Args: x [batch, N, W]; threshold, soften: unused here, as in a dense block."""
        y = self.norm1(x)
        q, k, v = (self.heads_of(part(y)) for part in (self.query, self.key, self.value))
        attended = taylor_attention(q, k, v, self.shape.scale)
        if self.training and self.sparse_weight > 0:
            attended = attended + self.sparse_weight * self.sparse(q, k, v, self.shape.scale, self.spans)
        return self.finish(x, attended), None


class TaylorViT(DigitsViT):
    """DigitsViT of TaylorBlocks; the same parameters under the same names."""

    def __init__(self, shape=None):
        super().__init__(shape or Shape())
        self.blocks = torch.nn.ModuleList(TaylorBlock(self.shape) for _ in range(self.shape.layers))

    def set_sparse_weight(self, weight):
        for block in self.blocks:
            block.sparse_weight = weight


def load_trace_weights(model, weights):
    """The weights of a trace (names of the format) into a DigitsViT."""
    def put(parameter, array):
        parameter.data.copy_(torch.from_numpy(array))

    def put_linear(module, w, b, arrays):
        put(module.weight, arrays[w])
        put(module.bias, arrays[b])

    put(model.prefix, weights["prefix_embedding"])
    put(model.position, weights["position_embedding"])
    put_linear(model.patch, "patch_w", "patch_b", weights)
    put_linear(model.norm, "final_norm_w", "final_norm_b", weights)
    put_linear(model.head, "head_w", "head_b", weights)
    for index, block in enumerate(model.blocks):
        arrays = weights[f"layer_{index:02d}"]
        for module, name in ((block.query, "q"), (block.key, "k"), (block.value, "v"), (block.proj, "o"),
                             (block.up, "_up"), (block.down, "_down")):
            put_linear(module, f"w{name}", f"b{name}", arrays)
        for module, name in ((block.norm1, "norm1"), (block.norm2, "norm2")):
            put_linear(module, f"{name}_w", f"{name}_b", arrays)
