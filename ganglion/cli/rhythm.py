"""``ganglion rhythm``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ganglion.cli.app import CheckFailed, app
from ganglion.cli.options import Json
from ganglion.cli.output import print_facts, print_json, print_table


@app.command(epilog="Example: ganglion rhythm --json")
def rhythm(
    epochs: Annotated[int, typer.Option("--epochs", help="Epochs, at most.")] = 50,
    json: Json = False,
) -> None:
    """Train the rhythm tracker: 3 neurons, one input rewarded (+0.05), the other punished (-0.20), in turn.

    It has converged when only the rewarded input still makes the output fire: its weight is at least 1, the other one's
    below. Exit status 1 when it does not converge.
    """
    from golden.neuronguard.tasks import train_rhythm

    started = time.perf_counter()
    result = train_rhythm(epochs)
    seconds = time.perf_counter() - started
    facts = {
        "converged": result.epoch is not None,
        "epochs": len(result.weights),
        "good_weight": float(result.weights[-1, 0]),
        "bad_weight": float(result.weights[-1, 1]),
        "neurons": len(result.field),
        "field_bytes": result.field.nbytes,
        "train_seconds": seconds,
    }
    if json:
        print_json(facts)
    else:
        rows = [(epoch, float(good), float(bad)) for epoch, (good, bad) in enumerate(result.weights, 1)]
        print_table("rhythm tracker: weights", ("epoch", "good input", "bad input"), rows)
        print_facts("result", [(name.replace("_", " "), value) for name, value in facts.items()])
    if result.epoch is None:
        raise CheckFailed(f"no convergence in {epochs} epochs")
