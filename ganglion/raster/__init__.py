"""Running spiking networks that are described in a file: what ``ganglion raster`` draws."""

from .description import Description, load_description, read_description
from .run import ENGINES, Recording, run_network
from .values import DescriptionError

__all__ = [
    "ENGINES",
    "Description",
    "DescriptionError",
    "Recording",
    "load_description",
    "read_description",
    "run_network",
]
