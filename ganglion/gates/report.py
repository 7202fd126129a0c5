"""The result of a gate count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from golden.spec import Config

__all__ = ["Block", "GateReport"]


@dataclass(frozen=True)
class Block:
    """One block of the design, or a sum of blocks.

    ``gates``, ``flip_flop_gates`` (the part of ``gates`` that is flip-flops), ``memory_bits`` and ``flip_flops`` are
    those of all ``instances`` together. Gates are equivalents of a two-input NAND, without the memories. ``levels``
    is the longest combinational path, in gates, inside one instance.
    """

    name: str
    part: str
    gates: float
    flip_flop_gates: float
    flip_flops: int
    memory_bits: int
    levels: int
    instances: int = 1

    @property
    def gates_each(self) -> float:
        """Gate equivalents of one instance."""
        return self.gates / self.instances

    def times(self, n: int) -> Block:
        """The block ``n`` times."""
        return replace(
            self,
            gates=self.gates * n,
            flip_flop_gates=self.flip_flop_gates * n,
            flip_flops=self.flip_flops * n,
            memory_bits=self.memory_bits * n,
            instances=self.instances * n,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, with the gates of one instance beside those of all."""
        return asdict(self) | {"gates_each": self.gates_each}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Block:
        """The block that :meth:`as_dict` wrote. Raises KeyError if parts are missing."""
        return cls(**{f.name: values[f.name] for f in fields(cls)})


@dataclass(frozen=True)
class GateReport:
    """Gates and memory bits of an array.

    ``blocks`` add up to the totals. ``levels`` and ``slice_levels`` are the longest combinational paths of the whole
    design and of a slice, across blocks. ``library`` and ``nand2_area`` say what one gate equivalent is.
    """

    config: Config
    library: str
    nand2_area: float
    blocks: tuple[Block, ...]
    levels: int
    slice_levels: int

    @property
    def total_gates(self) -> float:
        """Gate equivalents of the whole array, memories apart."""
        return sum(block.gates for block in self.blocks)

    @property
    def total_memory_bits(self) -> int:
        """Bits of all memories."""
        return sum(block.memory_bits for block in self.blocks)

    @property
    def total_flip_flops(self) -> int:
        """Flip-flops of the whole array; their area is part of the gates."""
        return sum(block.flip_flops for block in self.blocks)

    @property
    def slice(self) -> Block:
        """One slice."""
        blocks = [block for block in self.blocks if block.part == "slice"]
        return self._sum("slice", "slice", blocks, self.slice_levels, 1 / self.config.slices)

    @property
    def shared(self) -> Block:
        """All that exists once, whatever the number of slices."""
        blocks = [block for block in self.blocks if block.part == "shared"]
        return self._sum("shared", "shared", blocks, max((block.levels for block in blocks), default=0), 1)

    @property
    def array(self) -> Block:
        """The whole design."""
        return self._sum("array", "array", self.blocks, self.levels, 1)

    @staticmethod
    def _sum(name: str, part: str, blocks: Sequence[Block], levels: int, share: float) -> Block:
        return Block(
            name=name,
            part=part,
            gates=sum(block.gates for block in blocks) * share,
            flip_flop_gates=sum(block.flip_flop_gates for block in blocks) * share,
            flip_flops=round(sum(block.flip_flops for block in blocks) * share),
            memory_bits=round(sum(block.memory_bits for block in blocks) * share),
            levels=levels,
        )

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        return {
            "config": asdict(self.config),
            "library": self.library,
            "nand2_area": self.nand2_area,
            "blocks": [block.as_dict() for block in self.blocks],
            "slice": self.slice.as_dict(),
            "shared": self.shared.as_dict(),
            "total_gates": self.total_gates,
            "total_memory_bits": self.total_memory_bits,
            "total_flip_flops": self.total_flip_flops,
            "levels": self.levels,
        }

    def rows(self) -> list[tuple[str, ...]]:
        """The table, a heading first: blocks, then slice and shared (where there are slices) and array, as text."""
        heading = ("block", "instances", "gates", "of them flip-flops", "flip-flops", "memory bits", "levels")
        parts = [self.array] if self.config.sequential else [self.slice, self.shared, self.array]
        lines = [*self.blocks, *parts]
        return [
            heading,
            *(
                (
                    block.name,
                    f"{block.instances}",
                    f"{block.gates:,.0f}",
                    f"{block.flip_flop_gates:,.0f}",
                    f"{block.flip_flops:,}",
                    f"{block.memory_bits:,}",
                    f"{block.levels}",
                )
                for block in lines
            ),
        ]

    @classmethod
    def from_dict(cls, config: Config, values: dict[str, Any]) -> GateReport:
        """The report that :meth:`as_dict` wrote. Raises KeyError or TypeError if parts are missing."""
        return cls(
            config=config,
            library=values["library"],
            nand2_area=values["nand2_area"],
            blocks=tuple(Block.from_dict(block) for block in values["blocks"]),
            levels=values["levels"],
            slice_levels=values["slice"]["levels"],
        )
