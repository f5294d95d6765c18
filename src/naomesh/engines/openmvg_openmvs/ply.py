"""The header of a PLY file: how many elements it says it has, and how many bytes that must take at least."""

from __future__ import annotations

from dataclasses import dataclass, field

SIZES = {
    name: size
    for size, names in {
        1: ("char", "uchar", "int8", "uint8"),
        2: ("short", "ushort", "int16", "uint16"),
        4: ("int", "uint", "float", "int32", "uint32", "float32"),
        8: ("double", "float64"),
    }.items()
    for name in names
}
SHORTEST_LIST = {"texcoord": 6}
"""Lists in meshes are corners, three at least; those of texture coordinates have two numbers per corner."""


@dataclass(frozen=True)
class PlyHeader:
    """`counts`: element to how many; `properties`: names of all properties; `comments`: the lines after `comment`.
    `least_bytes`: what the file must hold at least, header and body, when every face is a triangle."""

    counts: dict[str, int] = field(default_factory=dict)
    properties: frozenset[str] = frozenset()
    comments: tuple[str, ...] = ()
    least_bytes: int = 0


def read_header(head: bytes) -> PlyHeader | None:
    """The header at the beginning of a file; None where there is none, or it does not end within `head`."""
    text, end, _ = head.partition(b"end_header\n")
    lines = text.decode("latin-1").splitlines()
    if not end or not lines or lines[0] != "ply":
        return None
    ascii_body = "format ascii 1.0" in lines
    counts: dict[str, int] = {}
    properties: list[str] = []
    body_bytes = 0
    try:
        for words in (line.split() for line in lines[1:]):
            if words[:1] == ["element"]:
                counts[words[1]] = int(words[2])
            elif words[:1] == ["property"]:
                properties.append(words[-1])
                size = _property_bytes(words[1:-1], words[-1], ascii_body=ascii_body)
                body_bytes += size * list(counts.values())[-1]
    except (IndexError, KeyError, ValueError):
        return None
    comments = tuple(line.removeprefix("comment ") for line in lines if line.startswith("comment "))
    return PlyHeader(counts, frozenset(properties), comments, len(text) + len(end) + body_bytes)


def _property_bytes(types: list[str], name: str, *, ascii_body: bool) -> int:
    if types[0] != "list":
        return 2 if ascii_body else SIZES[types[0]]
    entries = SHORTEST_LIST.get(name, 3)
    return 2 * (1 + entries) if ascii_body else SIZES[types[1]] + entries * SIZES[types[2]]
