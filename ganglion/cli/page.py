"""``ganglion page``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ganglion.cli.app import app
from ganglion.cli.options import Json
from ganglion.cli.output import print_facts, print_json

DEFAULT_PORT = 8256


@app.command(epilog="Example: ganglion page --open")
def page(
    port: Annotated[
        int | None, typer.Option("--port", help=f"Port on this machine, 0 for any free one; {DEFAULT_PORT} by default.")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="DIR", help="Write it to a folder to host anywhere, and leave.")
    ] = None,
    json: Json = False,
) -> None:
    """Serve the page that shows 256 cores at work, until Ctrl-C; or export it.

    Draw a digit and watch 8,192 neurons: the module runs in the browser, nothing is sent anywhere.
    """
    if export is not None:
        if port is not None or open_browser:
            raise ValueError(f"--export {export}: --port and --open are for serving")
        _export(export, json)
        return
    from ganglion.page import PageServer

    with PageServer(DEFAULT_PORT if port is None else port) as server:
        if json:
            print_json({"url": server.url, "port": server.server_address[1], "files": len(server.files)})
        else:
            print(f"{server.url}   (Ctrl-C ends it)")
        sys.stdout.flush()
        if open_browser:
            import webbrowser

            webbrowser.open(server.url)
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            # The way to end it, and so no failure.
            return


def _export(folder: Path, json: bool) -> None:
    from ganglion.page import export_page

    sizes = export_page(folder)
    if json:
        print_json({"output": str(folder), "files": len(sizes), "bytes": sum(sizes.values())})
    else:
        facts = [("folder", str(folder)), ("files", len(sizes)), ("bytes", sum(sizes.values()))]
        print_facts("the page", facts)
