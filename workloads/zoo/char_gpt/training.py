"""Training and LeOPArd's soft-threshold fine-tuning of the character GPT."""

import os
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from model import SoftThreshold

GRADIENT_CLIP = 1.0   # norm, weights only
EVALUATION_BATCH = 8  # windows per pass; bounds memory only


@dataclass(frozen=True)
class Recipe:
    """Everything that was chosen.

    Rates are peaks; warm_up: steps until the peak; cool_down: part of the steps at the
    end over which the rate falls to 0 (so a run can be made longer before it falls).
    windows: sequences of the full context per step. kept_target: the hinge pulls the surrogate
    of each layer's kept fraction down to it. row_weight: weight of the term that pulls
    up rows about to lose every key (ours, not LeOPArd's).
    """

    seed: int = 7
    windows: int = 4
    train_steps: int = 3000
    train_rate: float = 2e-3
    tune_steps: int = 1200
    tune_rate: float = 6e-4
    threshold_rate: float = 2e-2
    weight_decay: float = 0.1
    warm_up: int = 100
    cool_down: float = 0.3
    kept_target: float = 0.25
    kept_weight: float = 2.0
    row_weight: float = 1.0


class Checkpoint:
    """A file that a stopped run goes on from, or None for no file.

    Every batch and rate follows from the step's number, so a run that was stopped
    and goes on gives the same bytes as one that was not.
    """

    def __init__(self, path, every=200):
        self.path, self.every = path, every

    def save(self, phase, step, model, optimiser):
        """Whole or not at all."""
        if self.path is not None:
            partial = self.path.with_name(self.path.name + ".partial")
            torch.save({"phase": phase, "step": step, "model": model.state_dict(),
                        "optimiser": optimiser.state_dict()}, partial)
            os.replace(partial, self.path)

    def load(self):
        """The last state saved, or None."""
        return torch.load(self.path) if self.path is not None and self.path.exists() else None


def windows_of(tokens, length):
    """Non-overlapping windows with their targets: int64 [n, length] twice; the rest is left out."""
    count = (len(tokens) - 1) // length
    cut = lambda start: tokens[start:start + count * length].reshape(count, length).astype(np.int64)
    return cut(0), cut(1)


def batch_at(tokens, length, recipe, phase, step):
    """The windows of one step, at positions drawn from (seed, phase, step)."""
    rng = np.random.default_rng((recipe.seed, phase, step))
    starts = rng.integers(0, len(tokens) - length, recipe.windows)
    spans = np.stack([tokens[s:s + length + 1] for s in starts]).astype(np.int64)
    return torch.from_numpy(spans[:, :-1].copy()), torch.from_numpy(spans[:, 1:].copy())


def rate_at(step, steps, warm_up, cool_down):
    """Factor of the peak rate: a linear rise, constant, a linear fall over the last part."""
    left = (steps - step) / (cool_down * steps)
    return min(1.0, (step + 1) / warm_up, left)


@torch.no_grad()
def loss_of(model, tokens, soften=None):
    """Mean cross entropy in nats per character over non-overlapping windows.

    Returns: (loss, its standard error over windows, number of characters).
    """
    inputs, targets = (torch.from_numpy(a) for a in windows_of(tokens, model.shape.tokens))
    losses = []
    for x, y in zip(inputs.split(EVALUATION_BATCH), targets.split(EVALUATION_BATCH)):
        logits, *_ = model(x, soften)
        losses.append(cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(y.shape).mean(dim=1))
    losses = torch.cat(losses).double()
    return float(losses.mean()), float(losses.std() / len(losses) ** 0.5), targets.numel()


@torch.no_grad()
def logits_of(model, tokens):
    """Dense logits as an array [n, N, vocabulary]. Args: tokens int64 array [n, N]."""
    return torch.cat([model(part)[0] for part in torch.from_numpy(tokens).split(EVALUATION_BATCH)]).numpy()


def fit(model, tokens, recipe, phase, steps, rates, objective, checkpoint, log):
    """AdamW over `steps` batches.

    Args: phase: 0 dense, 1 fine-tuning; rates: peak rate of weights and of thresholds
      (0: not trained); objective(x, y) -> (loss to minimise, dict for the log).
    """
    groups = [{"params": p, "peak": rates[0], "weight_decay": decay}
              for p, decay in model.weight_groups(recipe.weight_decay)]
    groups.append({"params": [model.thresholds], "peak": rates[1], "weight_decay": 0.0})
    optimiser = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95))
    weights = [p for name, p in model.named_parameters() if name != "thresholds"]
    first, saved = 0, checkpoint.load()
    if saved is not None and saved["phase"] == phase:
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        first = saved["step"]
    elif saved is not None and saved["phase"] > phase:
        return
    for step in range(first, steps):
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * rate_at(step, steps, recipe.warm_up, recipe.cool_down)
        loss, shown = objective(*batch_at(tokens, model.shape.tokens, recipe, phase, step))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, GRADIENT_CLIP)
        optimiser.step()
        if (step + 1) % 50 == 0:
            log(f"step {step + 1}/{steps} " + " ".join(f"{k} {v}" for k, v in shown.items()))
        if (step + 1) % checkpoint.every == 0 or step + 1 == steps:
            checkpoint.save(phase, step + 1, model, optimiser)


def train(model, tokens, recipe, checkpoint, log):
    """Dense training from scratch."""
    def objective(x, y):
        loss = cross_entropy(model(x)[0].flatten(0, 1), y.flatten())
        return loss, {"loss": f"{loss.item():.4f}"}

    fit(model, tokens, recipe, 0, recipe.train_steps, (recipe.train_rate, 0.0), objective, checkpoint, log)


def start_thresholds(model, tokens, recipe, windows=8):
    """Each layer's threshold = the median of its scores over a few training windows."""
    x, _ = batch_at(tokens, model.shape.tokens, recipe, 2, 0)
    scores = model.layer_scores(x[:windows])
    with torch.no_grad():
        model.thresholds.copy_(torch.stack([s.median() for s in scores]))


def fine_tune(model, tokens, recipe, checkpoint, log):
    """Weights and thresholds together, under the soft threshold.

    Loss = cross entropy + kept_weight mean_l max(0, kept_l - kept_target)
    + row_weight mean_l lack_l.
    """
    soften = SoftThreshold()

    def objective(x, y):
        logits, kept, lack = model(x, soften)
        loss = cross_entropy(logits.flatten(0, 1), y.flatten())
        total = (loss + recipe.kept_weight * torch.relu(kept - recipe.kept_target).mean()
                 + recipe.row_weight * lack.mean())
        return total, {"loss": f"{loss.item():.4f}", "kept": [round(k, 3) for k in kept.tolist()],
                       "lack": f"{lack.mean().item():.4f}"}

    fit(model, tokens, recipe, 1, recipe.tune_steps, (recipe.tune_rate, recipe.threshold_rate), objective,
        checkpoint, log)
