"""What only the host can do: use secrets that never enter the sandbox, and take notice of
progress and rate limits. `secret` is a name from the connection's `secrets`. Natively, progress
and rate limits go nowhere, and using a secret raises `Error.unsupported`; a test puts a `Host`
of its own into `lockstep_sdk.host.current`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import Error


@dataclass(slots=True)
class ScramProof:
    client_proof: bytes
    server_signature: bytes
    """Compare with the server-final message's `v=`, decoded from base64."""


class Host:
    """What a connector may ask of the host."""

    def progress(self, what: str, done: int, total: int | None = None) -> None:
        """Tell people how far a long call is."""

    def rate_limit(
        self,
        name: str,
        used: int | None = None,
        limit: int | None = None,
        resets_in_ms: int | None = None,
    ) -> None:
        """Tell the host what the system said about a rate limit. A limit that counts only requests
        to some paths says so behind an `@` in its name: `search@/search`. Without `used`, the host
        counts by itself."""

    def scram_sha_256(self, secret: str, salt: bytes, iterations: int, auth_message: str) -> ScramProof:
        """Answer a SCRAM-SHA-256 challenge (RFC 5802). `auth_message` is client-first-bare ","
        server-first "," client-final-without-proof."""
        raise Error.unsupported("secrets outside the sandbox")

    def hmac_sha256(self, secret: str, message: bytes) -> bytes:
        """HMAC-SHA-256 of a message under a secret."""
        raise Error.unsupported("secrets outside the sandbox")

    def sign_rs256(self, secret: str, message: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 under a secret that holds an RSA private key in PEM form."""
        raise Error.unsupported("secrets outside the sandbox")

    def sign_in(self, anew: bool = False) -> dict[str, str]:
        """Sign in by the connection's authentication scheme, if that has not happened yet, and give
        what the token's answer said under the scheme's `answers`. Requests sign in by themselves,
        and anew after a 401: this is for connectors that must know an answer first, and for systems
        that say in another way that the token has run out (`anew`)."""
        raise Error.unsupported("secrets outside the sandbox")


current = Host()
