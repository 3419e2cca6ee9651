#!/usr/bin/python3
"""Trains the character GPT, learns its pruning thresholds, writes trace and report.

    /usr/bin/python3 train.py --out DIR [--text-root DIR]

writes DIR/char_gpt.h5 and DIR/report.json. DIR/checkpoint.pt is saved while it
trains; a stopped run started again goes on from there.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: its sums depend on the thread count
HERE = Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent / "shared"), str(HERE.parents[1] / "export")]

import torch

import corpus
import training
from model import CharGPT, HardThreshold, Shape
from ngram import KneserNey

CREATED_UTC = "2026-11-20T00:00:00Z"  # of this recipe; fixed, so that a rerun gives the same bytes
NGRAM_ORDERS = (3, 5, 7)
WEIGHT_DIGITS = torch.float16         # what the final weights are rounded to; the trace holds them as float32


def log(text):
    """One line with the seconds since the start."""
    print(f"[{time.perf_counter() - START:7.1f} s] {text}", flush=True)


def round_weights(model):
    """Every weight to its nearest float16, which halves the compressed trace. Thresholds stay."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name != "thresholds":
                parameter.copy_(parameter.to(WEIGHT_DIGITS).float())


def loss_entry(model, tokens, soften=None):
    """Loss on the validation text as report.json holds it."""
    loss, error, count = training.loss_of(model, tokens, soften)
    return {"nats_per_character": loss, "standard_error": error, "perplexity": float(torch.tensor(loss).exp()),
            "characters": count}


def ngram_entries(train, validation):
    """The same text, the same held-out chapters, with n-gram models."""
    losses = {}
    for order in NGRAM_ORDERS:
        loss = -KneserNey(train, order, len(corpus.ALPHABET)).log_probability(validation).mean()
        losses[f"{order}-gram"] = float(loss)
        log(f"{order}-gram validation loss {loss:.4f} nats per character")
    return losses


def trained(out, recipe, train, validation):
    """Dense training, then fine-tuning with thresholds. Returns: (model, dense entry before tuning)."""
    checkpoint = training.Checkpoint(out / "checkpoint.pt")
    dense_file = out / "dense.json"
    model = CharGPT(Shape(vocabulary=len(corpus.ALPHABET)))
    saved = checkpoint.load()
    if saved is None or saved["phase"] == 0:
        training.train(model, train, recipe, checkpoint, log)
        dense_file.write_text(json.dumps(loss_entry(model, validation)))
        training.start_thresholds(model, train, recipe)
    dense = json.loads(dense_file.read_text())
    log(f"dense validation loss {dense['nats_per_character']:.4f}")
    training.fine_tune(model, train, recipe, checkpoint, log)
    round_weights(model)
    return model, dense


def run(out, recipe, text_root, created_utc):
    """Train, fine-tune, export. Returns: the report."""
    torch.manual_seed(recipe.seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    train, validation = corpus.load(text_root)
    ngrams = ngram_entries(train, validation)
    model, dense = trained(out, recipe, train, validation)
    report = {"training_characters": len(train), "validation_characters": len(validation),
              "ngram_nats_per_character": ngrams, "dense_before_fine_tuning": dense,
              "dense": loss_entry(model, validation),
              "hard_thresholds": loss_entry(model, validation, HardThreshold())}
    log(json.dumps(report))
    import export  # needs h5py, which training does not
    report.update(export.write_all(out / "char_gpt.h5", model, train, validation, created_utc))
    report["recipe"] = asdict(recipe)
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for char_gpt.h5 and report.json")
    parser.add_argument("--text-root", type=Path, default=Path("/"),
                        help=f"where {corpus.PACKAGE} is unpacked, default: installed")
    parser.add_argument("--seed", type=int, default=training.Recipe.seed)
    parser.add_argument("--created", default=CREATED_UTC, help="created_utc of the trace")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    run(args.out, training.Recipe(seed=args.seed), args.text_root, args.created)


START = time.perf_counter()
if __name__ == "__main__":
    main()
