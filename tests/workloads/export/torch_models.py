"""Small PyTorch models with random weights, in the layouts and under the names of the libraries people use.

Written for these tests from the libraries' public layouts; none of their code is used.
"""

import math
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import small  # noqa: F401  (the path to the package)
import torch
from torch import nn
from torch.nn import functional

SEED = 20240611


def randomise(model, seed=SEED, spread=0.25):
    """Fixed random values for every parameter, so that nothing is close to 0 or 1 by initialisation."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            is_norm = parameter.dim() == 1 and name.endswith("weight")
            parameter.copy_(1 + 0.1 * noise if is_norm else spread * noise)
    return model.eval()


def sdpa(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    """What scaled_dot_product_attention is documented to do (PyTorch 2), for a PyTorch that lacks it."""
    if enable_gqa:
        groups = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
    scores = (query @ key.transpose(-2, -1)) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        assert attn_mask is None
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(dim=-1) @ value


@contextmanager
def shim():
    """Puts `sdpa` where PyTorch 2 has the function, if this PyTorch does not."""
    if hasattr(functional, "scaled_dot_product_attention"):
        yield
        return
    functional.scaled_dot_product_attention = sdpa
    try:
        yield
    finally:
        del functional.scaled_dot_product_attention


# --- a vision transformer in timm's layout


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


# --- an encoder through nn.MultiheadAttention


class Encoder(nn.Module):
    """BERT-style: token, position and segment embedding, norm, nn.TransformerEncoder, pooler, head."""

    def __init__(self, vocabulary=37, length=16, dim=24, heads=4, layers=2, classes=4, norm_first=False, pooler=True,
                 activation="gelu"):
        super().__init__()
        self.tok, self.pos, self.seg = nn.Embedding(vocabulary, dim), nn.Embedding(length, dim), nn.Embedding(2, dim)
        self.embed_norm = nn.LayerNorm(dim)
        layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, activation=activation, batch_first=True,
                                           norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(dim) if norm_first else None)
        self.pooler = nn.Linear(dim, dim) if pooler else None
        self.head = nn.Linear(dim, classes)

    def forward(self, input_ids, token_type_ids, padding=None):
        x = self.tok(input_ids) + self.pos.weight[:input_ids.shape[1]] + self.seg(token_type_ids)
        x = self.encoder(self.embed_norm(x), src_key_padding_mask=padding)[:, 0]
        return self.head(torch.tanh(self.pooler(x)) if self.pooler is not None else x)


# --- a decoder in Llama's layout


class RMSNorm(nn.Module):
    """x / rms(x) * weight."""

    def __init__(self, dim, eps=1e-5):
        super().__init__()
        self.weight, self.variance_epsilon = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


class Rotary(nn.Module):
    """cos and sin of every position, halves as in Hugging Face's models."""

    def __init__(self, dim, theta):
        super().__init__()
        self.register_buffer("inv_freq", theta ** (-torch.arange(0, dim, 2).float() / dim), persistent=False)

    def forward(self, n):
        angle = torch.outer(torch.arange(n).float(), self.inv_freq)
        angle = torch.cat([angle, angle], dim=-1)
        return angle.cos(), angle.sin()


def turn(x, cos, sin):
    """Pairs (i, i + d/2)."""
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], dim=-1) * sin


class LlamaAttention(nn.Module):
    """q_proj, k_proj, v_proj, o_proj; grouped queries; `style` is how keys are shared."""

    def __init__(self, dim, heads, kv_heads, head_dim, qk_norm, style):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim, self.style = heads, kv_heads, head_dim, style
        self.q_proj = nn.Linear(dim, heads * head_dim, bias=False)
        self.k_proj = nn.Linear(dim, kv_heads * head_dim, bias=False)
        self.v_proj = nn.Linear(dim, kv_heads * head_dim, bias=False)
        self.o_proj = nn.Linear(heads * head_dim, dim, bias=False)
        if qk_norm:
            self.q_norm, self.k_norm = RMSNorm(head_dim), RMSNorm(head_dim)

    def forward(self, x, cos, sin, mask):
        b, n, _ = x.shape
        q, k, v = (p(x).view(b, n, h, self.head_dim).transpose(1, 2) for p, h in (
            (self.q_proj, self.heads), (self.k_proj, self.kv_heads), (self.v_proj, self.kv_heads)))
        if hasattr(self, "q_norm"):
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = turn(q, cos, sin), turn(k, cos, sin)
        share = {"is_causal": mask is None, "attn_mask": mask}
        if self.style == "gqa":
            share["enable_gqa"] = True
        else:
            groups = self.heads // self.kv_heads
            k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        y = functional.scaled_dot_product_attention(q, k, v, **share)
        return self.o_proj(y.transpose(1, 2).reshape(b, n, -1))


