"""A small character GPT in PyTorch with LeOPArd's soft thresholds.

The layout is GPT-2's: pre-norm, learned positions, causal attention, gelu by the
tanh formula, head tied to the token embedding.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from pre_norm import PreNormBlock, keep_or_dense


@dataclass(frozen=True)
class Shape:
    """The network's sizes; vocabulary: symbols, tokens: longest context."""

    vocabulary: int
    layers: int = 4
    heads: int = 2
    head_dim: int = 64
    mlp: int = 512
    tokens: int = 384
    norm_eps: float = 1e-5

    @property
    def width(self):
        return self.heads * self.head_dim

    @property
    def scale(self):
        """Multiplies q.k: 1/sqrt(head_dim)."""
        return self.head_dim ** -0.5


@dataclass(frozen=True)
class SoftThreshold:
    """LeOPArd's differentiable pruning (Li et al., ISCA 2022, arXiv 2204.03227).

    The form is recalled from the paper, its constants s and c less surely.
    sharpness: s, slope of tanh per unit of scaled score. depth: c, a pruned score
    tends to -c. row_margin: what the best score of a row should be above the
    threshold. The count of kept scores is the sigmoid of slope 2 s, (1 + tanh(s(x-Th))) / 2.
    """

    sharpness: float = 10.0
    depth: float = 1000.0
    row_margin: float = 0.2

    def __call__(self, scores, threshold, allowed):
        """x tanh(s(x-Th)) from Th up, c tanh(s(x-Th)) below; an empty row stays dense.

        Args: scores [batch, heads, N, N], scaled, -inf where not allowed; threshold:
          scalar tensor; allowed: float [N, N], 1 where a key may be seen.
        Returns: softened scores; surrogate of the kept fraction; mean of what rows
          lack to keep a key by row_margin (scalar tensors).
        """
        gap = scores - threshold
        wall = torch.tanh(self.sharpness * gap)  # -1 where not allowed: adds nothing to the count
        soft = wall * torch.where(gap >= 0, scores, self.depth)
        best = scores.amax(dim=-1, keepdim=True)
        pairs = allowed.sum() * scores.shape[0] * scores.shape[1]
        kept = 0.5 * (wall.sum() + wall.numel()) / pairs
        lack = torch.relu(threshold + self.row_margin - best).mean()
        return torch.where(best < threshold, scores, soft), kept, lack


class HardThreshold:
    """The inference rule: keep iff score >= Th, an empty row stays dense."""

    def __call__(self, scores, threshold, allowed):
        return keep_or_dense(scores, threshold), torch.zeros(()), torch.zeros(())


class Block(PreNormBlock):
    """A key may be seen where `allowed` says so."""

    def __init__(self, shape):
        super().__init__(shape, partial(nn.functional.gelu, approximate="tanh"))

    def scores(self, x, allowed):
        """Scaled causal scores [batch, heads, N, N] of the normalised x [batch, N, W]."""
        return self.scaled_scores(x).masked_fill(allowed == 0, -torch.inf)

    def forward(self, x, allowed, threshold, soften):
        """Args: x [batch, N, W]; threshold, soften: a pruning rule, or None for dense softmax.

        Returns: x [batch, N, W]; the rule's kept fraction and lack (None when dense).
        """
        y = self.norm1(x)
        scores, kept, lack = self.scores(y, allowed), None, None
        if soften is not None:
            scores, kept, lack = soften(scores, threshold, allowed)
        return self.finish(x, scores.softmax(dim=-1) @ self.heads_of(self.value(y))), kept, lack


def sinusoids(count, width):
    """Positions as sines and cosines of falling frequency (Vaswani et al. 2017, arXiv 1706.03762)."""
    angle = torch.arange(count)[:, None] * 10000.0 ** (-torch.arange(0, width, 2) / width)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


class CharGPT(nn.Module):
    """Next character from all before it; one threshold per layer."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.token = nn.Embedding(shape.vocabulary, shape.width)
        self.position = nn.Parameter(torch.zeros(shape.tokens, shape.width))
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width, eps=shape.norm_eps)
        self.thresholds = nn.Parameter(torch.zeros(shape.layers))
        self.register_buffer("allowed", torch.ones(shape.tokens, shape.tokens).tril(), persistent=False)
        self._start()

    def _start(self):
        """Normal weights; what writes into the residual stream is smaller by sqrt(2 layers).

        Positions start as sinusoids and are learned from there.
        """
        nn.init.normal_(self.token.weight, std=0.05)
        with torch.no_grad():
            self.position.copy_(0.05 * sinusoids(self.shape.tokens, self.shape.width))
        for block in self.blocks:
            for linear in (block.query, block.key, block.value, block.up):
                nn.init.normal_(linear.weight, std=0.06)
            for linear in (block.proj, block.down):
                nn.init.normal_(linear.weight, std=0.06 / (2 * self.shape.layers) ** 0.5)
        for name, parameter in self.named_parameters():
            if name.endswith(".bias") and "norm" not in name:
                nn.init.zeros_(parameter)

    def forward(self, tokens, soften=None):
        """Args: tokens int64 [batch, N].

        Returns: logits [batch, N, vocabulary]; kept fraction and lack per layer, or None.
        """
        length = tokens.shape[1]
        allowed = self.allowed[:length, :length]
        x, kept, lack = self.token(tokens) + self.position[:length], [], []
        for block, threshold in zip(self.blocks, self.thresholds):
            x, layer_kept, layer_lack = block(x, allowed, threshold, soften)
            kept.append(layer_kept)
            lack.append(layer_lack)
        logits = self.norm(x) @ self.token.weight.T
        return logits, *((None, None) if soften is None else (torch.stack(kept), torch.stack(lack)))

    @torch.no_grad()
    def layer_scores(self, tokens):
        """Every layer's allowed scores of the dense network: list of flat tensors."""
        length = tokens.shape[1]
        allowed = self.allowed[:length, :length]
        x, result = self.token(tokens) + self.position[:length], []
        for block, threshold in zip(self.blocks, self.thresholds):
            scores = block.scores(block.norm1(x), allowed)
            result.append(scores[torch.isfinite(scores)])
            x, _, _ = block(x, allowed, threshold, None)
        return result

    def weight_groups(self, decay):
        """(parameters, weight decay): matrices decay; embeddings, norms and biases do not."""
        named = [(n, p) for n, p in self.named_parameters() if n != "thresholds"]
        matrices = [p for n, p in named if p.dim() == 2 and n.startswith("blocks")]
        others = [p for n, p in named if not (p.dim() == 2 and n.startswith("blocks"))]
        return [(matrices, decay), (others, 0.0)]
