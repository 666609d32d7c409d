"""The deployment variable of what the workers' HTTPS tells browsers to remember."""

from __future__ import annotations

from typing import Final

from papertrader.ops.variable import Variable, shown, text_literal

STRICT_TRANSPORT_CHOICES: Final = ("host", "subdomains", "off", "forget")
"""The keys of `papertrader.net.web.STRICT_TRANSPORT`, which drivers do not load."""


def _strict_transport(raw: object) -> str:
    if isinstance(raw, str) and raw.strip() in STRICT_TRANSPORT_CHOICES:
        return raw.strip()
    allowed = ", ".join(STRICT_TRANSPORT_CHOICES)
    raise ValueError(f"{shown(raw)} is wrong; allowed is one of {allowed}")


WEB_STRICT_TRANSPORT: Final[Variable[str]] = Variable(
    name="web.strict_transport",
    default='"host"',
    read=_strict_transport,
    show=text_literal,
    comment="""\
What browsers are to remember for a year of a public name they reached the page or the gateway
under (Strict-Transport-Security): "host": no plain HTTP there, on any port; "subdomains": nor
below it; "off": nothing; "forget": what was said before is void. Addresses and names such as
localhost or nas.local are never told anything.""",
)
