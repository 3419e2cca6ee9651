"""EcoFormer (NeurIPS 2022, arXiv 2209.09004): linear attention over hash codes of a shared projection of q and k."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from variant import Recipe, SchemeViT, Softmax, Variant, array, loaded

ANCHORS = 25
BITS = 16
PAIRS = 10    # most and least similar tokens of a token, the targets of its codes
TOKENS = 256  # of the training set from which a hash is learned


@dataclass(frozen=True)
class EcoformerRecipe(Recipe):
    """The hash is learned once, from the weights that fine-tuning starts with."""

    rate: float = 5e-4


def signs(x):
    """sign(x), sign(0) = 0; gradients as of tanh(x / mean |x|)."""
    soft = torch.tanh(x / x.detach().abs().mean().clamp_min(1e-12))
    return soft + (torch.sign(x) - soft).detach()


class HashAttention(nn.Module):
    """Codes B of signs, out_i = (B_i (B^T V) + beta v_i) / (B_i sum_j B_j + beta N), beta = BITS + 1."""

    def __init__(self, heads, dim):
        super().__init__()
        for name, shape in (("anchors", (heads, ANCHORS, dim)), ("mvec", (heads, ANCHORS)),
                            ("a", (heads, BITS, ANCHORS))):
            self.register_buffer(name, torch.zeros(shape), persistent=False)

    def kernel(self, x):
        """exp(-D2 / 2 sigma) [..., heads, N, anchors] of rows x / |x|, sigma the mean of D2 over tokens and anchors."""
        x = x / x.norm(dim=-1, keepdim=True)
        square = (x * x).sum(-1, keepdim=True) + (self.anchors ** 2).sum(-1)[:, None] \
            - 2 * x @ self.anchors.transpose(-1, -2)
        return torch.exp(-square / (2 * square.mean(dim=(-1, -2), keepdim=True)))

    def codes(self, x):
        return signs((self.kernel(x) - self.mvec[:, None]) @ self.a.transpose(-1, -2))

    def forward(self, q, k, v):
        """Args: q and k are the same: one projection."""
        b, beta = self.codes(q), BITS + 1
        numerator = b @ (b.transpose(-1, -2) @ v) + beta * v
        return numerator / (b @ b.sum(dim=-2).unsqueeze(-1) + beta * v.shape[-2])

    @torch.no_grad()
    def learn(self, x, rng):
        """Anchors, mean and A of every head. Args: x [samples, heads, N, d]; rng: numpy Generator."""
        tokens = x.transpose(0, 1).flatten(1, 2)
        for head in range(len(tokens)):
            chosen = tokens[head][torch.from_numpy(rng.permutation(tokens.shape[1])[:TOKENS])]
            unit = chosen / chosen.norm(dim=-1, keepdim=True)
            self.anchors[head] = unit[torch.from_numpy(rng.permutation(TOKENS)[:ANCHORS])]
            self.mvec[head] = self.kernel(x)[:, head].mean(dim=(0, 1))
            square = torch.cdist(unit, self.anchors[head]).double() ** 2
            kappa = torch.exp(-square / (2 * square.mean())).numpy()
            a = hash_vectors(kappa - kappa.mean(axis=0), pair_targets((chosen @ chosen.T).double().numpy()))
            self.a[head] = torch.from_numpy(a).float()


def pair_targets(similarity):
    """Y [n, n]: 1 for the PAIRS most similar tokens of a token and itself, -1 for the PAIRS least similar, else 0."""
    order = np.argsort(similarity, axis=1, kind="stable")
    y = np.zeros_like(similarity)
    np.put_along_axis(y, order[:, :PAIRS], -1.0, axis=1)
    np.put_along_axis(y, order[:, -PAIRS:], 1.0, axis=1)
    np.fill_diagonal(y, 1.0)
    return (y + y.T) / 2


def hash_vectors(kappa, y):
    """A [BITS, m]: bit after bit, the direction whose codes explain most of what the earlier ones leave of BITS Y.

    Supervised hashing with kernels (Liu et al., CVPR 2012), its spectral step: the largest
    a^T K^T R K a under a^T K^T K a = 1, then R -= code code^T.
    """
    size = len(kappa)
    gram = kappa.T @ kappa + 1e-6 * size * np.eye(kappa.shape[1])
    lower = np.linalg.inv(np.linalg.cholesky(gram))
    left, rows = BITS * y, []
    for _ in range(BITS):
        _, vectors = np.linalg.eigh(lower @ (kappa.T @ left @ kappa) @ lower.T)
        a = lower.T @ vectors[:, -1]
        a /= np.linalg.norm(a)
        code = np.sign(kappa @ a)
        left = left - np.outer(code, code)
        rows.append(a)
    return np.stack(rows)


class Ecoformer(Variant):
    name = "ecoformer"
    recipe = EcoformerRecipe()
    before = "the weights of digits_vit with wq for queries and keys, hashes learned from them"

    def start(self, weights, train, log):
        model = loaded(SchemeViT([Softmax() for _ in range(4)]), weights)
        for block in model.blocks:
            block.key = block.query
            block.attend = HashAttention(model.shape.heads, model.shape.head_dim)
        rng, some = np.random.default_rng(self.recipe.seed), train.take(slice(64))
        # Layer by layer, each on what the hashed layers in front of it give.
        for index, block in enumerate(model.blocks):
            block.attend.learn(next(iter(model.layer_inputs(some)))[index][0], rng)
        return model

    def extra(self, model):
        return {f"layer_{index:02d}": {"anchors": array(block.attend.anchors), "mvec": array(block.attend.mvec),
                                       "A": array(block.attend.a)} for index, block in enumerate(model.blocks)}
