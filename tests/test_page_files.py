"""What the page consists of: generated files, the decoder of the digits, types, what an installation holds."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ganglion.digits import load_digits
from ganglion.page import page_files
from ganglion.page.files import MEDIA_TYPES, PARTS
from ganglion.wasm.build import FOLDER
from scripts.gen_page import FILES

PROJECT = Path(__file__).resolve().parent.parent
JS, WWW = FOLDER / "js", FOLDER / "www"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def node(script: str) -> str:
    """What a module prints that is run in node in the project's folder ``wasm``."""
    command = ["node", "--input-type=module", "--eval", script]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=FOLDER).stdout


@pytest.mark.parametrize("name", FILES)
def test_the_generated_files_are_up_to_date(name: str) -> None:
    assert (PROJECT / name).read_bytes() == FILES[name](), f"{name} is stale: run scripts/gen_page.py"


@needs_node
def test_the_page_reads_the_digits_as_they_are() -> None:
    seen = json.loads(
        node("""
            import { readFile } from "node:fs/promises";
            import { pooled, readDigits } from "./www/digits.js";
            const { buffer, byteOffset, length } = await readFile("www/digits.bin");
            const digits = readDigits(buffer.slice(byteOffset, byteOffset + length));
            console.log(JSON.stringify({
              pixels: Array.from(digits.pixels), labels: Array.from(digits.labels), places: Array.from(digits.places),
              vectors: Array.from({ length: 1797 }, (_, i) => Array.from(pooled(digits.image(i)))),
              moved: Array.from({ length: 8192 }, (_, place) => Array.from(digits.imageAt(place))),
            }));
        """)
    )
    digits = load_digits()
    images = digits.images.astype(int)
    assert np.array_equal(np.array(seen["pixels"]).reshape(-1, 8, 8), images)
    assert np.array_equal(seen["labels"], digits.labels)
    assert np.array_equal(seen["vectors"], digits.vectors)
    # Every digit as it is; each place another picture; a picture that is moved is a roll with an empty edge.
    places = np.array(seen["places"])
    assert len(set(places.tolist())) == 8192
    assert set((places[places < 2048]).tolist()) == set(range(1797))
    for place, moved in zip(places[:400].tolist(), seen["moved"], strict=False):
        shift = [(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)][place >> 11]
        wide = np.pad(images[place & 2047], 1)
        assert np.array_equal(np.array(moved).reshape(8, 8), np.roll(wide, shift, (0, 1))[1:-1, 1:-1])
    # Like lies next to like.
    labels = digits.labels[places & 2047].reshape(256, 32)
    same = [np.bincount(core, minlength=10).max() / 32 for core in labels]
    assert np.mean(same) > 0.9


@needs_node
def test_a_drawing_becomes_a_picture_like_those_stored() -> None:
    seen = json.loads(
        node("""
            import { counted, fitted } from "./www/fitting.js";
            const bar = new Uint8Array(1024);
            for (let y = 6; y < 26; y++) for (let x = 2; x < 6; x++) bar[y * 32 + x] = 1;
            const dot = new Uint8Array(1024);
            dot[40] = 1;
            const nothing = new Uint8Array(1024);
            console.log(JSON.stringify([bar, dot, nothing].map((points) => Array.from(counted(fitted(points))))));
        """)
    )
    bar, dot, nothing = (np.array(image).reshape(8, 8) for image in seen)
    # 20 high and 4 wide on the left: as high as the pad, in its middle.
    assert (bar.sum(axis=1) > 0).all()
    assert (bar[:, :2] == 0).all()
    assert (bar[:, 6:] == 0).all()
    assert np.array_equal(bar, bar[:, ::-1])
    # A dot stays small.
    assert 1 <= dot.sum() <= 9
    assert not nothing.any()


