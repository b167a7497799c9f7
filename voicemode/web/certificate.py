"""This machine's own certificate for browsers in the local network: without TLS they give a page no microphone.

It is signed by a root that is generated with it and whose key is discarded at once: a phone that trusts the root trusts
this machine only, even if its files leak. Key and certificates share one file, so that they always match.
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
"""Days of validity: systems refuse certificates that are valid for longer."""
RENEWED_DAYS = 30
MOST_NAMES = 32
"""Most names in a certificate. It keeps names of other networks, so that a move between two needs no new certificate."""


def certificate_file(settings: Settings) -> Path:
    """Return the file of our TLS key and certificates."""
    return settings.state_dir / "frontend-tls.pem"


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """Key and certificate with which we prove our identity in TLS."""

    path: Path
    """PEM file: our certificate, its root, our key."""
    fingerprint: str
    """SHA-256 of our certificate, as browsers display it."""


def identity(path: Path, names: Sequence[str], now: datetime.datetime) -> ServerCertificate:
    """Return the certificate at `path`, made anew if it is missing, expires soon, or lacks one of `names`. Blocks.

    `names` are host names and addresses. Raises ConfigError if the file cannot be written.
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
    """Return the fingerprint of the certificate at `path`; empty if there is none. Blocks."""
    chain = _read(path)
    return _described(path, chain).fingerprint if chain else ""


def root(path: Path) -> bytes:
    """Return the root, in DER, of the certificate at `path`, for a phone to trust; empty if there is none."""
    from cryptography.hazmat.primitives.serialization import Encoding

    chain = _read(path)
    return chain[-1].public_bytes(Encoding.DER) if chain else b""


def names_in(certificate: "Certificate") -> tuple[str, ...]:
    """Return the host names and addresses of a certificate."""
    from cryptography.x509 import DNSName, IPAddress, SubjectAlternativeName

    names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    return (*names.get_values_for_type(DNSName), *map(str, names.get_values_for_type(IPAddress)))


def _good(certificate: "Certificate", names: Iterable[str], now: datetime.datetime) -> bool:
    lasting = certificate.not_valid_after_utc - now > datetime.timedelta(days=RENEWED_DAYS)
    return lasting and set(names) <= set(names_in(certificate))


def _read(path: Path) -> "list[Certificate]":
    """Return our certificate and its root; empty if they or the key cannot be read."""
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
    """Return a new certificate for `names`, its root, and its key, in PEM."""
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
        # A phone's clock may be behind ours.
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
