"""The files of the page: from memory, by name, and nothing else."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from papertrader.worker import page
from tests.web_kit import RawBrowser, WebHouse

DIRECTORY = Path(page.__file__).parents[1] / "page"


@pytest.fixture
def house() -> WebHouse:
    """A worker with a web face."""
    return WebHouse()


def parts(raw: RawBrowser) -> tuple[str, bytes]:
    """Return head and body of an answer."""
    head, _, body = raw.octets.partition(b"\r\n\r\n")
    return head.decode(), body


def test_the_root_is_the_page(house: WebHouse) -> None:
    """As it stands in the package."""
    head, body = parts(house.get("/"))
    assert "200 OK" in head
    assert body == (DIRECTORY / "index.html").read_bytes()


def test_a_file_is_compressed_for_who_takes_that(house: WebHouse) -> None:
    """The same octets either way."""
    plain = parts(house.get("/codec.js"))[1]
    head, packed = parts(house.get("/codec.js", "Accept-Encoding: gzip, br"))
    assert "Content-Encoding: gzip" in head
    assert gzip.decompress(packed) == plain == (DIRECTORY / "codec.js").read_bytes()
    assert len(packed) < len(plain) // 2


def test_a_file_that_has_not_changed_is_not_sent_again(house: WebHouse) -> None:
    """By its tag: 304 without a body."""
    head, _ = parts(house.get("/style.css"))
    tag = re.search(r'^ETag: ("[0-9a-f]{32}")\r?$', head, re.M | re.I)
    assert tag is not None
    head, body = parts(house.get("/style.css", f"If-None-Match: {tag[1]}"))
    assert "304" in head.splitlines()[0]
    assert body == b""


@pytest.mark.parametrize(
    "path", ["/../page.py", "/%2e%2e/page.py", "/views/../../worker/page.py", "/views", "/x", "//"]
)
def test_what_is_not_in_the_table_is_not_there(house: WebHouse, path: str) -> None:
    """No path of a request reaches the file system."""
    head, body = parts(house.get(path))
    assert "404" in head.splitlines()[0]
    assert b"class" not in body


def test_nothing_is_fetched_from_another_host() -> None:
    """No address in what is ours but names and links that a person follows."""
    allowed = {"https://www.tradingview.com/", "http://www.w3.org/2000/svg"}
    for path in DIRECTORY.rglob("*"):
        if path.is_file() and "vendor" not in path.parts and path.suffix in page.TYPES:
            text = path.read_text(encoding="utf-8")
            assert set(re.findall(r"https?://[^\s\"'`)<]+", text)) <= allowed, path


def test_no_inline_code_that_the_policy_would_stop() -> None:
    """Neither handlers nor style attributes nor script text in the page's own files."""
    for path in [*DIRECTORY.glob("*.html"), *DIRECTORY.glob("*.js"), *DIRECTORY.glob("views/*.js")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\bstyle=|<script>|\son[a-z]+=\"|\beval\(|new Function", text), path


def test_texts_are_shown_as_texts() -> None:
    """Nothing is put into the page as markup, taken from another window, or led elsewhere."""
    banned = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|dangerouslySet"
        r"|postMessage|onmessage=|location\s*=|location\.(assign|replace|href\s*=)|window\.open"
        r"|document\.cookie|indexedDB|__proto__"
    )
    own = [*DIRECTORY.glob("*.js"), *DIRECTORY.glob("views/*.js")]
    assert len(own) > 10
    for path in own:
        text = path.read_text(encoding="utf-8")
        assert not re.search(banned, text), (path, re.search(banned, text))


def test_only_the_token_of_the_session_is_kept() -> None:
    """In this tab alone, with the user's name and the newest order's number, until the logout."""
    text = (DIRECTORY / "store.js").read_text(encoding="utf-8")
    kept = re.findall(r"sessionStorage\.setItem\((.+?)\);", text)
    assert kept == [
        "KEPT, JSON.stringify({ ...read(), token: session.token, user: state.user })",
        "`${KEPT}.order`, id.toString()",
    ]
    assert "sessionStorage.removeItem(KEPT)" in text


def test_of_the_browser_only_one_switch_is_asked_for_longer() -> None:
    """Whether keys of one character do something: it says nothing of anybody."""
    own = [*DIRECTORY.glob("*.js"), *DIRECTORY.glob("views/*.js")]
    text = "".join(path.read_text(encoding="utf-8") for path in own)
    assert re.findall(r"localStorage.*", text) == [
        'localStorage.getItem(SINGLE) !== "off";',
        'localStorage.setItem(SINGLE, on ? "on" : "off");',
    ]


def test_passwords_are_typed_as_passwords() -> None:
    """Masked, with the words by which password managers know them; pasting is not hindered."""
    views = ("door.js", "factor.js")
    text = "".join((DIRECTORY / "views" / name).read_text(encoding="utf-8") for name in views)
    fields = re.findall(r'<input name="(?:password|again)"[^>]*>', text)
    assert len(fields) == 3
    assert all(
        'type="password"' in each and "password" in each.split("autocomplete")[1] for each in fields
    )
    for path in [*DIRECTORY.glob("*.js"), *DIRECTORY.glob("views/*.js")]:
        assert not re.search(r"paste", path.read_text(encoding="utf-8"), re.I), path


def test_vendored_files_have_their_licences() -> None:
    """And the notices name each."""
    notice = (DIRECTORY / "NOTICE.txt").read_text(encoding="utf-8")
    for directory in (DIRECTORY / "vendor").iterdir():
        assert (directory / "LICENSE.txt").is_file()
        assert f"vendor/{directory.name}/" in notice


def test_a_page_with_too_much_in_it_is_a_mistake(tmp_path: Path) -> None:
    """Found at the start, not by a browser."""
    with pytest.raises(ValueError, match="0 files"):
        page.page_files(tmp_path)
    (tmp_path / "a.js").write_bytes(bytes(page.FILE_OCTETS_MAX + 1))
    with pytest.raises(ValueError, match=r"a\.js has"):
        page.page_files(tmp_path)
