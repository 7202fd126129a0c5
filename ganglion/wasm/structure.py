"""Function bodies as trees, and blocks that begin with a condition as ``if``s.

    block P, condition, br_if 0, R end    becomes    P, not condition, if R end

where nothing else branches to the block: three bytes less, the same effect.
"""

from __future__ import annotations
