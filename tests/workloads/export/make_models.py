#!/usr/bin/python3
"""Writes closed-loop traces of five small PyTorch models with random weights, always the same bytes.

    /usr/bin/python3 tests/workloads/export/make_models.py OUT_DIR

vit.h5 (timm's layout, timm route), bert.h5 (nn.MultiheadAttention, right padding), llama.h5 (grouped
queries, rotary embedding, RMSNorm, gated SiLU, right padding), gpt.h5 (Conv1D weights, tied head),
gcn.h5 (two graph convolutions, edges with a self-loop and a repeat).
"""

import sys
from pathlib import Path

import small  # noqa: F401  (the path to the package)
import torch

import torch_models as models
from attohm_export import capture

CREATED_UTC = "2026-01-01T00:00:00Z"  # fixed, so that a rerun gives the same bytes
LENGTHS = (16, 11, 5)                 # real tokens of the padded samples


def quiet(*lines):
    """No output."""


def make(folder, log=quiet):
    """Writes the five files. Returns: {name: Captured}."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    cases = {"vit": vit, "bert": bert, "llama": llama, "gpt": gpt, "gcn": gcn}
    result = {}
    with models.shim():
        for name, case in cases.items():
            model, inputs, options = case()
            result[name] = capture(model, inputs, folder / f"{name}.h5", log=log, closed=True, name=f"test {name}",
                                   dataset="random", created_utc=CREATED_UTC, **options)
    return result


def vit():
    """Class token and one register, qk-norm, layer scale."""
    model = models.randomise(models.VisionTransformer(qk_norm=True, layer_scale=True, registers=1))
    return model, models.images(), {"labels": [0, 3, 2]}


def bert():
    """Post-norm, pooler, three lengths."""
    ids = models.tokens(3, 16, 37)
    segments = (torch.arange(16) > 6).long().expand(3, -1).contiguous()
    inputs = {"input_ids": ids, "token_type_ids": segments, "padding": models.padding(LENGTHS, 16)}
    return models.randomise(models.Encoder()), inputs, {"labels": [1, 0, 3]}


def llama():
    """Grouped queries, additive causal mask with padding."""
    mask = (~models.padding(LENGTHS, 16)).long()
    inputs = {"input_ids": models.tokens(3, 16, 41), "attention_mask": mask}
    return models.randomise(models.Llama()), inputs, {}


def gpt():
    """Causal by flag; fewer tokens than learned positions."""
    return models.randomise(models.Gpt()), models.tokens(3, 17, 43), {}


def gcn():
    """A graph of 7 nodes, of which 4 count."""
    x = torch.rand(7, 5, generator=torch.Generator().manual_seed(4))
    edges = torch.tensor([[0, 1, 1, 2, 3, 4, 5, 6, 0], [1, 0, 2, 1, 4, 3, 0, 6, 1]])
    return (models.randomise(models.Gcn()), (x, edges),
            {"graph": True, "labels": [0, 1, 2, 0, 1, 2, 0], "eval_index": [1, 4, 5, 6]})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(sys.argv[1], print)
