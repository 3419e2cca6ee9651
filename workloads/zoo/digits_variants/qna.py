"""QnA (CVPR 2022, arXiv 2112.11435): local attention whose queries are learned, on patches without class token."""

from dataclasses import dataclass

import torch
from torch import nn

import export
from attohm_export.forward import VitModel
from variant import Recipe, SchemeViT, Variant, array, loaded

WINDOW = 3
QUERIES = 2
EPSILON = 1e-6  # added to the norm of a learned query


class QnaAttention(nn.Module):
    """out = sum_l (sum_D w_Dl e^b_Dl e^c_jl v_j) / (sum_D e^b_Dl e^c_jl), c_jl = k_j.q_l / (|q_l| + eps) / sqrt(d)."""

    def __init__(self, heads, dim, grid):
        super().__init__()
        self.query = nn.Parameter(torch.randn(QUERIES, heads, dim))
        self.bias = nn.Parameter(torch.zeros(WINDOW, WINDOW, QUERIES, heads))
        self.weight = nn.Parameter(torch.full((WINDOW, WINDOW, QUERIES, heads), 1.0 / QUERIES))
        at = torch.arange(grid * grid)
        down, right = (torch.stack([at // grid, at % grid])[:, None] - torch.stack([at // grid, at % grid])[:, :, None])
        reach = WINDOW // 2
        self.inside = ((down.abs() <= reach) & (right.abs() <= reach)).float()  # [output, token]
        self.offset = ((down + reach) * WINDOW + right + reach).clamp(0, WINDOW * WINDOW - 1)

    def spread(self, kernel):
        """A kernel [k, k, L, heads] as the tokens' weights in every output, [L, heads, N, N], 0 outside the window."""
        return kernel.flatten(0, 1)[self.offset].permute(2, 3, 0, 1) * self.inside

    def forward(self, q, k, v):
        """Args: q is not used."""
        unit = self.query / (self.query.norm(dim=-1, keepdim=True) + EPSILON) * k.shape[-1] ** -0.5
        e = torch.exp(torch.einsum("bhnd,lhd->lbhn", k, unit))
        below, above = self.spread(self.bias.exp()), self.spread(self.weight * self.bias.exp())
        total = 0.0
        for own, low, high in zip(e, below, above):
            divisor = (own.unsqueeze(-2) @ low.transpose(-1, -2)).squeeze(-2)
            total = total + high * own.unsqueeze(-2) / divisor.unsqueeze(-1)
        return total @ v


class QnaViT(SchemeViT):
    """No class token: the head reads the mean of the normalised patches."""

    def embed(self, patches):
        return self.patch(patches) + self.position[1:]

    def forward(self, patches, soften=None):
        x = self.embed(patches)
        for block in self.blocks:
            x, _ = block(x)
        return self.head(self.norm(x).mean(dim=1)), None


@dataclass(frozen=True)
class QnaRecipe(Recipe):
    epochs: int = 10
    rate: float = 1e-3


class Qna(Variant):
    name = "qna"
    recipe = QnaRecipe()
    before = "the weights of digits_vit without class token, random learned queries, mean over patches"

    def start(self, weights, train, log):
        model = QnaViT([nn.Identity() for _ in range(4)])
        shape = model.shape
        for block in model.blocks:
            block.attend = QnaAttention(shape.heads, shape.head_dim, shape.grid)
        return loaded(model, weights)

    def vit(self, model):
        vit = export.vit_model(model)
        weights = {name: value for name, value in vit.weights.items() if name != "prefix_embedding"}
        weights["position_embedding"] = weights["position_embedding"][1:].copy()
        return VitModel({**vit.model, "prefix_tokens": 0, "pool": "mean"}, vit.net, weights)

    def extra(self, model):
        return {f"layer_{index:02d}": {name: array(getattr(block.attend, name))
                                       for name in ("query", "bias", "weight")}
                for index, block in enumerate(model.blocks)}
