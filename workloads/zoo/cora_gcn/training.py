"""Full-batch training of the graph network."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from model import GCN


@dataclass(frozen=True)
class Recipe:
    """The paper's settings: 16 hidden units, dropout 0.5, weight decay on the first layer alone."""

    hidden: int = 16
    drop: float = 0.5
    rate: float = 0.01
    weight_decay: float = 5e-4
    epochs: int = 200


def sparse_adjacency(csr, nodes):
    """The exporter's CSR arrays as a torch matrix."""
    rows = np.repeat(np.arange(nodes), np.diff(csr["indptr"]))
    places = torch.from_numpy(np.stack([rows, csr["indices"].astype(np.int64)]))
    return torch.sparse_coo_tensor(places, torch.from_numpy(csr["values"]), (nodes, nodes)).coalesce()


def accuracy(logits, labels, nodes):
    """Fraction of right answers among some nodes. Args: arrays."""
    return float((logits[nodes].argmax(axis=1) == labels[nodes]).mean())


def train(cora, adjacency, recipe, seed):
    """Trains on the 140 training nodes.

    Returns: the model of the last epoch, logits of every node (float32 array).
    """
    torch.manual_seed(seed)
    x = torch.from_numpy(cora.features).to_sparse().coalesce()
    labels, nodes = torch.from_numpy(cora.labels), torch.from_numpy(cora.train)
    model = GCN(cora.features.shape[1], recipe.hidden, cora.classes, recipe.drop)
    first, second = model.layers
    optimiser = torch.optim.Adam([{"params": first.parameters(), "weight_decay": recipe.weight_decay},
                                  {"params": second.parameters(), "weight_decay": 0.0}], lr=recipe.rate)
    for _ in range(recipe.epochs):
        model.train()
        loss = cross_entropy(model(x, adjacency)[nodes], labels[nodes])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()
    with torch.no_grad():
        return model, model(x, adjacency).numpy()
