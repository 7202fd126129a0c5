"""Co-simulation of the whole array: random commands on hardware and golden model, compared in every clock cycle."""

from .run import CosimReport, Mismatch, Recording, record, run_cosim

__all__ = ["CosimReport", "Mismatch", "Recording", "record", "run_cosim"]
