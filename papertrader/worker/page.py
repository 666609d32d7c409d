"""The web page: files of the package, served from memory, and the WebSocket beside them.

There is nothing to build and nothing is fetched from another host. Every file is read once, at the
start; its name is looked up in a table, so that no path of a request ever reaches the file system.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

import attrs
from twisted.web.http import CACHED
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from papertrader.net.web import Refusal

FILES_MAX: Final = 64
FILE_OCTETS_MAX: Final = 1024 * 1024
"""The page is ours: more, or larger, files are a mistake in the package."""
GZIP_LEAST: Final = 1_024
INDEX: Final = "index.html"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}


@attrs.frozen
class PageFile:
    """One file: its octets as they are and compressed (empty if that saves nothing), its tag."""

    octets: bytes
    compressed: bytes
    media_type: str
    tag: bytes


def page_files(root: Traversable | None = None) -> dict[str, PageFile]:
    """Return the files of the page by path. Raises `ValueError` for what does not belong there."""
    found: dict[str, PageFile] = {}
    waiting = [("", root or resources.files("papertrader") / "page")]
    while waiting:
        prefix, directory = waiting.pop()
        for entry in directory.iterdir():
            path = f"{prefix}{entry.name}"
            if entry.is_dir():
                waiting.append((f"{path}/", entry))
            elif (media_type := TYPES.get(entry.name[entry.name.rfind(".") :])) is not None:
                found[path] = _page_file(path, entry.read_bytes(), media_type)
    if not 0 < len(found) <= FILES_MAX:
        raise ValueError(f"the page has {len(found)} files; 1 to {FILES_MAX} are expected")
    return found


def _page_file(path: str, octets: bytes, media_type: str) -> PageFile:
    if len(octets) > FILE_OCTETS_MAX:
        raise ValueError(f"{path} has {len(octets)} octets; at most {FILE_OCTETS_MAX} are expected")
    compressed = gzip.compress(octets, mtime=0) if len(octets) >= GZIP_LEAST else b""
    if len(compressed) >= len(octets):
        compressed = b""
    tag = f'"{hashlib.sha256(octets).hexdigest()[:32]}"'.encode()
    return PageFile(octets, compressed, media_type, tag)


class Page(Resource):
    """Answers GET and HEAD with the files, and hands ``children`` their own paths."""

    def __init__(self, files: Mapping[str, PageFile], children: Mapping[bytes, Resource]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._files = files
        for name, child in children.items():
            self.putChild(name, child)

    def getChild(self, path: bytes, request: Request) -> Resource:
        """Return the file of the rest of the path."""
        rest = [path, *(request.postpath or [])]
        request.postpath = []
        if request.method not in (b"GET", b"HEAD"):
            return Refusal(405, "only GET and HEAD are answered here")
        name = b"/".join(rest).decode("utf-8", "replace") or INDEX
        file = self._files.get(name)
        return _File(file) if file is not None else Refusal(404, "there is no such file here")


class _File(Resource):
    """One file."""

    isLeaf = True

    def __init__(self, file: PageFile) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._file = file

    def render_GET(self, request: Request) -> bytes | int:
        """Return it, compressed if the browser takes that, or say that it has not changed."""
        file = self._file
        request.setHeader("Content-Type", file.media_type)
        request.setHeader("Cache-Control", "no-cache")
        request.setHeader("Vary", "Accept-Encoding")
        if request.setETag(file.tag) is CACHED:
            return b""
        octets = file.octets
        if file.compressed and "gzip" in (request.getHeader("Accept-Encoding") or ""):
            request.setHeader("Content-Encoding", "gzip")
            octets = file.compressed
        request.setHeader("Content-Length", str(len(octets)))
        request.write(octets)
        request.finish()
        return NOT_DONE_YET
