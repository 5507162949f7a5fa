"""What the stream remembers between two looks: of every file what it was when all of it had been
told and, where that fits, each row's digest.

Lockstep stores a cursor of 64 KiB at the most. The files with the most rows are the first whose
digests stay out of it: a session that begins at such a cursor, and finds the file changed, cannot
tell what of it, and says `gap`. Within a session the digests are all there.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, field

from lockstep_sdk import Error

BYTES_MAX = 48 * 1024
"""Below the host's default, so that a connection with the default limits takes it."""
_UNPACKED_BYTES_MAX = 16 * 1024 * 1024
_BEGIN = b"jsonl1"


@dataclass(slots=True)
class Told:
    """One file, as far as it was told."""

    content: str = ""
    """Digest of the file that was told to its end."""
    shape: str = ""
    """Of its columns."""
    rows: dict[str, bytes] | None = field(default_factory=dict)
    """Digest of each row by its key's name. `None`: not known any more."""

    def copy(self) -> Told:
        rows = None if self.rows is None else dict(self.rows)
        return Told(self.content, self.shape, rows)


@dataclass(slots=True)
class Cursor:
    turn: int = 0
    """Grows with each answer that told something."""
    files: dict[str, Told] = field(default_factory=dict)


def pack(cursor: Cursor) -> bytes:
    """Leaves out rows, of the longest files first, until it fits."""
    kept = {name for name, told in cursor.files.items() if told.rows is not None}
    packed = _pack(cursor, kept)
    while len(packed) > BYTES_MAX and kept:
        kept.remove(max(kept, key=lambda name: len(cursor.files[name].rows or {})))
        packed = _pack(cursor, kept)
    return packed


def _pack(cursor: Cursor, kept: set[str]) -> bytes:
    files = {}
    for name, told in cursor.files.items():
        rows = None
        if name in kept and told.rows is not None:
            digests = base64.b64encode(b"".join(told.rows.values())).decode()
            rows = [list(told.rows), digests]
        files[name] = [told.content, told.shape, rows]
    text = json.dumps([cursor.turn, files], ensure_ascii=False, separators=(",", ":"))
    return _BEGIN + zlib.compress(text.encode(), 6)


def unpack(packed: bytes) -> Cursor:
    """Raises `cursor-invalid` for what no session of this connector gave."""
    try:
        if not packed.startswith(_BEGIN):
            raise ValueError("it begins otherwise")
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed[len(_BEGIN) :], _UNPACKED_BYTES_MAX)
        if not unpacker.eof or unpacker.unused_data:
            raise ValueError("it has another length")
        turn, files = json.loads(text)
        return Cursor(int(turn), {name: _told(*told) for name, told in files.items()})
    except (ValueError, TypeError, zlib.error) as error:
        raise Error.cursor_invalid(f"this is no cursor of this connector: {error}") from None


def _told(content: str, shape: str, rows: list[object] | None) -> Told:
    if rows is None:
        return Told(content, shape, None)
    names, packed = rows
    digests = base64.b64decode(str(packed), validate=True)
    if not isinstance(names, list) or len(digests) % max(len(names), 1) != 0:
        raise ValueError("its rows do not fit")
    size = len(digests) // max(len(names), 1)
    each = {name: digests[at * size : (at + 1) * size] for at, name in enumerate(names)}
    return Told(content, shape, each)
