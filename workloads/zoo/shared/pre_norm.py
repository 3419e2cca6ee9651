"""What the transformers of the zoo have in common, in PyTorch."""

import torch
from torch import nn


class PreNormBlock(nn.Module):
    """x + attention(norm x), then x + mlp(norm x). Subclasses say how scores become attention."""

    def __init__(self, shape, activation):
        """Args: shape: width, heads, head_dim, scale, mlp, norm_eps; activation: of the mlp."""
        super().__init__()
        width = shape.width
        self.shape, self.activation = shape, activation
        self.norm1 = nn.LayerNorm(width, eps=shape.norm_eps)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=shape.norm_eps)
        self.up, self.down = nn.Linear(width, shape.mlp), nn.Linear(shape.mlp, width)

    def heads_of(self, x):
        """[batch, N, heads*d] -> [batch, heads, N, d]."""
        return x.unflatten(-1, (self.shape.heads, self.shape.head_dim)).transpose(1, 2)

    def scaled_scores(self, x):
        """Scaled scores [batch, heads, N, N] of the normalised x [batch, N, W], every pair."""
        q, k = self.heads_of(self.query(x)) * self.shape.scale, self.heads_of(self.key(x))
        return q @ k.transpose(-1, -2)

    def finish(self, x, attended):
        """Both residual sums. Args: x [batch, N, W]; attended [batch, heads, N, d]. Returns: the block's output."""
        x = x + self.proj(attended.transpose(1, 2).flatten(2))
        return x + self.down(self.activation(self.up(self.norm2(x))))


def keep_or_dense(scores, threshold):
    """The inference rule: keep iff score >= Th, an empty row stays dense. Returns: scores, -inf where pruned."""
    keep = scores >= threshold
    keep = keep | ~keep.any(dim=-1, keepdim=True)
    return scores.masked_fill(~keep, -torch.inf)
