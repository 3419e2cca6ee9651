"""Writes attohm traces (format 1.0): NumPy and h5py only; frameworks stay in `adapters`."""

__version__ = "0.2.0"


def capture(model, inputs, path, **options):
    """Runs a PyTorch model and writes what its attention layers saw; see `capturing.capture`."""
    from .capturing import capture as run  # torch is imported by those who capture only
    return run(model, inputs, path, **options)
