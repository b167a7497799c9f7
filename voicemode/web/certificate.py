"""A certificate of this machine's own, for browsers in the local network: without TLS they give a page no microphone.

It is signed by a root that is made with it, and whose key is thrown away at once: a phone that is told to trust the root
trusts this machine only, whoever may get at its files. Key and certificates are one file, so that they never disagree.
"""

import datetime
import ipaddress
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicemode.config import Settings
from voicemode.config.files import exclusive, write_atomically

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey as Key
    from cryptography.x509 import Certificate, CertificateBuilder, GeneralName, KeyUsage, Name

GOOD_DAYS = 397
"""Systems refuse those that are good for longer."""
RENEWED_DAYS = 30
MOST_NAMES = 32
"""It keeps names from other networks, so that whoever moves between two need not accept a new one each time."""


def certificate_file(settings: Settings) -> Path:
    """Where what we prove in TLS who we are with is kept."""
    return settings.state_dir / "frontend-tls.pem"


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """Key and certificate we prove our identity with in TLS."""

    path: Path
    """PEM: our certificate, its root, our key."""
    fingerprint: str
    """SHA-256 of our certificate, as browsers show it."""


def identity(path: Path, names: Sequence[str], now: datetime.datetime) -> ServerCertificate:
    """The one at `path`, made anew where there is none for `names` (and addresses), or not for long. Blocks.

    Raises ConfigError where it cannot be written.
    """
    with exclusive(path):
        chain = _read(path)
        if not chain or not _good(chain[0], names, now):
            known = names_in(chain[0]) if chain else ()
            all_names = tuple(dict.fromkeys((*names, *known)))
            write_atomically(path, _made(all_names if len(all_names) <= MOST_NAMES else names, now))
            chain = _read(path)
    return _described(path, chain)


def fingerprint(path: Path) -> str:
    """That of the certificate at `path`; empty if there is none. Blocks."""
    chain = _read(path)
    return _described(path, chain).fingerprint if chain else ""


def root(path: Path) -> bytes:
    """The certificate, DER, that a phone can be told to trust, so that it knows the one at `path`; empty if there is none."""
    from cryptography.hazmat.primitives.serialization import Encoding

    chain = _read(path)
    return chain[-1].public_bytes(Encoding.DER) if chain else b""


def names_in(certificate: "Certificate") -> tuple[str, ...]:
    """The names and addresses it is for."""
    from cryptography.x509 import DNSName, IPAddress, SubjectAlternativeName

    names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    return (*names.get_values_for_type(DNSName), *map(str, names.get_values_for_type(IPAddress)))


def _good(certificate: "Certificate", names: Iterable[str], now: datetime.datetime) -> bool:
    lasting = certificate.not_valid_after_utc - now > datetime.timedelta(days=RENEWED_DAYS)
    return lasting and set(names) <= set(names_in(certificate))


def _read(path: Path) -> "list[Certificate]":
    """Our certificate and its root; nothing if they or the key cannot be read."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    try:
        content = path.read_bytes()
        load_pem_private_key(content, None)
        return load_pem_x509_certificates(content)
    except (OSError, ValueError):
        return []


def _described(path: Path, chain: "Sequence[Certificate]") -> ServerCertificate:
    from cryptography.hazmat.primitives.hashes import SHA256

    return ServerCertificate(path, chain[0].fingerprint(SHA256()).hex(":").upper())


def _made(names: Sequence[str], now: datetime.datetime) -> bytes:
    """A new key, its certificate for `names`, and the root, in PEM."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    root_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    signer = _root(root_key, names[-1], now)
    own = _own(key, names, now, signer, root_key)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return own.public_bytes(Encoding.PEM) + signer.public_bytes(Encoding.PEM) + private


def _root(key: "Key", name: str, now: datetime.datetime) -> "Certificate":
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509 import BasicConstraints, SubjectKeyIdentifier

    title = f"VoiceMode on {name}, {secrets.token_hex(3)}"[:64]
    builder = _begun(key, title, title, now)
    builder = builder.add_extension(BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    builder = builder.add_extension(SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return builder.sign(key, SHA256())


def _own(key: "Key", names: Sequence[str], now: datetime.datetime, signer: "Certificate", signer_key: "Key") -> "Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    issuer = signer.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    builder = _begun(key, "VoiceMode", str(issuer), now)
    for extension, critical in (
        (x509.SubjectAlternativeName(list(map(_general, names))), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer_key, SHA256())


def _begun(key: "Key", subject: str, issuer: str, now: datetime.datetime) -> "CertificateBuilder":
    from cryptography.x509 import CertificateBuilder, random_serial_number

    return (
        CertificateBuilder()
        .subject_name(_called(subject))
        .issuer_name(_called(issuer))
        .public_key(key.public_key())
        .serial_number(random_serial_number())
        # Clocks of phones may be behind ours.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=GOOD_DAYS - 1))
    )


def _called(name: str) -> "Name":
    from cryptography.x509 import Name, NameAttribute
    from cryptography.x509.oid import NameOID

    return Name([NameAttribute(NameOID.COMMON_NAME, name)])


def _general(name: str) -> "GeneralName":
    from cryptography.x509 import DNSName, IPAddress

    try:
        return IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return DNSName(name)


def _usage(*, signs_certificates: bool) -> "KeyUsage":
    from cryptography.x509 import KeyUsage

    return KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
