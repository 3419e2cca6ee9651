"""A plain pre-norm vision transformer in PyTorch with LeOPArd's soft thresholds."""

from dataclasses import dataclass

import torch
from torch import nn

from pre_norm import PreNormBlock


@dataclass(frozen=True)
class Shape:
    """The network's sizes: tokens on a grid x grid field behind one class token."""

    layers: int = 4
    heads: int = 2
    head_dim: int = 64
    mlp: int = 256
    grid: int = 8
    patch: int = 9
    classes: int = 10
    norm_eps: float = 1e-6

    @property
    def width(self):
        return self.heads * self.head_dim

    @property
    def tokens(self):
        return self.grid * self.grid + 1

    @property
    def scale(self):
        """Multiplies q.k: 1/sqrt(head_dim)."""
        return self.head_dim ** -0.5


@dataclass(frozen=True)
class SoftThreshold:
    """LeOPArd's differentiable pruning (Li et al., ISCA 2022, arXiv 2204.03227).

    The form is recalled from the paper, its constants s and c less surely.
    sharpness: s, slope of tanh per unit of scaled score. depth: c, a pruned score
    tends to -c. count_sharpness: slope of the sigmoid that stands for the count.
    """

    sharpness: float = 10.0
    depth: float = 1000.0
    count_sharpness: float = 10.0

    def __call__(self, scores, threshold):
        """x tanh(s(x-Th)) from Th up, c tanh(s(x-Th)) below; an empty row stays dense.

        Args: scores [batch, heads, N, N], scaled; threshold: scalar tensor.
        Returns: softened scores, surrogate of the kept fraction (scalar tensor).
        """
        gap = scores - threshold
        wall = torch.tanh(self.sharpness * gap)
        soft = torch.where(gap >= 0, scores * wall, self.depth * wall)
        empty = gap.detach().amax(dim=-1, keepdim=True) < 0
        return torch.where(empty, scores, soft), torch.sigmoid(self.count_sharpness * gap).mean()


class Block(PreNormBlock):
    """One threshold for all scores, or none."""

    def __init__(self, shape):
        super().__init__(shape, nn.functional.gelu)

    def forward(self, x, threshold=None, soften=None):
        """Args: x [batch, N, W]; threshold, soften: LeOPArd's, or None for dense softmax.

        Returns: x [batch, N, W], surrogate kept fraction (None when dense).
        """
        y = self.norm1(x)
        scores, kept = self.scaled_scores(y), None
        if soften is not None:
            scores, kept = soften(scores, threshold)
        return self.finish(x, scores.softmax(dim=-1) @ self.heads_of(self.value(y))), kept


class DigitsViT(nn.Module):
    """Class token in front, learned positions, the head reads the class token."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.patch = nn.Linear(shape.patch, shape.width)
        self.prefix = nn.Parameter(0.02 * torch.randn(1, shape.width))
        self.position = nn.Parameter(0.02 * torch.randn(shape.tokens, shape.width))
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width, eps=shape.norm_eps)
        self.head = nn.Linear(shape.width, shape.classes)
        self.thresholds = nn.Parameter(torch.zeros(shape.layers))

    def embed(self, patches):
        """patches [batch, n, p] -> x0 [batch, n+1, W]."""
        x = self.patch(patches)
        return torch.cat([self.prefix.expand(len(x), -1, -1), x], dim=1) + self.position

    def forward(self, patches, soften=None):
        """Returns: logits [batch, classes], surrogate kept fractions [layers] or None."""
        x, kept = self.embed(patches), []
        for block, threshold in zip(self.blocks, self.thresholds):
            x, layer_kept = block(x, threshold, soften)
            kept.append(layer_kept)
        logits = self.head(self.norm(x[:, 0]))
        return logits, None if soften is None else torch.stack(kept)

    @torch.no_grad()
    def layer_scores(self, patches):
        """Scaled scores of every layer, dense network: list of [batch, heads, N, N]."""
        x, scores = self.embed(patches), []
        for block in self.blocks:
            scores.append(block.scaled_scores(block.norm1(x)))
            x, _ = block(x)
        return scores

    def weight_parameters(self):
        """Every parameter but the thresholds."""
        return [p for name, p in self.named_parameters() if name != "thresholds"]
