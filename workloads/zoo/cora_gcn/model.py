"""The two-layer graph convolutional network of Kipf and Welling (ICLR 2017, arXiv 1609.02907)."""

import torch
from torch import nn
from torch.nn.functional import dropout


class GCN(nn.Module):
    """A relu(A X W0^T + b0) W1^T + b1, dropout before both products."""

    def __init__(self, features, hidden, classes, drop):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(features, hidden), nn.Linear(hidden, classes)])
        self.drop = drop
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x, adjacency):
        """Args: x [nodes, features], sparse or dense; adjacency: sparse [nodes, nodes].

        Returns: logits [nodes, classes].
        """
        first, second = self.layers
        x = adjacency @ (self._dropped(x) @ first.weight.T) + first.bias
        x = dropout(torch.relu(x), self.drop, self.training)
        return adjacency @ (x @ second.weight.T) + second.bias

    def _dropped(self, x):
        """Dropout of the features that are not zero."""
        if not x.is_sparse:
            return dropout(x, self.drop, self.training)
        values = dropout(x.values(), self.drop, self.training)
        return torch.sparse_coo_tensor(x.indices(), values, x.shape)
