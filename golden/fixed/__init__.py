"""The fixed-point golden model: bit- and cycle-exact twins of the hardware units, vectorised over streams."""
