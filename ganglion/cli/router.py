"""``ganglion router``."""

from __future__ import annotations

import re
import time
from typing import Annotated, Any

import typer

from ganglion.cli.app import app
from ganglion.cli.options import Json
from ganglion.cli.output import print_facts, print_json, print_table

SENTENCES = (
    ("the compiler found a bug in the kernel", "technical"),
    ("hello friend welcome dear buddy", "greeting"),
    ("buy stock before the market price moves", "financial"),
    ("the doctor gave the patient medicine in hospital", "medical"),
    ("the judge asked the lawyer for the contract", "legal"),
    ("patient medicine therapy buy stock court", "medical"),
)
"""What is routed before and after training, and where it belongs; the last one has words of three experts."""


@app.command(epilog="Example: ganglion router --sentence 'the doctor wants cash'")
def router(
    sentence: Annotated[list[str] | None, typer.Option("--sentence", help="Route this one; may be repeated.")] = None,
    epochs: Annotated[int, typer.Option("--epochs", help="Epochs of 50 random sentences.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="For the random sentences.")] = 0,
    json: Json = False,
) -> None:
    """Train the mixture-of-experts router (100 words, 5 experts) and route sentences to the expert that fits.

    Each word neuron is aimed at its expert; the expert of largest potential gets the sentence, none when no word is
    known.
    """
    from golden.neuronguard.tasks import EXPERTS, route, train_router

    started = time.perf_counter()
    trained = train_router(epochs, seed)
    seconds = time.perf_counter() - started
    untrained = train_router(0)
    asked = [(text, None) for text in sentence] if sentence else list(SENTENCES)
    routes: list[dict[str, Any]] = []
    for text, expected in asked:
        words = re.findall(r"[^\W\d_]+", text.lower())
        before, after = route(untrained.field, words), route(trained.field, words)
        routes.append(
            {
                "sentence": text,
                "expected": expected,
                "potentials": dict(zip(EXPERTS, after.tolist(), strict=True)),
                "potentials_before": dict(zip(EXPERTS, before.tolist(), strict=True)),
            }
        )
        routes[-1]["expert"] = _winner(routes[-1]["potentials"])
    facts = {
        "neurons": len(trained.field),
        "field_bytes": trained.field.nbytes,
        "epochs": epochs,
        "mean_weight": float(trained.field.weight[: -len(EXPERTS)].mean()),
        "train_seconds": seconds,
    }
    if json:
        print_json(facts | {"routes": routes})
        return
    print_facts("mixture-of-experts router", [(name.replace("_", " "), value) for name, value in facts.items()])
    for moment, name in (("before", "potentials_before"), ("after", "potentials")):
        shown = [
            (entry["sentence"], *(f"{value:.2f}" for value in entry[name].values()), _winner(entry[name]))
            for entry in routes
        ]
        print_table(f"potentials {moment} training", ("sentence", *EXPERTS, "goes to"), shown)


def _winner(potentials: dict[str, float]) -> str | None:
    """The expert of largest potential, the first on ties; None when all are 0."""
    return max(potentials, key=lambda name: potentials[name]) if any(potentials.values()) else None
