"""MaiT (arXiv 2207.03006): scores multiplied by a mask of neighbouring patches before the softmax."""

import torch
from torch import nn

from variant import SchemeViT, Softmax, Variant, array, loaded

WINDOW = 3  # patches a side


def neighbours(grid, window, prefix):
    """M float32 [N, N]: patches of the window around a patch and the class column; all ones in the class row."""
    at = torch.arange(grid * grid)
    rows, columns = at // grid, at % grid
    near = (rows[:, None] - rows).abs().maximum((columns[:, None] - columns).abs()) <= window // 2
    mask = torch.ones(prefix + grid * grid, prefix + grid * grid)
    mask[prefix:, prefix:] = near.float()
    return mask


class MaskedScores(nn.Module):
    """softmax((M * q k^T) / sqrt(d)) v in the first `masked` heads, M = 1 in the others: a score of 0, not -inf."""

    def __init__(self, mask, masked, heads):
        super().__init__()
        m = torch.ones(heads, *mask.shape)
        m[:masked] = mask
        self.register_buffer("mask", m, persistent=False)
        self.masked = masked

    def forward(self, q, k, v):
        scores = self.mask * (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
        return scores.softmax(dim=-1) @ v


def locality(model, train, mask):
    """ALS of every layer and head, [layers, heads]: the softmax mass that M covers, mean over rows and samples."""
    sums = torch.zeros(model.shape.layers, model.shape.heads, dtype=torch.float64)
    for layers in model.layer_inputs(train):
        for index, (q, k, _) in enumerate(layers):
            p = (q * model.shape.scale @ k.transpose(-1, -2)).softmax(dim=-1)
            sums[index] += (p * mask).sum(dim=-1).mean(dim=-1).double().sum(dim=0)
    return sums / len(train)


def swap_heads(block, order):
    """The same network with its heads in another order."""
    def rows(x):
        return x.unflatten(0, (len(order), -1))[order].flatten(0, 1)

    with torch.no_grad():
        for part in (block.query, block.key, block.value):
            part.weight.copy_(rows(part.weight))
            part.bias.copy_(rows(part.bias))
        block.proj.weight.copy_(rows(block.proj.weight.T).T)


class Mait(Variant):
    name = "mait"
    before = "the weights of digits_vit, its most local heads masked"

    def start(self, weights, train, log):
        """As many heads masked as the layer's locality says, at least one.

        All near 1, one of two near 0.5, none near 0. The most local head of each layer
        comes first and is masked first.
        """
        model = loaded(SchemeViT([Softmax() for _ in range(4)]), weights)
        shape = model.shape
        mask = neighbours(shape.grid, WINDOW, 1)
        self.locality = locality(model, train, mask)
        counts = (self.locality.mean(dim=1) * shape.heads).round().int().clamp_min(1).tolist()
        log(f"locality {self.locality.tolist()}, masked heads {counts}")
        for block, local, count in zip(model.blocks, self.locality, counts):
            swap_heads(block, local.argsort(descending=True, stable=True))
            block.attend = MaskedScores(mask, count, shape.heads)
        self.settings = (f"mait.masked_heads=[{', '.join(map(str, counts))}]",)
        return model

    def facts(self, model):
        return {"locality_before": array(self.locality).tolist()}
