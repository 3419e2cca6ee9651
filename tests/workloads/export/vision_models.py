"""Small vision transformers with random weights, in timm's and torchvision's layouts and names."""

import math

import torch
from torch import nn

from stand_in import sdpa


class Attention(nn.Module):
    """timm's attention layout."""

    def __init__(self, dim, num_heads, qk_norm=False):
        super().__init__()
        self.num_heads, self.head_dim = num_heads, dim // num_heads
        self.scale, self.fused_attn = self.head_dim ** -0.5, True
        self.qkv = nn.Linear(dim, 3 * dim)
        self.q_norm = nn.LayerNorm(self.head_dim, eps=1e-6) if qk_norm else nn.Identity()
        self.k_norm = nn.LayerNorm(self.head_dim, eps=1e-6) if qk_norm else nn.Identity()
        self.attn_drop, self.norm = nn.Dropout(0.1), nn.Identity()
        self.proj, self.proj_drop = nn.Linear(dim, dim), nn.Dropout(0.1)

    def forward(self, x, attn_mask=None, is_causal=False):
        b, n, _ = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4).unbind(0)
        q, k = self.q_norm(q), self.k_norm(k)
        if self.fused_attn:
            y = sdpa(q, k, v, attn_mask, 0.0, is_causal)
        else:
            scores = (q * self.scale) @ k.transpose(-2, -1)
            scores = scores if attn_mask is None else scores.masked_fill(~attn_mask, -math.inf)
            y = self.attn_drop(scores.softmax(dim=-1)) @ v
        return self.proj_drop(self.proj(self.norm(y.transpose(1, 2).reshape(b, n, -1))))


class Mlp(nn.Module):
    """fc1, act, fc2."""

    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class LayerScale(nn.Module):
    """gamma x."""

    def __init__(self, dim):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return x * self.gamma


class VitBlock(nn.Module):
    """norm1, attn, ls1, norm2, mlp, ls2."""

    def __init__(self, dim, heads, hidden, qk_norm, layer_scale):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(dim, eps=1e-6), Attention(dim, heads, qk_norm)
        self.norm2, self.mlp = nn.LayerNorm(dim, eps=1e-6), Mlp(dim, hidden)
        self.ls1 = LayerScale(dim) if layer_scale else nn.Identity()
        self.ls2 = LayerScale(dim) if layer_scale else nn.Identity()

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    """Conv2d, then tokens."""

    def __init__(self, size, patch, channels, dim):
        super().__init__()
        self.grid_size = (size // patch, size // patch)
        self.proj, self.norm = nn.Conv2d(channels, dim, patch, patch), nn.Identity()

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    """timm's names: patch_embed, cls_token, reg_token, pos_embed, blocks, norm, fc_norm, head."""

    def __init__(self, size=12, patch=4, channels=3, dim=24, heads=3, layers=2, classes=5, qk_norm=False,
                 layer_scale=False, registers=0, no_embed_class=False, global_pool="token"):
        super().__init__()
        self.global_pool, self.no_embed_class = global_pool, no_embed_class
        self.patch_embed = PatchEmbed(size, patch, channels, dim)
        n = self.patch_embed.grid_size[0] ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.reg_token = nn.Parameter(torch.zeros(1, registers, dim)) if registers else None
        self.pos_embed = nn.Parameter(torch.zeros(1, n + (0 if no_embed_class else 1 + registers), dim))
        self.norm_pre = nn.Identity()
        self.blocks = nn.Sequential(*(VitBlock(dim, heads, 2 * dim, qk_norm, layer_scale) for _ in range(layers)))
        self.norm, self.fc_norm = nn.LayerNorm(dim, eps=1e-6), nn.Identity()
        self.head = nn.Linear(dim, classes)
        self.prefix = 1 + registers

    def forward(self, images):
        x = self.patch_embed(images)
        prefix = [t.expand(len(x), -1, -1) for t in (self.cls_token, self.reg_token) if t is not None]
        if self.no_embed_class:
            x = torch.cat(prefix + [x + self.pos_embed], dim=1)
        else:
            x = torch.cat(prefix + [x], dim=1) + self.pos_embed
        x = self.norm(self.blocks(self.norm_pre(x)))
        x = x[:, 0] if self.global_pool == "token" else x[:, self.prefix:].mean(dim=1)
        return self.head(self.fc_norm(x))


# --- a vision transformer with torchvision's names


class TorchvisionBlock(nn.Module):
    """ln_1, self_attention, ln_2, mlp."""

    def __init__(self, dim, heads):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * dim, dim),
                                 nn.Dropout(0.1))

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.self_attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class TorchvisionVit(nn.Module):
    """conv_proj, class_token, encoder (pos_embedding, layers, ln), heads.head."""

    def __init__(self, size=12, patch=4, dim=24, heads=4, layers=2, classes=5):
        super().__init__()
        self.conv_proj, self.class_token = nn.Conv2d(3, dim, patch, patch), nn.Parameter(torch.zeros(1, 1, dim))
        self.encoder = nn.Module()
        self.encoder.pos_embedding = nn.Parameter(torch.zeros(1, (size // patch) ** 2 + 1, dim))
        self.encoder.layers = nn.Sequential()
        for i in range(layers):
            self.encoder.layers.add_module(f"encoder_layer_{i}", TorchvisionBlock(dim, heads))
        self.encoder.ln = nn.LayerNorm(dim, eps=1e-6)
        self.heads = nn.Sequential()
        self.heads.add_module("head", nn.Linear(dim, classes))

    def forward(self, images):
        x = self.conv_proj(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1) + self.encoder.pos_embedding
        return self.heads(self.encoder.ln(self.encoder.layers(x))[:, 0])
