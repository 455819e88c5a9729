"""https for the page: browsers allow a page to use the camera only over https, or on the same computer.

No authority signs certificates for addresses in a home network, so rtpose makes its own; browsers warn about it
once. See docs/phone.md.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from rtpose.errors import ConfigError, MissingExtraError, OutputError
from rtpose.networks.model_files import cache_dir
from rtpose.recordings.output_file import OutputFile

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, GeneralName

VALID_FOR = timedelta(days=365)
"""Apple's systems reject certificates that are valid for more than 825 days."""
RENEWED_BEFORE = timedelta(days=30)
CERTIFICATE = "certificate.pem"
"""To install on programs and devices that should trust it."""
CERTIFICATE_AND_KEY = "certificate-and-key.pem"
"""One file, so that the two always match. Readable by this user only."""


def tls_context(certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """The TLS settings of a server. certificate, key: PEM files; None: rtpose's own certificate, created on demand.

    Errors: `ConfigError` for files that do not match; `MissingExtraError` if a certificate must be created and
    `cryptography` is missing; `OutputError` if it cannot be stored.
    """
    if key is not None and certificate is None:
        raise ConfigError(f"the key {key} needs its certificate: give it with --tls-cert")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    file = certificate or own_certificate()
    try:
        # Without `password`, OpenSSL would ask for it on the terminal.
        context.load_cert_chain(file, key, password=lambda: "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        what = f"{file} and {key} are" if key else f"{file} is"
        raise ConfigError(
            f"{what} not a certificate and unencrypted key in PEM format ({reason}): use --tls-cert and --tls-key"
        ) from None
    return context


def own_certificate(folder: Path | None = None) -> Path:
    """The file with rtpose's certificate and key in the user's cache folder.

    It is renewed shortly before it expires, and when this machine has an address that is not in it. Old addresses stay
    in it, so that moving between two networks does not renew it each time.
    Errors: `MissingExtraError`, `OutputError`.
    """
    try:
        from cryptography import x509
    except ModuleNotFoundError as error:
        raise MissingExtraError("tls", "a certificate of rtpose's own") from error
    folder = folder or cache_dir() / "tls"
    file = folder / CERTIFICATE_AND_KEY
    names = machine_names()
    old = set()
    try:
        kept = x509.load_pem_x509_certificate(file.read_bytes())
        old = names_of(kept)
        if names <= old and datetime.now(UTC) < kept.not_valid_after_utc - RENEWED_BEFORE:
            return file
    except (OSError, ValueError, x509.ExtensionNotFound):  # missing or damaged
        pass
    certificate, key = make_certificate(names | old)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(file, certificate + key, mode=0o600)
        _write(folder / CERTIFICATE, certificate, mode=0o644)
    except (OSError, OutputError) as error:
        raise OutputError(
            f"the certificate for https cannot be stored in {folder} ({getattr(error, 'strerror', None) or error}): "
            "set RTPOSE_CACHE_DIR to another folder, or give one with --tls-cert and --tls-key"
        ) from None
    return file


def make_certificate(names: set[str]) -> tuple[bytes, bytes]:
    """A new self-signed certificate for these names and addresses, and its key; both PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rtpose on this computer")])
    now = datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks of phones may be wrong
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in sorted(names)]), critical=False)
        # Trusting it means trusting this server, not certificates signed with its key.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def machine_names() -> set[str]:
    """Names and addresses at which this machine can be reached."""
    names = {"localhost", "127.0.0.1", "::1"}
    host = socket.gethostname().rstrip(".")
    # Other characters and lengths are not valid in network names.
    if host.isascii() and host.replace("-", "").replace(".", "").isalnum() and len(host) < 64:
        names |= {host.lower(), f"{host.split('.')[0].lower()}.local"}
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family in (socket.AF_INET, socket.AF_INET6) and "%" not in one.address:
                names.add(str(ipaddress.ip_address(one.address)))
    return names


def names_of(certificate: Certificate) -> set[str]:
    """Names and addresses in a certificate. Errors: `cryptography.x509.ExtensionNotFound`."""
    from cryptography import x509

    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}


def _general_name(name: str) -> GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(file: Path, content: bytes, *, mode: int) -> None:
    """mode: who may read it, from its creation on."""
    output = OutputFile(file, overwrite=True, mode=mode)
    with output.writing():
        output.part.write_bytes(content)
    output.commit()
