"""Hardware units of ganglion in Amaranth, one file each; the cycle contract is docs/contract.md."""
