"""What the variants share: a digits ViT whose attention is a scheme's, and what a scheme's module may define."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu

import data
import export
import training
from model import Block, DigitsViT, Shape
from taylor import load_trace_weights


@dataclass(frozen=True)
class Recipe:
    """rate: the peak of a one-cycle schedule, per step."""

    seed: int = 17
    epochs: int = 8
    rate: float = 3e-4


class SchemeBlock(Block):
    """A block that leaves the attention itself to `attend` (q, k, v [batch, heads, N, d] -> the same shape)."""

    def __init__(self, shape, attend):
        super().__init__(shape)
        self.attend = attend

    def projected(self, y):
        """q, k, v of the normalised input."""
        return tuple(self.heads_of(part(y)) for part in (self.query, self.key, self.value))

    def forward(self, x, threshold=None, soften=None):
        """Args: x [batch, N, W]; threshold, soften: unused here, as in a dense block."""
        attended = self.attend(*self.projected(self.norm1(x)))
        x = x + self.proj(attended.transpose(1, 2).flatten(2))
        return x + self.down(gelu(self.up(self.norm2(x)))), None


class SchemeViT(DigitsViT):
    """DigitsViT of SchemeBlocks; the same parameters under the same names, beside those of the attention."""

    def __init__(self, attends):
        super().__init__(Shape())
        self.blocks = nn.ModuleList(SchemeBlock(self.shape, attend) for attend in attends)

    @torch.no_grad()
    def layer_inputs(self, split):
        """For each batch of a split, the (q, k, v) of every layer."""
        self.eval()
        patches, _ = training.as_inputs(split)
        for part in patches.split(training.BATCH):
            x, layers = self.embed(part), []
            for block in self.blocks:
                layers.append(block.projected(block.norm1(x)))
                x, _ = block(x)
            yield layers


class Softmax(nn.Module):
    """Dense attention."""

    def forward(self, q, k, v):
        return (q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)).softmax(dim=-1) @ v


class Variant:
    """One scheme. A subclass gives `name`, `recipe` and what differs from the defaults below."""

    name = ""
    recipe = Recipe()
    settings = ()  # of `attohm run`, beside scheme=name
    before = "the weights of digits_vit"

    def start(self, weights, train, log):
        """The network before fine-tuning. Args: weights: of digits_vit, as in its trace; train: Split."""
        raise NotImplementedError

    def fine_tune(self, model, train, log):
        """All parameters under the scheme's attention, cross entropy alone."""
        self.fit(model, train, self.recipe.epochs, self.recipe.seed, log)

    def fit(self, model, train, epochs, seed, log, penalty=None):
        """Args: penalty: what is added to the loss after a forward pass."""
        def loss_of(patches, labels):
            loss = cross_entropy(model(patches)[0], labels, label_smoothing=training.LABEL_SMOOTHING)
            return loss if penalty is None else loss + penalty()

        groups = [(model.weight_parameters(), self.recipe.rate, training.WEIGHT_DECAY)]
        training.fit(model, train, epochs, groups, loss_of, seed, log)

    def finish(self, model):
        """What of the scheme can be folded into the weights."""

    def vit(self, model):
        """The network as the trace will hold it, an exporter's VitModel."""
        return export.vit_model(model)

    def masks(self, model):
        """{name: uint8 [layers, heads, N, N]} for /model/masks."""
        return {}

    def extra(self, model):
        """{"layer_00": {name: float32 array}} for /model/weights/extra/<name>."""
        return {}

    def facts(self, model):
        """What the report says beside accuracy."""
        return {}


def loaded(model, weights):
    """The weights of a trace in a SchemeViT."""
    load_trace_weights(model, weights)
    return model


@torch.no_grad()
def round_weights(model):
    """Every weight to the nearest float16: half the file, and the network is what the file says."""
    for parameter in model.weight_parameters():
        parameter.copy_(parameter.half().float())


def array(tensor):
    return tensor.detach().numpy().copy()
