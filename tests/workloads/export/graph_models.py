"""Graph networks in the layout that torch_geometric gives its convolutions."""

import torch
from torch import nn


class GCNConv(nn.Module):
    """A (x w^T) + b; the structure is an edge list or a matrix."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.lin, self.bias = nn.Linear(inputs, outputs, bias=False), nn.Parameter(torch.zeros(outputs))

    def forward(self, x, structure):
        matrix = structure.to_dense() if structure.is_sparse else structure
        if structure.dtype == torch.int64:
            empty, ones = torch.zeros(len(x), len(x)), torch.ones(structure.shape[1])
            matrix = empty.index_put_((structure[1], structure[0]), ones, accumulate=True) + torch.eye(len(x))
            root = matrix.sum(dim=1).rsqrt()
            matrix = root[:, None] * matrix * root[None, :]
        return matrix @ self.lin(x) + self.bias


class Gcn(nn.Module):
    """Two graph convolutions with relu between them."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = GCNConv(5, 4), GCNConv(4, 3)

    def forward(self, x, structure):
        return self.conv2(torch.relu(self.conv1(x, structure)), structure)