class LlamaMlp(nn.Module):
    """down(silu(gate x) * up x)."""

    def __init__(self, dim, hidden):
        super().__init__()
        self.gate_proj, self.up_proj = nn.Linear(dim, hidden, bias=False), nn.Linear(dim, hidden, bias=False)
        self.down_proj, self.act_fn = nn.Linear(hidden, dim, bias=False), nn.SiLU()

    def forward(self, x):
        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))


class LlamaLayer(nn.Module):
    """input_layernorm, self_attn, post_attention_layernorm, mlp."""

    def __init__(self, dim, hidden, *attention):
        super().__init__()
        self.self_attn, self.mlp = LlamaAttention(dim, *attention), LlamaMlp(dim, hidden)
        self.input_layernorm, self.post_attention_layernorm = RMSNorm(dim), RMSNorm(dim)

    def forward(self, x, cos, sin, mask):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """Names of Hugging Face's LlamaForCausalLM; returns an object with .logits."""

    def __init__(self, vocabulary=41, dim=24, heads=4, kv_heads=2, head_dim=8, layers=2, theta=10000.0, qk_norm=False,
                 style="repeat"):
        super().__init__()
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(vocabulary, dim)
        self.model.layers = nn.ModuleList(LlamaLayer(dim, 2 * dim, heads, kv_heads, head_dim, qk_norm, style)
                                          for _ in range(layers))
        self.model.norm, self.model.rotary_emb = RMSNorm(dim), Rotary(head_dim, theta)
        self.lm_head = nn.Linear(dim, vocabulary, bias=False)

    def forward(self, input_ids, attention_mask=None):
        x = self.model.embed_tokens(input_ids)
        cos, sin = self.model.rotary_emb(input_ids.shape[1])
        mask = None
        if attention_mask is not None:
            n = input_ids.shape[1]
            allowed = torch.ones(n, n, dtype=torch.bool).tril() & (attention_mask[:, None, None, :] > 0)
            mask = torch.zeros(allowed.shape).masked_fill(~allowed, torch.finfo(torch.float32).min)
        for layer in self.model.layers:
            x = layer(x, cos, sin, mask)
        return SimpleNamespace(logits=self.lm_head(self.model.norm(x)))


# --- a decoder in GPT-2's layout


class Conv1D(nn.Module):
    """Linear with the weight stored [in, out]."""

    def __init__(self, outputs, inputs):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(inputs, outputs)), nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


class GptBlock(nn.Module):
    """ln_1, attn (c_attn, c_proj), ln_2, mlp (c_fc, act, c_proj)."""

    def __init__(self, dim, heads, length):
        super().__init__()
        self.ln_1, self.ln_2, self.heads = nn.LayerNorm(dim), nn.LayerNorm(dim), heads
        self.attn, self.mlp = nn.Module(), nn.Module()
        self.attn.c_attn, self.attn.c_proj = Conv1D(3 * dim, dim), Conv1D(dim, dim)
        self.attn.register_buffer("bias", torch.ones(1, 1, length, length).tril())
        self.mlp.c_fc, self.mlp.act, self.mlp.c_proj = Conv1D(2 * dim, dim), nn.GELU("tanh"), Conv1D(dim, 2 * dim)

    def forward(self, x):
        b, n, w = x.shape
        q, k, v = (t.view(b, n, self.heads, -1).transpose(1, 2) for t in self.attn.c_attn(self.ln_1(x)).split(w, dim=2))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, n, w)
        x = x + self.attn.c_proj(y)
        return x + self.mlp.c_proj(self.mlp.act(self.mlp.c_fc(self.ln_2(x))))


class Gpt(nn.Module):
    """Names of Hugging Face's GPT2LMHeadModel; the head is tied to the embedding."""

    def __init__(self, vocabulary=43, length=20, dim=24, heads=3, layers=2, tied=True):
        super().__init__()
        self.transformer = nn.Module()
        self.transformer.wte, self.transformer.wpe = nn.Embedding(vocabulary, dim), nn.Embedding(length, dim)
        self.transformer.h = nn.ModuleList(GptBlock(dim, heads, length) for _ in range(layers))
        self.transformer.ln_f = nn.LayerNorm(dim)
        self.lm_head = nn.Linear(dim, vocabulary, bias=False)
        if tied:
            self.lm_head.weight = self.transformer.wte.weight

    def forward(self, input_ids):
        x = self.transformer.wte(input_ids) + self.transformer.wpe.weight[:input_ids.shape[1]]
        for block in self.transformer.h:
            x = block(x)
        return {"logits": self.lm_head(self.transformer.ln_f(x))}


# --- inputs, always the same


def images(count=3, size=12):
    """[count, 3, size, size]."""
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def tokens(count, length, vocabulary, seed=2):
    """[count, length], integers."""
    return torch.randint(0, vocabulary, (count, length), generator=torch.Generator().manual_seed(seed))


def padding(lengths, length):
    """True where a token is padding."""
    return torch.arange(length)[None, :] >= torch.tensor(lengths)[:, None]


if __name__ == "__main__":
    sys.exit("make_models.py writes traces of these models")
