"""What the files of a zip archive hold, as zipfile has it, and of most of them in a fraction of the time."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import IO

CHUNK = 1 << 18
"""Bytes; a file of no more is read at once."""
ROOM = 2 * CHUNK
"""The most that such a file may take in the archive."""
LOCAL = struct.Struct("<4s2xH18xHH")
"""What precedes each file: a signature, flags, and the lengths of its name and of what else follows."""
SIGNATURE = b"PK\3\4"
UTF_8 = 0x800
ORDINARY = UTF_8 | 0x8 | 0x6
"""The flags that change nothing: name in UTF-8, digest behind the file, and how hard it was compressed."""
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


class Contents:
    """Of an archive that stays open meanwhile.

    :param file: the same, unbuffered.
    """

    def __init__(self, archive: zipfile.ZipFile, file: IO[bytes]) -> None:
        self._archive, self._file = archive, file
        starts = sorted({entry.header_offset for entry in archive.infolist()})
        self._ends = dict(pairwise([*starts, archive.start_dir]))

    def chunks(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        """Yield what a file holds, in pieces.

        :raises BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError: as zipfile has it.
        """
        whole = self.at_once(entry)
        if whole is not None:
            yield whole
            return
        with self._archive.open(entry) as stream:
            while chunk := stream.read(CHUNK):
                yield chunk

    def at_once(self, entry: zipfile.ZipInfo) -> bytes | None:
        """Return what a file holds; None if it is large, or in any way out of the ordinary.

        zipfile takes longer to get ready for a small file than to read it. Whether something is wrong is
        for it alone to say.
        """
        start, size = entry.header_offset, entry.file_size
        room = self._ends[start] - start
        if size > CHUNK or start < 0 or not LOCAL.size <= room <= ROOM:
            return None
        if entry.flag_bits & ~ORDINARY or entry.compress_type not in METHODS:
            return None
        self._file.seek(start)
        read = self._file.read(room)
        signature, flags, *lengths = LOCAL.unpack_from(read)
        begin = LOCAL.size + sum(lengths)
        name = read[LOCAL.size : LOCAL.size + lengths[0]]
        content = read[begin : begin + entry.compress_size]
        if entry.compress_type == zipfile.ZIP_DEFLATED:
            try:
                content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, size or 1)
            except zlib.error:
                return None
        is_sound = (
            (signature, len(read), len(content)) == (SIGNATURE, room, size)
            and begin + entry.compress_size <= room
            and name.decode("utf-8" if flags & UTF_8 else "cp437", "surrogateescape") == entry.orig_filename
            and zlib.crc32(content) == entry.CRC
        )
        return content if is_sound else None
