"""Golden models of ganglion: NumPy only, never importing the hardware they check."""
