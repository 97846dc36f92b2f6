"""TLS settings for both sides: HTTP/1.1 by ALPN, TLS 1.2 or later."""

from __future__ import annotations

import os
import ssl


def client_context(cafile: str | os.PathLike[str] | None = None) -> ssl.SSLContext:
    """Verifies the peer's certificate and name against the system's authorities, or those of ``cafile``."""
    context = ssl.create_default_context(cafile=cafile)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def server_context(certificate: str | os.PathLike[str], key: str | os.PathLike[str] | None = None) -> ssl.SSLContext:
    """Without ``key`` the certificate's file holds it too. Raises OSError or ssl.SSLError when the files do not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context
