"""Mutual TLS with the host.

go-plugin makes a certificate for one run of a plugin and gives it to the plugin in
the environment; the plugin makes its own and answers with it in the handshake. The
host's key is on the curve P-521, which the TLS library inside grpcio does not take
for clients. Python's own takes it: so the connection ends here, and goes on to the
server through a socket in the plugin's private folder.
"""

import asyncio
import datetime
import os
import ssl
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

CHUNK = 64 << 10  # bytes passed on at a time


def certificate():
    """Returns a certificate for localhost and its key, both as PEM, and the
    certificate as DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(seconds=30))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return cert.public_bytes(serialization.Encoding.PEM), secret, cert.public_bytes(serialization.Encoding.DER)


def context(client_pem):
    """Returns a context that admits the holder of the client's certificate alone, and
    the server's certificate as DER."""
    pem, secret, der = certificate()
    out = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    out.minimum_version = ssl.TLSVersion.TLSv1_2
    out.verify_mode = ssl.CERT_REQUIRED
    out.load_verify_locations(cadata=client_pem)
    out.set_alpn_protocols(["h2"])
    # The module reads keys from files only.
    with tempfile.NamedTemporaryFile(suffix=".pem") as f:
        f.write(secret + pem)
        f.flush()
        out.load_cert_chain(f.name)
    return out, der


async def relay(path, inner, tls):
    """Listens on path and passes what comes over TLS on to the socket inner."""
    tasks = set()

    async def accept(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            there_reader, there_writer = await asyncio.open_unix_connection(inner)
            await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
        except OSError:
            writer.close()
        finally:
            tasks.discard(asyncio.current_task())

    server = await asyncio.start_unix_server(accept, path, ssl=tls)
    os.chmod(path, 0o600)
    return server


async def _pump(reader, writer):
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
