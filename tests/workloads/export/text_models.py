"""Small text models with random weights, with the names of PyTorch's and Hugging Face's modules."""

from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional


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


def turn_interleaved(x, cos, sin):
    """Pairs (2i, 2i + 1); the angles of pair i stand at i."""
    half = x.shape[-1] // 2
    even, odd = x[..., 0::2], x[..., 1::2]
    cos, sin = cos[..., :half], sin[..., :half]
    return torch.stack([even * cos - odd * sin, odd * cos + even * sin], dim=-1).flatten(-2)


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


# --- an encoder with Hugging Face's names


def module_of(**children):
    """A plain module with these children."""
    module = nn.Module()
    for name, child in children.items():
        module.add_module(name, child)
    return module


class BertLayer(nn.Module):
    """attention.self (query, key, value), attention.output, intermediate, output."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        itself = module_of(query=nn.Linear(dim, dim), key=nn.Linear(dim, dim), value=nn.Linear(dim, dim))
        output = module_of(dense=nn.Linear(dim, dim), LayerNorm=nn.LayerNorm(dim, eps=1e-12))
        self.attention = module_of(self=itself, output=output)
        self.intermediate = module_of(dense=nn.Linear(dim, 2 * dim))
        self.intermediate.intermediate_act_fn = functional.gelu
        self.output = module_of(dense=nn.Linear(2 * dim, dim), LayerNorm=nn.LayerNorm(dim, eps=1e-12))

    def forward(self, x, bias):
        b, n, w = x.shape
        parts = (getattr(self.attention, "self").get_submodule(name)(x) for name in ("query", "key", "value"))
        q, k, v = (part.view(b, n, self.heads, -1).transpose(1, 2) for part in parts)
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).reshape(b, n, w)
        x = self.attention.output.LayerNorm(x + self.attention.output.dense(y))
        y = self.intermediate.intermediate_act_fn(self.intermediate.dense(x))
        return self.output.LayerNorm(x + self.output.dense(y))


class Bert(nn.Module):
    """Names of Hugging Face's BertForSequenceClassification."""

    def __init__(self, vocabulary=37, length=16, dim=24, heads=4, layers=2, classes=4):
        super().__init__()
        embeddings = module_of(word_embeddings=nn.Embedding(vocabulary, dim), LayerNorm=nn.LayerNorm(dim, eps=1e-12),
                               position_embeddings=nn.Embedding(length, dim),
                               token_type_embeddings=nn.Embedding(2, dim))
        embeddings.register_buffer("position_ids", torch.arange(length)[None])
        encoder = module_of(layer=nn.ModuleList(BertLayer(dim, heads) for _ in range(layers)))
        self.bert = module_of(embeddings=embeddings, encoder=encoder, pooler=module_of(dense=nn.Linear(dim, dim)))
        self.classifier = nn.Linear(dim, classes)

    def forward(self, input_ids, attention_mask=None, token_type_ids=None):
        e = self.bert.embeddings
        x = e.word_embeddings(input_ids) + e.position_embeddings(e.position_ids[:, :input_ids.shape[1]])
        x = e.LayerNorm(x + e.token_type_embeddings(token_type_ids))
        bias = (1.0 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        for layer in self.bert.encoder.layer:
            x = layer(x, bias)
        return SimpleNamespace(logits=self.classifier(torch.tanh(self.bert.pooler.dense(x[:, 0]))))
