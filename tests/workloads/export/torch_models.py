"""Small PyTorch models with random weights, in the layouts and under the names of the libraries people use.

Written for these tests from the libraries' public layouts; none of their code is used.
"""

import small  # noqa: F401  (the path to the package)
import torch

from graph_models import Gcn  # noqa: F401
from stand_in import sdpa, shim  # noqa: F401
from text_models import Bert, Encoder, Gpt, Llama  # noqa: F401
from vision_models import TorchvisionVit, VisionTransformer  # noqa: F401

SEED = 20240611


def randomise(model, seed=SEED, spread=0.25):
    """Fixed random values for every parameter, so that nothing is close to 0 or 1 by initialisation."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            is_norm = parameter.dim() == 1 and name.endswith("weight")
            parameter.copy_(1 + 0.1 * noise if is_norm else spread * noise)
    return model.eval()


def images(count=3, size=12):
    """[count, 3, size, size]."""
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def tokens(count, length, vocabulary, seed=2):
    """[count, length], integers."""
    return torch.randint(0, vocabulary, (count, length), generator=torch.Generator().manual_seed(seed))


def padding(lengths, length):
    """True where a token is padding."""
    return torch.arange(length)[None, :] >= torch.tensor(lengths)[:, None]