@needs_node
def test_the_simulation_hears_the_digit_that_is_shown() -> None:
    seen = json.loads(
        node("""
            import { readFile } from "node:fs/promises";
            import { Ganglion } from "./js/ganglion.js";
            import { readDigits } from "./www/digits.js";
            import { Simulation, WAVE } from "./www/simulation.js";
            const { buffer, byteOffset, length } = await readFile("www/digits.bin");
            const digits = readDigits(buffer.slice(byteOffset, byteOffset + length));
            const sim = new Simulation(await Ganglion.load({ cores: 256 }), await Ganglion.load(), digits);
            const wave = () => {
              for (let t = 0; t < WAVE; t++) sim.tick();
              return { votes: sim.heard(), phase: sim.net.phase, spikes: sim.waveSpikes };
            };
            const out = { waves: [], near: [] };
            sim.settings.noise = 0;
            for (let digit = 0; digit < 1797; digit += 31) {
              sim.ask(digits.image(digit));
              wave();
              out.waves.push({ label: digits.labels[digit], ...wave() });
              out.near.push(sim.found[0].distance);
            }
            out.scores = sim.scores;
            sim.settings.gain = 0;
            sim.ask(digits.image(5));
            wave();
            out.silent = wave();
            sim.settings.gain = 0.4;
            sim.settings.noise = 1;
            out.noisy = { plain: 0, spikes: 0, n: 0 };
            const best = (counts) => counts.indexOf(Math.max(...counts));
            for (let digit = 7; digit < 1797; digit += 45) {
              sim.ask(digits.image(digit));
              let heard;
              for (let i = 0; i < 5; i++) heard = wave().votes;
              const near = new Array(10).fill(0);
              for (const { core, index } of sim.found) near[sim.labels[core * 32 + index]]++;
              out.noisy.plain += best(near) === digits.labels[digit];
              out.noisy.spikes += best(heard) === digits.labels[digit];
              out.noisy.n++;
            }
            sim.ask(new Uint8Array(64));
            out.blank = wave();
            sim.settings.learning = 4;
            sim.ask(digits.image(5));
            const weights = () => sim.net.cores.flatMap((core) => Array.from(core.weights()));
            out.before = new Set(weights()).size;
            for (let i = 0; i < 4; i++) wave();
            out.learned = [Math.min(...weights()), Math.max(...weights())];
            sim.forget();
            out.forgotten = new Set(weights()).size;
            console.log(JSON.stringify(out));
        """)
    )
    waves = seen["waves"]
    right = [wave["label"] == int(np.argmax(wave["votes"])) for wave in waves]
    assert np.mean(right) >= 0.85
    assert all(wave["phase"] == 0 and wave["spikes"] > 20 for wave in waves)
    assert seen["near"] == [0.0] * len(waves)
    # Without noise the plain search of the comparison is the truth itself.
    assert set(seen["scores"]["plain"]) == {5}
    assert min(seen["scores"]["spiking"]) >= 3
    # One noisy glimpse misleads a plain search more often than five misled spikes.
    noisy = seen["noisy"]
    assert 0.3 * noisy["n"] < noisy["plain"] < noisy["spikes"]
    assert seen["silent"]["spikes"] == 0 == seen["blank"]["spikes"]
    assert (seen["before"], seen["forgotten"]) == (1, 1)
    low, high = seen["learned"]
    assert 0 <= low < 128 < high <= 255


@needs_node
def test_in_noise_the_spiking_search_of_the_comparison_is_the_better_one() -> None:
    means = json.loads(
        node("""
            import { readFile } from "node:fs/promises";
            import { Ganglion } from "./js/ganglion.js";
            import { readDigits } from "./www/digits.js";
            import { Simulation, WAVE } from "./www/simulation.js";
            const { buffer, byteOffset, length } = await readFile("www/digits.bin");
            const digits = readDigits(buffer.slice(byteOffset, byteOffset + length));
            const sim = new Simulation(await Ganglion.load({ cores: 256 }), await Ganglion.load(), digits);
            Object.assign(sim.settings, { noise: 1, gain: 0 });
            const sum = { plain: 0, spiking: 0 };
            let n = 0;
            for (let number = 1; number <= 12; number++) {
              sim.seat(number);
              sim.ask(digits.image(number * 97));
              for (let t = 0; t < 20 * WAVE; t++) sim.tick();
              for (const name of ["plain", "spiking"]) sum[name] += sim.scores[name].slice(4).reduce((a, b) => a + b);
              n += sim.scores.plain.length - 4;
            }
            console.log(JSON.stringify([sum.plain / n / 5, sum.spiking / n / 5]));
        """)
    )
    plain, spiking = means
    assert 0.4 < plain < spiking - 0.03


def test_every_part_of_the_wrapper_has_its_type() -> None:
    types = (JS / "ganglion.d.ts").read_text(encoding="utf-8")
    names = set()
    for file in ("core.js", "ganglion.js", "results.js"):
        source = (JS / file).read_text(encoding="utf-8")
        members = re.findall(r"^  (?:static )?(?:async )?(?:get )?([a-z]\w*)\([^)]*\) \{", source, re.MULTILINE)
        assert len(members) > 4
        names |= set(members)
    names -= {"constructor", "write", "if", "for"}
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b[(:]", types)] == []


def test_what_is_installed_is_what_is_served() -> None:
    tree = ast.parse((PROJECT / "setup.py").read_text(encoding="utf-8"))
    values = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert values["SITE"] == tuple((part, pattern) for part, pattern, _ in PARTS)
    files = page_files()
    assert next(iter(files)) == "index.html"
    assert {path.name for path in WWW.iterdir()} <= set(files)
    assert {path.suffix for path in files.values()} <= set(MEDIA_TYPES)


def test_the_page_names_no_other_place() -> None:
    for name, path in page_files().items():
        if path.suffix in (".html", ".css", ".js"):
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"https?:|//[\w-]+\.\w", text), name
