"""Damage inside a JPEG that decoders pass over in silence: from there on the picture is grey or shifted.

Decoders stop a scan at any marker, also at one that cannot stand there (ITU-T T.81, B.1.1). In compressed data every
byte FF is followed by 00, by a restart marker, or by the marker of the segment after the scan; in garbage by anything.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path

_SCAN_ENDS = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])", re.DOTALL)
_MAY_FOLLOW = frozenset((0xC4, 0xCC, 0xD9, 0xDA, 0xDB, 0xDD))
"""Tables, the next scan, the end. Comments and the like could stand there too; no camera puts them there."""
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA


def has_damaged_scan(path: Path) -> bool:
    """Whether the compressed data of the JPEG is interrupted by something that does not belong there."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = 2
        while at + 4 <= len(content):
            if content[at] != 0xFF or content[at + 1] in (0x00, 0xFF, _START):
                at += 1
                continue
            marker = content[at + 1]
            if marker == _END:
                return False
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
            if marker == _SCAN:
                found = _SCAN_ENDS.search(content, at)
                if found is None:
                    return False
                if found[1][0] not in _MAY_FOLLOW:
                    return True
                at = found.start()
        return False
