"""ViTCoD (HPCA 2023, arXiv 2210.09573): softmax over fixed masks, q and k through an auto-encoder across heads."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from model import Shape
from variant import Recipe, SchemeViT, Variant, array, loaded


@dataclass(frozen=True)
class VitcodRecipe(Recipe):
    """codec_epochs: of `epochs`, those with auto-encoder and without masks. mass: share of a row of the average
    attention that its mask keeps. codec_weight: of the Frobenius norms of what the auto-encoder loses, as published."""

    codec_epochs: int = 3
    mass: float = 0.3
    codec_weight: float = 1e-4


class HeadCodec(nn.Module):
    """Linear from h heads to h' = ceil(h / 2) and back, for each token and feature."""

    def __init__(self, heads):
        super().__init__()
        code = (heads + 1) // 2
        self.encode, self.decode = nn.Linear(heads, code), nn.Linear(code, heads)
        self.lost = None

    @torch.no_grad()
    def begin(self, x):
        """The code that loses least of x [n, heads]: its first right singular vectors, no biases."""
        values, vectors = np.linalg.eigh((x.T @ x).double().numpy())
        basis = torch.from_numpy(vectors[:, np.argsort(-values)[:self.encode.out_features]].T.copy()).float()
        self.encode.weight.copy_(basis)
        self.decode.weight.copy_(basis.T)
        self.encode.bias.zero_()
        self.decode.bias.zero_()

    def forward(self, x):
        """Args: x [batch, heads, N, d]. Returns: the same shape; `lost` becomes |x - result|_F."""
        decoded = self.decode(self.encode(x.movedim(1, -1))).movedim(-1, 1)
        self.lost = (x - decoded).norm()
        return decoded

    @torch.no_grad()
    def fold(self, projection, heads):
        """The codec into the projection in front of it: both are linear, so nothing changes."""
        mix = self.decode.weight @ self.encode.weight
        shift = self.decode.weight @ self.encode.bias + self.decode.bias
        w, b = projection.weight, projection.bias
        w.copy_(torch.einsum("gh,hdw->gdw", mix, w.unflatten(0, (heads, -1))).flatten(0, 1))
        b.copy_((mix @ b.unflatten(0, (heads, -1)) + shift[:, None]).flatten())


class MaskedAttention(nn.Module):
    """softmax(q k^T / sqrt(d) with -inf where the mask says 0) v, of decoded q and k."""

    def __init__(self, heads, tokens):
        super().__init__()
        self.register_buffer("attend", torch.ones(heads, tokens, tokens, dtype=torch.bool), persistent=False)
        self.q_codec = self.k_codec = None

    def add_codecs(self, heads):
        self.q_codec, self.k_codec = HeadCodec(heads), HeadCodec(heads)

    def probabilities(self, q, k):
        if self.q_codec is not None:
            q, k = self.q_codec(q), self.k_codec(k)
        scores = q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)
        return scores.masked_fill(~self.attend, -torch.inf).softmax(dim=-1)

    def forward(self, q, k, v):
        return self.probabilities(q, k) @ v


def pruned(average, mass, prefix):
    """Row by row the fewest largest entries that hold `mass` of it, and one more; class token rows and columns.

    Args: average float64 [N, N]. Returns: bool [N, N], True = attend; of equal entries the first.
    """
    order = np.argsort(-average, axis=1, kind="stable")
    held = np.cumsum(np.take_along_axis(average, order, axis=1), axis=1)
    count = 1 + (held < mass * held[:, -1:]).sum(axis=1) + 1
    keep = np.zeros(average.shape, bool)
    np.put_along_axis(keep, order, np.arange(average.shape[1]) < count[:, None], axis=1)
    keep[:prefix], keep[:, :prefix] = True, True
    return keep


class Vitcod(Variant):
    name = "vitcod"
    recipe = VitcodRecipe()
    before = "the weights of digits_vit under masks from its own average attention, no auto-encoder"

    def start(self, weights, train, log):
        shape = Shape()
        model = loaded(SchemeViT([MaskedAttention(shape.heads, shape.tokens) for _ in range(shape.layers)]), weights)
        self.prune(model, train, log)
        return model

    def prune(self, model, train, log):
        """New masks from the average attention of the training set, dense."""
        attends = [block.attend for block in model.blocks]
        for attend in attends:
            attend.attend.fill_(True)
        sums = [0.0] * len(attends)
        for layers in model.layer_inputs(train):
            for index, (q, k, _) in enumerate(layers):
                with torch.no_grad():
                    sums[index] = sums[index] + attends[index].probabilities(q, k).double().sum(dim=0).numpy()
        for attend, total in zip(attends, sums):
            keep = [pruned(head, self.recipe.mass, 1) for head in total / len(train)]
            attend.attend.copy_(torch.from_numpy(np.stack(keep)))
        log(f"masks prune {self.sparsity(model):.4f}")

    def fine_tune(self, model, train, log):
        """Auto-encoder in, fine-tuned dense; then masks, fine-tuned again."""
        attends = [block.attend for block in model.blocks]
        for attend in attends:
            attend.attend.fill_(True)
        heads = model.shape.heads
        layers = next(iter(model.layer_inputs(train.take(slice(64)))))
        for attend, (q, k, _) in zip(attends, layers):
            attend.add_codecs(heads)
            attend.q_codec.begin(q.movedim(1, -1).flatten(0, -2))
            attend.k_codec.begin(k.movedim(1, -1).flatten(0, -2))

        def penalty():
            return self.recipe.codec_weight * sum(a.q_codec.lost + a.k_codec.lost for a in attends)

        first, seed = self.recipe.codec_epochs, self.recipe.seed
        self.fit(model, train, first, seed, log, penalty)
        self.prune(model, train, log)
        self.fit(model, train, self.recipe.epochs - first, seed + 1, log, penalty)

    def finish(self, model):
        for block in model.blocks:
            block.attend.q_codec.fold(block.query, model.shape.heads)
            block.attend.k_codec.fold(block.key, model.shape.heads)
            block.attend.q_codec = block.attend.k_codec = None

    def sparsity(self, model):
        return 1.0 - float(np.mean([array(block.attend.attend).mean() for block in model.blocks]))

    def masks(self, model):
        return {"vitcod": np.stack([array(block.attend.attend) for block in model.blocks]).astype(np.uint8)}

    def facts(self, model):
        return {"pruned": self.sparsity(model)}
