"""Training and LeOPArd's soft-threshold fine-tuning of the digits ViT."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy

import data
from model import SoftThreshold
from pre_norm import keep_or_dense

BATCH = 64
WEIGHT_DECAY = 0.05
GRADIENT_CLIP = 1.0     # norm, weights only
LABEL_SMOOTHING = 0.05


@dataclass(frozen=True)
class Recipe:
    """Everything that was chosen, by trials on a holdout of the training set.

    Learning rates are the peaks of one-cycle schedules (per step). kept_target:
    the hinge pulls the surrogate of each layer's kept fraction down to it.
    row_margin: a row whose largest score lies less than this above the threshold
    (scaled-score units) is pulled up, which is ours and not LeOPArd's: it keeps
    rows from losing every key.
    """

    seed: int = 7
    train_epochs: int = 36
    train_rate: float = 1e-3
    tune_epochs: int = 30
    tune_rate: float = 1.5e-4
    threshold_rate: float = 2e-2
    kept_target: float = 0.30
    kept_weight: float = 2.0
    row_margin: float = 0.2
    row_weight: float = 1.0


class HardThreshold:
    """The inference rule: keep iff score >= Th, an empty row stays dense."""

    def __call__(self, scores, threshold):
        return keep_or_dense(scores, threshold), torch.zeros(())


class RowGuard:
    """Wraps the soft threshold and sums what rows lack to keep at least one key."""

    def __init__(self, soften, margin):
        self._soften, self._margin, self.lack = soften, margin, 0.0

    def __call__(self, scores, threshold):
        self.lack = self.lack + torch.relu(threshold + self._margin - scores.amax(dim=-1)).mean()
        return self._soften(scores, threshold)


def as_inputs(split):
    """Patches [n, 64, 9] and labels [n] as tensors."""
    return torch.from_numpy(data.patches_of(split.images)), torch.from_numpy(split.labels)


@torch.no_grad()
def logits_of(model, split, soften=None):
    """Logits [n, classes] of a whole split, batch by batch."""
    model.eval()
    patches, _ = as_inputs(split)
    return torch.cat([model(part, soften)[0] for part in patches.split(BATCH)])


def accuracy(model, split, soften=None):
    """Fraction of right answers."""
    return (logits_of(model, split, soften).argmax(dim=1).numpy() == split.labels).mean()


def batches(split, rng):
    """One epoch of augmented batches in random order; the remainder is left out."""
    order = rng.permutation(len(split))
    for start in range(0, len(split) - BATCH + 1, BATCH):
        part = split.take(order[start:start + BATCH])
        moved = data.Split(data.shifted(part.images, rng), part.labels, part.index)
        yield as_inputs(moved)


def fit(model, split, epochs, groups, loss_of, seed, log):
    """AdamW with a one-cycle schedule. groups: (parameters, peak rate, weight decay)."""
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW([{"params": p, "lr": rate, "weight_decay": decay} for p, rate, decay in groups])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [rate for _, rate, _ in groups],
                                                   total_steps=epochs * (len(split) // BATCH), pct_start=0.15)
    for epoch in range(epochs):
        model.train()
        losses = []
        for patches, labels in batches(split, rng):
            loss = loss_of(patches, labels)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.weight_parameters(), GRADIENT_CLIP)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        log(f"epoch {epoch + 1}/{epochs} loss {np.mean(losses):.3f}")


def train(model, split, recipe, log):
    """Dense training from scratch."""
    def loss_of(patches, labels):
        return cross_entropy(model(patches)[0], labels, label_smoothing=LABEL_SMOOTHING)

    groups = [(model.weight_parameters(), recipe.train_rate, WEIGHT_DECAY)]
    fit(model, split, recipe.train_epochs, groups, loss_of, recipe.seed, log)


def start_thresholds(model, split, samples=128):
    """Each layer's threshold = the median of its scores over the first training samples."""
    patches, _ = as_inputs(split.take(slice(samples)))
    with torch.no_grad():
        model.thresholds.copy_(torch.stack([scores.median() for scores in model.layer_scores(patches)]))


def fine_tune(model, split, recipe, log):
    """Weights and thresholds together, under the soft threshold.

    Loss = cross entropy + kept_weight mean_l max(0, kept_l - kept_target)
    + row_weight mean_l lack_l.
    """
    soften = SoftThreshold()

    def loss_of(patches, labels):
        guard = RowGuard(soften, recipe.row_margin)
        logits, kept = model(patches, guard)
        excess = torch.relu(kept - recipe.kept_target).mean()
        return (cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING)
                + recipe.kept_weight * excess + recipe.row_weight * guard.lack / len(kept))

    groups = [(model.weight_parameters(), recipe.tune_rate, WEIGHT_DECAY),
              ([model.thresholds], recipe.threshold_rate, 0.0)]
    fit(model, split, recipe.tune_epochs, groups, loss_of, recipe.seed + 1, log)
