"""Turning a log event's format and fields into a message that shows no secret."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from string import Formatter
from typing import Final, cast

import attrs

from papertrader.core.secrets import SHOWN, Secret

SECRET_WORDS: Final = frozenset(
    {"password", "passwords", "passphrase", "token", "tokens", "secret", "secrets"}
    | {"key", "keys", "totp"}
)
"""A field is secret if one word of its name is here: ``api_key``, ``sessionToken``, ``TOTP``."""

TEMPLATES_MAX: Final = 1024
"""Formats and field names remembered by one formatter; when full, it forgets them all."""
FIELD_CHARACTERS_MAX: Final = 2048
"""More of one field's text than this is left out: a record could not hold it."""
DEPTH_MAX: Final = 4
"""Containers nested deeper than this inside a field are shown as an ellipsis."""
ITEMS_MAX: Final = 64
"""Items shown of one container."""
_SCRUBBED_MIN: Final = 4
"""Secrets shorter than this are not searched for in a text: they would blot out half of it."""

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PATH: Final = re.compile(r"[^.\[\]()]+")


@attrs.frozen
class _Field:
    """One replacement field of a format, taken apart."""

    name: str
    conversion: str | None
    spec: str
    plain: bool
    """True for ``{name}`` with nothing else to it."""
    secret: bool


class MessageFormatter:
    """Renders messages in the manner of ``twisted.logger`` (PEP 3101, and ``{name()}`` calls).

    Fields with a secret word in their name, at any level of ``a.b[c]`` or inside dictionaries,
    are shown as ``<secret>``. It never raises: what cannot be shown is named and passed over.
    Threads may share it.
    """

    def __init__(self) -> None:
        self._templates: dict[str, list[tuple[str, _Field | None]]] = {}
        self._secret_names: dict[str, bool] = {}
        self._resolver = Formatter()

    def render(self, template: str, fields: Mapping[str, object]) -> str:
        """Return the message. Values of secret fields are left out wherever they appear in it."""
        parts = self._templates.get(template)
        if parts is None:
            parts = self._remember_template(template)
        shown: list[str] = []
        for literal, field in parts:
            shown.append(literal)
            if field is None:
                continue
            if field.secret:
                shown.append(SHOWN)
            elif field.plain:
                value = fields.get(field.name, fields)
                kind = type(value)
                if kind is str:
                    shown.append(cast("str", value)[:FIELD_CHARACTERS_MAX])
                elif kind is int:
                    shown.append(str(value))
                else:
                    shown.append(self._show(field, fields))
            else:
                shown.append(self._show(field, fields))
        return self.scrub("".join(shown), fields)

    def scrub(self, text: str, fields: Mapping[str, object]) -> str:
        """Return ``text`` without the values of secret fields: plain, escaped, hex or base64."""
        known = self._secret_names
        for name, value in fields.items():
            secret = known.get(name)
            if secret is None:
                secret = self.is_secret(name)
            if secret or type(value) is Secret:
                for form in _forms(value):
                    text = text.replace(form, SHOWN)
        return text

    def is_secret(self, name: str) -> bool:
        """Tell whether a field of this name may hold a secret."""
        secret = self._secret_names.get(name)
        if secret is None:
            if len(self._secret_names) >= TEMPLATES_MAX:
                self._secret_names.clear()
            secret = not SECRET_WORDS.isdisjoint(word.lower() for word in _WORD.findall(name))
            self._secret_names[name] = secret
        return secret

    def _remember_template(self, template: str) -> list[tuple[str, _Field | None]]:
        try:
            parts = [
                (literal, None if name is None else self._field(name, conversion, spec or ""))
                for literal, name, spec, conversion in self._resolver.parse(template)
            ]
        except ValueError:
            # Not a format after all (a stray brace): the text itself is what there is to say.
            return [(template, None)]
        if len(self._templates) >= TEMPLATES_MAX:
            self._templates.clear()
        self._templates[template] = parts
        return parts

    def _field(self, name: str, conversion: str | None, spec: str) -> _Field:
        return _Field(
            name=name,
            conversion=conversion,
            spec=spec,
            plain=name.isidentifier() and conversion is None and not spec,
            secret=any(map(self.is_secret, _PATH.findall(name))),
        )

    def _show(self, field: _Field, fields: Mapping[str, object]) -> str:
        try:
            path = field.name.removesuffix("()")
            value, _ = self._resolver.get_field(path, (), fields)
            if path != field.name:
                value = cast("Callable[[], object]", value)()
            if isinstance(value, dict | list | tuple):
                value = self._without_secrets(value, DEPTH_MAX)
            value = self._resolver.convert_field(value, cast("str", field.conversion))
            spec = self.render(field.spec, fields) if "{" in field.spec else field.spec
            return format(value, spec)[:FIELD_CHARACTERS_MAX]
        except KeyError:
            return f"<no {field.name}>"
        except Exception as error:
            return f"<{field.name}: {type(error).__name__}>"

    def _without_secrets(self, value: object, depth: int) -> object:
        """Return a copy of nested containers with the secrets in their dictionaries left out."""
        if not isinstance(value, dict | list | tuple):
            return value
        if depth == 0:
            return "…"
        if isinstance(value, dict):
            return {
                name: SHOWN
                if isinstance(name, str) and self.is_secret(name)
                else self._without_secrets(item, depth - 1)
                for name, item in list(value.items())[:ITEMS_MAX]
            }
        items = [self._without_secrets(item, depth - 1) for item in value[:ITEMS_MAX]]
        return tuple(items) if isinstance(value, tuple) else items


def _forms(value: object) -> list[str]:
    """Return the written forms of a secret value worth looking for."""
    if isinstance(value, Secret):
        octets = value.reveal()
    elif isinstance(value, str):
        octets = value.encode("utf-8", "replace")
    elif isinstance(value, bytes | bytearray):
        octets = bytes(value)
    else:
        return []
    if len(octets) < _SCRUBBED_MIN:
        return []
    text = octets.decode("utf-8", "replace")
    return [
        text,
        repr(text)[1:-1],
        repr(octets)[2:-1],
        octets.hex(),
        base64.b64encode(octets).decode("ascii").rstrip("="),
        base64.urlsafe_b64encode(octets).decode("ascii").rstrip("="),
    ]


def visible(text: str) -> str:
    """Return text with all that could begin a line or move a cursor written as an escape."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )
