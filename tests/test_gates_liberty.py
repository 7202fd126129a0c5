"""Cell libraries: the project's own against transistor counts, real ones, and files that are none."""

import gzip
from pathlib import Path

import pytest

from ganglion.gates import LibraryError, load_library
from ganglion.gates.liberty import ADDED_BUFFER, parse_library

# A static CMOS gate whose function is the inverse of ands and ors takes two transistors for each input.
INVERTING = {
    "INV": 1,
    "NAND2": 2,
    "NAND3": 3,
    "NAND4": 4,
    "NOR2": 2,
    "NOR3": 3,
    "NOR4": 4,
    "AOI21": 3,
    "OAI21": 3,
    "AOI22": 4,
    "OAI22": 4,
}
COMPOSED = {
    "BUF": ("INV", "INV"),
    "AND2": ("NAND2", "INV"),
    "OR2": ("NOR2", "INV"),
    "XOR2": ("NOR2", "AOI21"),
    "XNOR2": ("NAND2", "OAI21"),
}
TRANSMISSION_GATE, CLOCKED_INVERTER, INVERTER = 2, 4, 2
LATCH = TRANSMISSION_GATE + INVERTER + CLOCKED_INVERTER
MULTIPLEXER = INVERTER + 2 * TRANSMISSION_GATE
DRAWN = {
    "MUX2": MULTIPLEXER + 2 * INVERTER,
    "DFF": 2 * INVERTER + INVERTER + 2 * LATCH + INVERTER,
    "DFFE": 2 * INVERTER + INVERTER + 2 * LATCH + INVERTER + MULTIPLEXER,
}

CELLS = """
cell (INVX) {{ area : 2.5; pin (A) {{ direction : input; }} pin (Y) {{ direction : output; function : "A'"; }} }}
cell ("BIG_NAND") {{ area : 9; pin (A, B) {{ direction : input; }}
  pin (Y) {{ direction : output; function : "!(A&B)"; }} }}
{nand}
{flip_flop}
"""
NAND = """cell (NAND_B) { area : 4; pin (A) { direction : input; } pin (B) { direction : input; }
  pin (Y) { direction : output; function : "A' + B'"; } }"""
FLIP_FLOP = """cell (FLOP) { area : 20; ff (IQ, IQN) { clocked_on : "C"; next_state : "D"; }
  pin (C) { direction : input; clock : true; } pin (D) { direction : input; }
  pin (Q) { direction : output; function : "IQ"; } }"""


def library_text(nand: str = NAND, flip_flop: str = FLIP_FLOP) -> str:
    return "library (small) {" + CELLS.format(nand=nand, flip_flop=flip_flop) + "}\n"


def test_unit_library_areas_are_transistors_over_four() -> None:
    library = load_library()
    transistors = {name: 2 * n_inputs for name, n_inputs in INVERTING.items()}
    transistors |= {name: sum(transistors[part] for part in parts) for name, parts in COMPOSED.items()}
    transistors |= DRAWN
    assert {name: 4 * cell.area for name, cell in library.cells.items()} == transistors
    assert library.nand2_name == "NAND2"
    assert library.nand2_area == 1
    assert all(len(library.cells[name].inputs) == n_inputs for name, n_inputs in INVERTING.items())


def test_the_unit_is_the_smallest_nand() -> None:
    library = parse_library(library_text(), "small.lib")
    assert (library.name, library.nand2_name, library.nand2_area) == ("small", "NAND_B", 4)
    assert library.gate_equivalents["FLOP"] == 5
    assert library.gate_equivalents["BIG_NAND"] == 2.25
    assert library.cells["FLOP"].is_flip_flop
    assert library.cells["BIG_NAND"].inputs == ("A", "B")


@pytest.mark.parametrize(
    "function", ["!(A*B)", "(A B)'", "!A | !B", "A'+B'", "(A & B) ^ 1", "!((A))+(B')", "A*B' + A'*B + A'*B'"]
)
def test_functions(function: str) -> None:
    nand = NAND.replace("A' + B'", function)
    assert parse_library(library_text(nand), "small.lib").nand2_name == "NAND_B"


@pytest.mark.parametrize("function", ["!(A+B)", "A' B'", "A ^ B", "!A", "!(A*B)*C", "A B'+A'B"])
def test_other_functions_are_no_nand(function: str) -> None:
    nand = NAND.replace("A' + B'", function)
    assert parse_library(library_text(nand), "small.lib").nand2_name == "BIG_NAND"


def test_cells_not_to_be_used_do_not_set_the_unit() -> None:
    nand = NAND.replace("area : 4;", "area : 4; dont_use : true;")
    assert parse_library(library_text(nand), "small.lib").nand2_name == "BIG_NAND"


def test_a_missing_buffer_is_made_of_two_inverters() -> None:
    library = parse_library(library_text(), "small.lib")
    assert library.cells[ADDED_BUFFER].area == 5
    again = parse_library(library.text, "small.lib")
    assert again.cells == library.cells
    assert again.text == library.text


def test_dialect_of_real_files(tmp_path: Path) -> None:
    body = library_text().removeprefix("library (small) {")
    text = (
        "/* a comment with { */\nlibrary(small) {\n  delay_model : table_lookup\n  capacitive_load_unit (1, pf)\n"
        '  define ("x", "cell", "float");\n  // a line comment }\n  lu_table_template ("t") {\n'
        '    index_1 ("1, \\\n 2"); values ("1, 2", \\\n "3, 4");\n  }\n'
        "  operating_conditions (typical) { process : 1; nested () { a : 1; } }" + body
    )
    path = tmp_path / "real.lib.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert load_library(path).cells == parse_library(library_text(), "small.lib").cells


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: not a valid Liberty file: it is empty"),
        ("module x; endmodule", "line 1: not a valid Liberty file: it does not start with 'library'"),
        ("library (a) {\n cell (X) {\n", "line 3: not a valid Liberty file: it ends inside a group"),
        ("library (a) {\n cell X }", "line 2: not a valid Liberty file: 'X' after 'cell'"),
        ('library (a) {\n\n x : "open', "line 3: not a valid Liberty file: unexpected '\"open'"),
        ("library (a) { x : {", "line 1: not a valid Liberty file: '{' in the value of 'x'"),
        ("library (a) { }", "the library 'a' has no cells"),
        ("library (a) { cell (X) { area : big; } }", "cell X has the area 'big'"),
        ("library (a) { cell (X) { area : -1; } }", "cell X has the area -1.0"),
        (library_text(NAND.replace("A' + B'", "A' +")), r"cell NAND_B has the function \"A' \+\""),
        (library_text(flip_flop=""), "no D flip-flop cell"),
        (library_text(nand="").replace("!(A&B)", "A&B"), "no two-input NAND cell"),
        (library_text().replace('"A\'"', '"A"'), "no inverter cell"),
    ],
)
def test_bad_files(text: str, message: str) -> None:
    with pytest.raises(LibraryError, match=f"^cells.lib.*{message}"):
        parse_library(text, "cells.lib")


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"cannot read the Liberty file .*absent.lib: No such file or directory"):
        load_library(tmp_path / "absent.lib")
    with pytest.raises(LibraryError, match="Is a directory"):
        load_library(tmp_path)
    packed = tmp_path / "cut.lib.gz"
    packed.write_bytes(gzip.compress(library_text().encode())[:-20])
    with pytest.raises(LibraryError, match=r"cut\.lib\.gz"):
        load_library(packed)
    noise = tmp_path / "noise.lib"
    noise.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(LibraryError, match="not a valid Liberty file"):
        load_library(noise)
