#!/usr/bin/env python3
"""Fetches the official files of AG News and DBpedia into the data folder, checks them, and resumes what was cut off.

Example: python scripts/download_data.py ag_news dbpedia --folder data

They come to lie where ``ganglion classify`` looks for them: ``ag_news_csv/train.csv``, ``dbpedia_csv/train.csv`` and so
on, in --folder or GANGLION_DATA. The checksums are those that torchtext (AG News) and Hugging Face's datasets and
FastAI.jl (DBpedia) publish for these addresses. AG News is for research and other non-commercial use; DBpedia is under
CC BY-SA 3.0 and the GNU FDL.
"""

import argparse
import hashlib
import http.client
import os
import shutil
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BLOCK_BYTES = 1 << 20
TIMEOUT_SECONDS = 60
N_TRIES = 5
PARTIAL, OUT_OF_RANGE = 206, 416


class DownloadError(Exception):
    """A file that could not be fetched or is not the one that was expected; the message says which."""


@dataclass(frozen=True)
class Remote:
    """A file to fetch: ``address``, its ``checksum`` (algorithm:hex), and its ``path`` in the data folder.

    Of an archive the ``members`` are unpacked into the data folder, and it is removed.
    """

    address: str
    checksum: str
    path: str
    members: tuple[str, ...] = ()


AG_NEWS = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv"
FILES = {
    "ag_news": (
        Remote(f"{AG_NEWS}/train.csv", "md5:b1a00f826fdfbd249f79597b59e1dc12", "ag_news_csv/train.csv"),
        Remote(f"{AG_NEWS}/test.csv", "md5:d52ea96a97a2d943681189a97654912d", "ag_news_csv/test.csv"),
    ),
    "dbpedia": (
        Remote(
            "https://s3.amazonaws.com/fast-ai-nlp/dbpedia_csv.tgz",
            "sha256:42db5221ddedddb673a4cabcc5f3a7d869714c878bcfe4ba94b29d14aa38e417",
            "dbpedia_csv.tgz",
            ("dbpedia_csv/train.csv", "dbpedia_csv/test.csv"),
        ),
    ),
}


def fetch(remote: Remote, folder: Path) -> list[Path]:
    """Fetches, checks and unpacks a file that is not there yet; returns what there is now. Raises DownloadError."""
    target = folder / remote.path
    wanted = [folder / name for name in remote.members] or [target]
    if all(path.is_file() for path in wanted) and (remote.members or matches(target, remote.checksum)):
        return wanted
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    for number in range(1, N_TRIES + 1):
        try:
            receive(remote.address, part)
            break
        except (OSError, http.client.HTTPException) as problem:
            final = isinstance(problem, urllib.error.HTTPError) and problem.code < 500
            if final or number == N_TRIES:
                raise DownloadError(f"{remote.address}: {problem}; what came is kept in {part}") from problem
            print(f"{remote.address}: {problem}; trying again", file=sys.stderr, flush=True)
    if not matches(part, remote.checksum):
        part.unlink()
        raise DownloadError(f"{remote.address}: what came does not have the checksum {remote.checksum}; removed")
    if not remote.members:
        part.replace(target)
        return wanted
    unpack(part, remote.members, folder)
    part.unlink()
    return wanted


def receive(address: str, part: Path) -> None:
    """Appends to ``part`` what of the file it does not have yet. Raises OSError."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as problem:
        if have and problem.code == OUT_OF_RANGE:  # it is all here
            return
        raise
    with answer, part.open("ab" if answer.status == PARTIAL else "wb") as file:
        shutil.copyfileobj(answer, file, BLOCK_BYTES)
        # A connection that ends early looks like the end of the file.
        if answer.length:
            raise ConnectionError(f"{answer.length:,} bytes are missing")


def matches(path: Path, checksum: str) -> bool:
    """Whether a file has this checksum."""
    algorithm, _, expected = checksum.partition(":")
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest() == expected


def unpack(archive: Path, members: Sequence[str], folder: Path) -> None:
    """Unpacks some files of a tar archive into a folder, each one whole or not at all. Raises DownloadError."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary, tarfile.open(archive) as tar:
        for name in members:
            try:
                tar.extract(name, temporary, filter="data")
            except (KeyError, tarfile.TarError) as problem:
                raise DownloadError(f"{archive}: no {name} in it: {problem}") from problem
        for name in members:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(temporary) / name).replace(folder / name)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see ``--help``."""
    parser = argparse.ArgumentParser(
        description="Fetch the official files of AG News and DBpedia, with checksums; resumes.",
        epilog="example: python scripts/download_data.py ag_news --folder data",
    )
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help=f"{', '.join(FILES)}; all of them by default")
    parser.add_argument("--folder", type=Path, help="the data folder; GANGLION_DATA by default")
    options = parser.parse_args(argv)
    unknown = [name for name in options.datasets if name not in FILES]
    if unknown:
        parser.error(f"data set {unknown[0]!r} is none of {', '.join(FILES)}")
    folder = options.folder
    if folder is None:
        if not os.environ.get("GANGLION_DATA"):
            parser.error("no folder: give --folder, or set GANGLION_DATA")
        folder = Path(os.environ["GANGLION_DATA"])
    try:
        for name in options.datasets or FILES:
            for remote in FILES[name]:
                print(f"{remote.address} ...", file=sys.stderr, flush=True)
                for path in fetch(remote, folder):
                    print(path)
    except (DownloadError, OSError) as problem:
        print(f"download_data: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
