"""SimA (WACV 2024, arXiv 2206.08898): l1 norms over tokens in place of softmax."""

from torch import nn

from variant import SchemeViT, Variant, loaded

EPSILON = 1e-12  # a clamp


class SimpleAttention(nn.Module):
    """q^ (k^^T v), channels of q and k divided by the sum of their absolute values over the tokens; no scale."""

    def forward(self, q, k, v):
        q, k = (x / x.abs().sum(dim=-2, keepdim=True).clamp_min(EPSILON) for x in (q, k))
        return q @ (k.transpose(-1, -2) @ v)


class Sima(Variant):
    name = "sima"

    def start(self, weights, train, log):
        return loaded(SchemeViT([SimpleAttention() for _ in range(4)]), weights)
