"""``scripts/download_data.py`` against a server of our own: whole, cut off and resumed, damaged, missing."""

import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts import download_data
from scripts.download_data import DownloadError, Remote, fetch, main, matches

CONTENT = bytes(range(256)) * 2000


class Handler(BaseHTTPRequestHandler):
    """Serves the server's files; breaks off after ``cut_after`` bytes as often as ``n_cuts`` says."""

    def do_GET(self):
        server = self.server
        server.asked.append(self.headers.get("Range"))
        content = server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = 0
        if server.resumes and (wanted := self.headers.get("Range")):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content)
        if server.n_cuts:
            server.n_cuts -= 1
            end = start + server.cut_after
        self.wfile.write(content[start:end])

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.asked, server.resumes, server.n_cuts, server.cut_after = (
            {"/a.csv": CONTENT},
            [],
            True,
            0,
            0,
        )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def remote(server, content=CONTENT, name="a.csv", **options):
    address = f"http://127.0.0.1:{server.server_address[1]}/{name}"
    return Remote(address, "sha256:" + hashlib.sha256(content).hexdigest(), f"set/{name}", **options)


def test_a_file_is_fetched_once(server, tmp_path):
    for _ in range(2):
        assert fetch(remote(server), tmp_path) == [tmp_path / "set/a.csv"]
        assert (tmp_path / "set/a.csv").read_bytes() == CONTENT
    assert server.asked == [None]
    (tmp_path / "set/a.csv").write_bytes(b"other")
    fetch(remote(server), tmp_path)
    assert (tmp_path / "set/a.csv").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["a.csv"]


@pytest.mark.parametrize("resumes", [True, False])
def test_what_was_cut_off_is_resumed(server, tmp_path, resumes):
    server.resumes, server.n_cuts, server.cut_after = resumes, 3, 100_000
    fetch(remote(server), tmp_path)
    assert (tmp_path / "set/a.csv").read_bytes() == CONTENT
    assert server.asked[0] is None
    assert len(server.asked) == 4
    if resumes:
        assert server.asked[1:] == [f"bytes={n * 100_000}-" for n in (1, 2, 3)]


def test_what_came_is_kept_for_the_next_time(server, tmp_path):
    server.n_cuts, server.cut_after = download_data.N_TRIES, 1000
    with pytest.raises(DownloadError, match=r"507,000 bytes are missing; what came is kept in .*a\.csv\.part"):
        fetch(remote(server), tmp_path)
    assert (tmp_path / "set/a.csv.part").read_bytes() == CONTENT[:5000]
    fetch(remote(server), tmp_path)
    assert server.asked[-1] == "bytes=5000-"
    (tmp_path / "set/a.csv").replace(tmp_path / "set/a.csv.part")
    fetch(remote(server), tmp_path)  # all of it was there: the server says so
    assert (tmp_path / "set/a.csv").read_bytes() == CONTENT


def test_the_wrong_content_is_removed(server, tmp_path):
    with pytest.raises(DownloadError, match="does not have the checksum sha256:"):
        fetch(remote(server, b"expected"), tmp_path)
    assert list((tmp_path / "set").iterdir()) == []


def test_a_file_that_is_not_there_is_named(server, tmp_path):
    with pytest.raises(DownloadError, match=r"b\.csv: HTTP Error 404"):
        fetch(remote(server, name="b.csv"), tmp_path)
    assert len(server.asked) == 1


def test_an_archive_is_unpacked(server, tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in ("d/train.csv", "d/test.csv", "d/readme.txt"):
            entry = tarfile.TarInfo(name)
            entry.size = len(name)
            tar.addfile(entry, io.BytesIO(name.encode()))
    server.files["/d.tgz"] = packed.getvalue()
    members = ("d/train.csv", "d/test.csv")
    wanted = remote(server, packed.getvalue(), "d.tgz", members=members)
    for _ in range(2):
        assert fetch(wanted, tmp_path) == [tmp_path / name for name in members]
    assert server.asked == [None]
    assert (tmp_path / "d/test.csv").read_text() == "d/test.csv"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["d", "set", "test.csv", "train.csv"]
    with pytest.raises(DownloadError, match="no d/none in it"):
        fetch(remote(server, packed.getvalue(), "d.tgz", members=("d/none",)), tmp_path)


def test_checksums(tmp_path):
    path = tmp_path / "x"
    assert not matches(path, "md5:d41d8cd98f00b204e9800998ecf8427e")
    path.touch()
    assert matches(path, "md5:d41d8cd98f00b204e9800998ecf8427e")
    assert not matches(path, "md5:d41d8cd98f00b204e9800998ecf8427f")


def test_the_command_line(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(download_data, "FILES", {"mine": (remote(server),)})
    monkeypatch.delenv("GANGLION_DATA", raising=False)
    assert main(["mine", "--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'set/a.csv'}\n"
    monkeypatch.setenv("GANGLION_DATA", str(tmp_path / "other"))
    server.files.clear()
    assert main([]) == 2
    assert "a.csv: HTTP Error 404" in capsys.readouterr().err
    for arguments, message in ((["imdb"], "'imdb' is none of mine"), ([], "no folder")):
        monkeypatch.delenv("GANGLION_DATA", raising=False)
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 2
        assert message in capsys.readouterr().err
