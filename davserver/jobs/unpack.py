"""What a person hands over as "my calendar": a plain file, a gzip of one, a zip of many. Read as streams.

Nothing is unpacked to disk or kept whole in memory; ``limits.import_size`` bounds what comes out, so a zip
bomb ends where the limit is.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from davserver.errors import HttpError
from davserver.sentences import Sentence

CHUNK = 256 * 1024
SUFFIXES = (".ics", ".ical", ".ifb", ".icalendar", ".vcf", ".vcard")
"""Names of the files in a zip that are looked at."""

Member = tuple[str, Iterator[bytes]]
"""The name of a file inside an archive ("" for a plain file), and its bytes."""


class TooLarge(HttpError):
    """413: more than the operator allows."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            413,
            Sentence(
                "The file is larger than %(mib)s MiB (limits.import_size). Import it in parts.",
                mib=limit // (1024 * 1024),
            ),
        )


def members(file: BinaryIO, limit: int) -> Iterator[Member]:
    """The files in a file, each to be read to its end before the next.

    :param file: seekable, at its beginning.
    :param limit: bytes of all of them together, unpacked.
    :raises HttpError: 413 beyond the limit, 400 for a damaged or unsuitable archive.
    """
    magic = file.read(4)
    file.seek(0)
    budget = _Budget(limit)
    if magic[:2] == b"\x1f\x8b":
        yield "", budget.chunks(_gzip(file))
    elif magic == b"PK\x03\x04":
        yield from _zip(file, budget)
    else:
        yield "", budget.chunks(_chunks(file))


def is_zip(file: BinaryIO) -> bool:
    """Whether a file is a zip; it is left at its beginning."""
    magic = file.read(4)
    file.seek(0)
    return magic == b"PK\x03\x04"


def limited(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """The same chunks; 413 beyond the limit."""
    return _Budget(limit).chunks(chunks)


class _Budget:
    """The bytes that may still come."""

    def __init__(self, limit: int) -> None:
        self._limit, self._left = limit, limit

    def chunks(self, source: Iterator[bytes]) -> Iterator[bytes]:
        """The same chunks, as long as they are within the limit."""
        for chunk in source:
            self._left -= len(chunk)
            if self._left < 0:
                raise TooLarge(self._limit)
            yield chunk


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _gzip(file: BinaryIO) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield from _chunks(unpacked)  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        raise HttpError(400, "The gzip file is damaged.") from error


def _zip(file: BinaryIO, budget: _Budget) -> Iterator[Member]:
    archive = opened_zip(file)
    wanted = [one for one in archive.infolist() if one.filename.lower().endswith(SUFFIXES)]
    if not wanted:
        raise HttpError(400, "There is no .ics or .vcf file in the zip.")
    for one in wanted:
        yield one.filename, budget.chunks(zip_chunks(archive, one))


def opened_zip(file: BinaryIO) -> zipfile.ZipFile:
    """The table of contents of a zip; 400 where it is damaged."""
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise HttpError(400, "The zip file is damaged.") from error


def zip_chunks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """One file of a zip in chunks; 400 where it is damaged or needs a password."""
    try:
        with archive.open(member) as unpacked:
            yield from _chunks(unpacked)  # type: ignore[arg-type]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, zlib.error) as error:
        raise HttpError(
            400, Sentence("%(filename)s in the zip is damaged or needs a password.", filename=member.filename)
        ) from error
