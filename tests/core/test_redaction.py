"""Messages are rendered as Twisted's logger does, without the values of secret fields."""

from __future__ import annotations

import base64

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import formatEvent

from papertrader.core.redaction import FIELD_CHARACTERS_MAX, TEMPLATES_MAX, MessageFormatter
from papertrader.core.secrets import Secret

CANARY = "canary-žx9!'2'é"


@attrs.frozen
class Account:
    """A thing with an attribute."""

    name: str = "ann"
    api_key: str = CANARY


@pytest.mark.parametrize(
    ("template", "fields"),
    [
        ("plain", {}),
        ("{a}", {"a": "x"}),
        ("{a} and {b}", {"a": 1, "b": None}),
        ("{{{a}}}", {"a": 1.5}),
        ("{a!r} {a!s}", {"a": "x"}),
        ("{a:>8}|{b:08.3f}", {"a": "x", "b": 2.5}),
        ("{a:{width}}|", {"a": "x", "width": 4}),
        ("{account.name}", {"account": Account()}),
        ("{names[1]} {ages[ann]}", {"names": ["a", "b"], "ages": {"ann": 5}}),
        ("{now()}", {"now": lambda: 42}),
        ("{d}", {"d": {"a": [1, ("b",)]}}),
        ("{flag}", {"flag": True}),
    ],
)
def test_messages_are_those_of_twisted(template: str, fields: dict[str, object]) -> None:
    """Formats give the same text as Twisted's own formatting."""
    assert MessageFormatter().render(template, fields) == formatEvent(
        {"log_format": template, **fields}
    )


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "token",
        "secret",
        "key",
        "totp",
        "api_key",
        "sessionToken",
        "KEY",
        "totp2",
        "new_password",
        "TOTP",
        "Password",
        "worker_keys",
        "log.token",
        "APIKey",
    ],
)
def test_secret_names(name: str) -> None:
    """A secret word anywhere in a name makes the field secret."""
    assert MessageFormatter().is_secret(name)


@pytest.mark.parametrize("name", ["monkey", "tokenize", "keyboard", "account", "log_format", "n"])
def test_other_names(name: str) -> None:
    """A secret word inside another word does not."""
    assert not MessageFormatter().is_secret(name)


def forms(canary: str) -> list[str]:
    octets = canary.encode()
    return [
        canary,
        repr(canary)[1:-1],
        ascii(canary)[1:-1],
        repr(octets)[2:-1],
        octets.hex(),
        base64.b64encode(octets).decode().rstrip("="),
    ]


@pytest.mark.parametrize(
    ("template", "fields"),
    [
        ("{password}", {"password": CANARY}),
        ("{password!r:>80}", {"password": CANARY}),
        ("{token}", {"token": CANARY.encode()}),
        ("{secret}", {"secret": Secret(CANARY.encode())}),
        ("{value}", {"value": Secret(CANARY.encode())}),
        ("{value!r}", {"value": [Secret(CANARY.encode())]}),
        ("{account.api_key}", {"account": Account()}),
        ("{fields[password]}", {"fields": {"password": CANARY}}),
        ("{fields}", {"fields": {"login": [{"password": CANARY}, ({"totp": CANARY},)]}}),
        ("{reply}", {"reply": f"wrong: {CANARY}!", "password": CANARY}),
        ("{reply}", {"reply": f"wrong: {CANARY}!", "typed": Secret(CANARY.encode())}),
        ("{octets}", {"octets": CANARY.encode(), "key": CANARY.encode()}),
        ("{shown}", {"shown": CANARY.encode().hex(), "key": CANARY}),
        ("{a:{password}}", {"a": 1, "password": CANARY}),
        ("{deep}", {"deep": [[[[[{"key": CANARY}]]]]]}),
    ],
)
def test_no_secret_is_shown(template: str, fields: dict[str, object]) -> None:
    """The canary is in no message: not as it is, escaped, in hex or in base64."""
    message = MessageFormatter().render(template, fields)
    assert not [form for form in forms(CANARY) if form in message]
    assert message


def test_what_cannot_be_shown_does_not_spoil_the_rest() -> None:
    """A missing field, a failing one and a format that is none leave the rest readable."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError(CANARY)

    fields: dict[str, object] = {"a": 1, "b": Broken()}
    render = MessageFormatter().render
    assert render("{a} {b} {c} {a.x}", fields) == "1 <b: RuntimeError> <no c> <a.x: AttributeError>"
    assert render("a { stray brace", fields) == "a { stray brace"
    assert render("{a:{a", fields) == "{a:{a"
    assert render("{}", fields).startswith("<")


def test_short_and_odd_secrets_do_not_blot_out_the_message() -> None:
    """A secret of a few characters, or that is no text, is hidden only in its own field."""
    fields: dict[str, object] = {"a": "abc 1", "key": "a", "token": 1, "secret": bytearray(b"c 12")}
    assert MessageFormatter().render("{a} {key} {token}", fields) == "abc 1 <secret> <secret>"
    assert MessageFormatter().scrub("abc 12", fields) == "ab<secret>"


def test_a_huge_field_is_bounded() -> None:
    """No field gives more text than a record could hold."""
    fields: dict[str, object] = {"a": "x" * 10**6, "b": list(range(10**5))}
    assert len(MessageFormatter().render("{a}{b}{a!r}", fields)) <= 3 * FIELD_CHARACTERS_MAX


def test_memory_of_formats_is_bounded() -> None:
    """Formats and names made up at run time do not fill the memory."""
    formatter = MessageFormatter()
    for number in range(3 * TEMPLATES_MAX):
        assert formatter.render(f"{number} {{x}}", {"x": "y", f"n{number}": 1}) == f"{number} y"
    assert len(formatter._templates) <= TEMPLATES_MAX
    assert len(formatter._secret_names) <= TEMPLATES_MAX


@given(st.text(max_size=40), st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
def test_rendering_never_raises(template: str, fields: dict[str, object]) -> None:
    """Any text may be given as a format."""
    assert isinstance(MessageFormatter().render(template, fields), str)
