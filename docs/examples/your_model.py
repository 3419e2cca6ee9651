"""A small encoder on scikit-learn's digits: the model that docs/your-model.md takes from PyTorch to a plot.

    PYTHONPATH=workloads/export python3 -m attohm_export docs/examples/your_model.py:make trace.h5

Every pixel is a token (its grey value, 0..16), so an image is a sequence of 64 tokens.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

GREYS, TOKENS, CLASSES = 17, 64, 10
EVERY = 5           # every fifth image is a test image: 360 of 1797
CALIBRATION = 16    # training images that scales and thresholds come from
BATCH = 40          # images per forward pass


class Encoder(nn.Module):
    """Token and position embedding, norm, nn.TransformerEncoder (post-norm), mean over tokens, head."""

    def __init__(self, width=64, heads=2, layers=2):
        super().__init__()
        self.tok, self.pos = nn.Embedding(GREYS, width), nn.Embedding(TOKENS, width)
        self.embed_norm = nn.LayerNorm(width)
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.1, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, ids):
        x = self.embed_norm(self.tok(ids) + self.pos.weight)
        return self.head(self.encoder(x).mean(1))


def data():
    """Returns: (ids int64 [n, 64], labels int64 [n]) for training, then for testing."""
    digits = load_digits()
    ids, labels = torch.tensor(digits.data).long(), torch.tensor(digits.target).long()
    test = torch.arange(len(ids)) % EVERY == 0
    return (ids[~test], labels[~test]), (ids[test], labels[test])


def train(model, ids, labels, epochs, rate=2e-3):
    """Adam with a rate that falls linearly to zero."""
    steps = max(1, epochs * (len(ids) // 32))
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
    for _ in range(epochs):
        for batch in torch.randperm(len(ids)).split(32)[:len(ids) // 32]:
            optimiser.zero_grad()
            functional.cross_entropy(model(ids[batch]), labels[batch]).backward()
            optimiser.step()
            schedule.step()
    return model.eval()


def make(epochs=25, samples=360):
    """What attohm_export asks for: the model, what it is called with, and the right answers.

    Args: epochs: 0 leaves the weights random; samples: test images in the trace.
    """
    torch.manual_seed(0)
    torch.set_num_threads(1)
    (ids, labels), (test, truth) = data()
    model = train(Encoder(), ids, labels, epochs)
    return {"model": model, "inputs": list(test[:samples].split(BATCH)), "labels": truth[:samples],
            "calibration": ids[:CALIBRATION], "keep_layers": 8, "name": "digits encoder",
            "dataset": "sklearn load_digits", "split": "test"}
