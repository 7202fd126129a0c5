"""``ganglion page``: serving, exporting, and what bad input gets."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ganglion.cli import main
from ganglion.page import export, export_page, page_files
from scripts.page_browser import running_server

PROJECT = Path(__file__).resolve().parent.parent


def asked(server, path, method="GET"):
    """Status, headers and body of a request whose path is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", "127.0.0.1")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def run(capsys, *arguments):
    """Exit status, standard output and standard error of a command line."""
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_files_come_as_they_are_with_their_types():
    with running_server() as server:
        for name, path in page_files().items():
            status, headers, body = asked(server, f"/{name}?v=1")
            assert (status, body) == (200, path.read_bytes())
            assert headers["Content-Length"] == str(len(body))
        kinds = {
            "/": "text/html; charset=utf-8",
            "/main.js": "text/javascript; charset=utf-8",
            "/ganglion-array.wasm": "application/wasm",
            "/style.css": "text/css; charset=utf-8",
        }
        for address, kind in kinds.items():
            status, headers, body = asked(server, address, "HEAD")
            assert (status, headers["Content-Type"], body) == (200, kind, b"")


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/../pyproject.toml", "/js/../../pyproject.toml", "/%2e%2e/pyproject.toml", "//etc/hosts", "/js/"],
)
def test_nothing_else_is_served(path):
    with running_server() as server:
        status, _headers, body = asked(server, path)
        assert status == 404
        assert b"[project]" not in body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_no_address_is_refused(method):
    with running_server() as server:
        status, _headers, body = asked(server, "http://[", method)
        assert (status, b"http://[" in body) == (400, method == "GET")
        assert asked(server, "/")[0] == 200


def test_only_this_machine_is_served():
    with running_server() as server:
        assert server.server_address[0] == "127.0.0.1"
        assert asked(server, "/", "POST")[0] == 501


def test_the_verb_serves_until_ctrl_c():
    process = subprocess.Popen(
        [sys.executable, "-m", "ganglion", "page", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        # As a shell does for a job in the foreground: a background job's children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            connection = http.client.HTTPConnection("127.0.0.1", told["port"], timeout=10)
            connection.request("GET", "/digits.bin")
            assert connection.getresponse().read() == page_files()["digits.bin"].read_bytes()
            connection.close()
            assert told["url"] == f"http://127.0.0.1:{told['port']}/"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
            assert (process.returncode, out, err) == (0, "", "")
        finally:
            process.kill()


def test_open_opens_what_is_served(monkeypatch, capsys):
    opened = []

    def interrupted(server, poll_interval):
        opened.append(server.url)
        raise KeyboardInterrupt

    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("ganglion.page.PageServer.serve_forever", interrupted)
    status, out, err = run(capsys, "page", "--port", 0, "--open")
    assert (status, err) == (0, "")
    assert opened[0] == opened[1] == out.split()[0]


def test_a_port_in_use_is_named(capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, out, err = run(capsys, "page", "--port", port)
    assert (status, out) == (2, "")
    assert err == f"ganglion: port {port}: is in use; choose another with --port, or 0 for any free one\n"


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_cannot_be_is_named(capsys, port):
    status, out, err = run(capsys, "page", "--port", port)
    assert (status, out, err) == (2, "", f"ganglion: port must be 0 to 65535, not {port}\n")


def test_export_is_the_page(tmp_path, capsys):
    status, out, err = run(capsys, "page", "--export", tmp_path / "site", "--json")
    told = json.loads(out)
    files = {
        str(p.relative_to(tmp_path / "site")): p.read_bytes() for p in (tmp_path / "site").rglob("*") if p.is_file()
    }
    listed = json.loads(files.pop(export.MANIFEST))["files"]
    assert (status, err) == (0, "")
    assert files == {name: path.read_bytes() for name, path in page_files().items()}
    assert sorted(files) == listed
    assert (told["files"], told["output"]) == (len(files) + 1, str(tmp_path / "site"))
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_export_takes_the_place_of_an_export(tmp_path, capsys):
    site = tmp_path / "site"
    site.mkdir()
    export_page(site)
    (site / "main.js").write_text("old")
    status, out, _err = run(capsys, "page", "--export", site)
    assert status == 0
    assert "files" in out
    assert (site / "main.js").read_bytes() == page_files()["main.js"].read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_export_leaves_what_it_did_not_make(tmp_path, capsys):
    site = tmp_path / "site"
    export_page(site)
    (site / "js" / "mine.js").write_text("mine")
    status, _out, err = run(capsys, "page", "--export", site)
    assert (status, err) == (2, f"ganglion: --export {site}: the folder holds js/mine.js, which is not of the page\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    status, _out, err = run(capsys, "page", "--export", other)
    assert (status, err) == (2, f"ganglion: --export {other}: the folder is not empty and not an export of the page\n")
    status, _out, err = run(capsys, "page", "--export", other / "thesis.txt")
    assert (status, err) == (2, f"ganglion: --export {other / 'thesis.txt'}: not a folder\n")
    status, _out, err = run(capsys, "page", "--export", tmp_path / "no" / "site")
    assert status == 2
    assert f"there is no folder {tmp_path / 'no'}" in err
    assert (site / "js" / "mine.js").read_text() == (other / "thesis.txt").read_text() == "mine"


def test_export_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    site = tmp_path / "site"
    export_page(site)
    (site / "main.js").write_text("old")
    monkeypatch.setattr(export.json, "dumps", lambda *_args, **_kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_page(site)
    assert (site / "main.js").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_help_has_an_example(capsys):
    status, out, err = run(capsys, "page", "--help")
    assert (status, err) == (0, "")
    assert "Example: ganglion page" in out
    assert all(option in out for option in ("--port", "--open", "--export", "--json"))


def test_export_does_not_serve(tmp_path, capsys):
    status, _out, err = run(capsys, "page", "--export", tmp_path / "site", "--port", 8000)
    assert (status, err) == (2, f"ganglion: --export {tmp_path / 'site'}: --port and --open are for serving\n")
    assert not (tmp_path / "site").exists()


def test_missing_files_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ganglion.page.files.FOLDER", tmp_path)
    status, _out, err = run(capsys, "page", "--port", 0)
    assert status == 2
    assert str(tmp_path) in err
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("")
    status, _out, err = run(capsys, "page", "--port", 0)
    assert (status, "lacks js/ganglion.js, ganglion-array.wasm" in err) == (2, True)
