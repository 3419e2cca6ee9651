"""The 1,797 handwritten digits that scikit-learn ships, as patches for a ViT.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits",
UCI repository (1998), test part, as `sklearn.datasets.load_digits`: 8x8 pixels
holding integers 0..16. Every pixel is one token; its patch is the zero-padded
3x3 neighbourhood, divided by 16 (values k/16, exact in float32).
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

GRID = 8          # pixels per side, tokens per side
PATCH = 3         # neighbourhood per side
PIXEL_MAX = 16.0  # largest pixel value in the data set
CLASSES = 10
TEST_SAMPLES = 360
SPLIT_SEED = 1797


class Split:
    """One side of the split.

    images: float32 [n, 8, 8] in 0..1; labels: int64 [n]; index: int64 [n],
    position in scikit-learn's data set.
    """

    def __init__(self, images, labels, index):
        self.images, self.labels, self.index = images, labels, index

    def __len__(self):
        return len(self.labels)

    def take(self, which):
        """The samples `which` (a slice or an index array) as a Split."""
        return Split(self.images[which], self.labels[which], self.index[which])


def patches_of(images):
    """3x3 neighbourhoods, row-major over tokens and over the patch.

    Args: images float32 [n, 8, 8]. Returns: float32 [n, 64, 9].
    """
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    shifts = [padded[:, r:r + GRID, c:c + GRID] for r in range(PATCH) for c in range(PATCH)]
    return np.ascontiguousarray(np.stack(shifts, axis=-1).reshape(len(images), GRID * GRID, PATCH * PATCH))


def shifted(images, rng):
    """Augmentation: each image moved by -1, 0 or 1 pixel in both directions, zeros follow.

    Args: images float32 [n, 8, 8]; rng numpy Generator. Returns: the same shape.
    """
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    rows, cols = rng.integers(0, 3, len(images)), rng.integers(0, 3, len(images))
    return np.stack([p[r:r + GRID, c:c + GRID] for p, r, c in zip(padded, rows, cols)])


def load(holdout=False):
    """Stratified split, 1437 training and 360 test samples, always the same.

    Args: holdout: recipe development only; the test samples are set aside and
      360 of the training samples take their place.
    Returns: (train, test) as Split.
    """
    digits = load_digits()
    everything = Split((digits.images / PIXEL_MAX).astype(np.float32), digits.target.astype(np.int64),
                       np.arange(len(digits.target), dtype=np.int64))
    train, test = _stratified(everything)
    return _stratified(train) if holdout else (train, test)


def _stratified(split):
    """Cuts TEST_SAMPLES samples off, every class in proportion."""
    train, test = train_test_split(np.arange(len(split)), test_size=TEST_SAMPLES, stratify=split.labels,
                                   random_state=SPLIT_SEED)
    return split.take(train), split.take(test)
