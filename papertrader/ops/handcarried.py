"""Enrolling a worker that cannot reach its master yet: requests and certificates carried by hand.

What is carried is PEM text without secrets; the keys wait in ``tls/waiting-*.key`` of the worker.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from cryptography import x509

from papertrader.net.credentials import CredentialsError, is_uuid, load_private_key
from papertrader.ops.authorities import as_elliptic, key_text
from papertrader.ops.certificates import check_worker_name, tls_directory
from papertrader.ops.enrolled import EnrolledWorker
from papertrader.ops.enrolling import NewKeys, keep, make_keys
from papertrader.ops.files import PRIVATE_FILE, make_private_directory, replace_file
from papertrader.ops.signing import CertificateError

_WAITING: Final = "waiting.json"


def _key_file(state: Path, which: str) -> Path:
    return tls_directory(state) / f"waiting-{which}.key"


def write_requests(state: Path, name: str, uuid: str, host: str, port: int) -> str:
    """Make keys that wait here; return the requests over them. Raises `ValueError`, `OSError`."""
    try:
        check_worker_name(name)
    except CertificateError as error:
        raise ValueError(str(error)) from None
    if not is_uuid(uuid):
        raise ValueError(f"{uuid!r} is not the UUID that `worker add` printed")
    make_private_directory(tls_directory(state))
    keys = make_keys(name, uuid)
    replace_file(_key_file(state, "link"), key_text(keys.link), PRIVATE_FILE)
    replace_file(_key_file(state, "clients"), key_text(keys.clients), PRIVATE_FILE)
    note = {"name": name, "uuid": uuid, "master_host": host, "master_port": port}
    replace_file(tls_directory(state) / _WAITING, json.dumps(note).encode(), PRIVATE_FILE)
    return json.dumps({"name": name, "csr": keys.csr, "public_csr": keys.public_csr}) + "\n"


def read_requests(text: str) -> tuple[str, str, str | None]:
    """Return (name, csr, public csr) of what `write_requests` returned. Raises `ValueError`."""
    try:
        content = json.loads(text)
        return str(content["name"]), str(content["csr"]), content.get("public_csr")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ValueError("this file is not what `worker csr` printed") from None


def signed_text(worker_id: int, certificate: str, public: str | None, trust: str) -> str:
    """Return what is carried back."""
    return json.dumps(
        {"worker_id": worker_id, "certificate": certificate, "public": public, "trust": trust}
    ) + "\n"  # fmt: skip


def take_signed(state: Path, text: str) -> EnrolledWorker:
    """Keep what was carried back, for the keys that wait here. Raises `ValueError`, `OSError`."""
    directory = tls_directory(state)
    try:
        content = json.loads(text)
        note = json.loads((directory / _WAITING).read_text(encoding="utf-8"))
        link = as_elliptic(load_private_key(_key_file(state, "link")), _key_file(state, "link"))
        clients = as_elliptic(
            load_private_key(_key_file(state, "clients")), _key_file(state, "clients")
        )
        worker = EnrolledWorker(worker_id=int(content["worker_id"]), **note)
        certificate, public = str(content["certificate"]), str(content["public"] or "")
        trust = str(content["trust"])
        shown = [x509.load_pem_x509_certificate(each.encode()) for each in (certificate, public)]
    except FileNotFoundError:
        raise ValueError("no keys wait here; run `worker csr` on this machine first") from None
    except (LookupError, TypeError, AttributeError, CertificateError, CredentialsError) as error:
        raise ValueError(f"this is not what `ca sign` printed ({error})") from None
    if [each.public_key() for each in shown] != [link.public_key(), clients.public_key()]:
        raise ValueError("these certificates are over other keys than those that wait here")
    keys = NewKeys(link=link, clients=clients, csr="", public_csr="")
    keep(state, worker, keys, certificate, public, trust)
    for name in (_WAITING, "waiting-link.key", "waiting-clients.key"):
        (directory / name).unlink(missing_ok=True)
    return worker
