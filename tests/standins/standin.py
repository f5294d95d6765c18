#!/usr/bin/env python3
"""Plays one program of openMVG or openMVS: see README.md."""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import zlib
from pathlib import Path

REPLAYS = Path(__file__).resolve().parent / "replays"
STEPS = {
    "openMVG_main_SfMInit_ImageListing": "0-listing",
    "openMVG_main_ComputeFeatures": "1-features",
    "openMVG_main_PairGenerator": "2-pairs",
    "openMVG_main_ComputeMatches": "3-matches",
    "openMVG_main_GeometricFilter": "4-filter",
    "openMVG_main_SfM": "5-sfm",
    "openMVG_main_openMVG2openMVS": "11-export",
    "DensifyPointCloud": "12-densify",
    "ReconstructMesh": "13-mesh",
    "RefineMesh": "14-refine",
    "TextureMesh": "15-texture",
}
NO_INTRINSIC = 2**32 - 1
SIDE = 12


class MissingError(Exception):
    """An input is not there."""


class Program:
    """One call: `options` maps each option to its value; the first word without an option has the key ``""``."""

    def __init__(self, name: str, words: list[str]) -> None:
        self.name = name
        self.step = STEPS.get(name, "")
        self.case = REPLAYS / os.environ.get("STANDIN_CASE", "good")
        number, _, fault = os.environ.get("STANDIN_FAULT", "").partition(":")
        self.fault = fault if self.step.split("-")[0] == number else ""
        self.options = dict(zip(words[::2], words[1::2], strict=False)) if words[0].startswith("-") else {}
        if not self.options:
            self.options = {"": words[0], **dict(zip(words[1::2], words[2::2], strict=False))}

    def path(self, option: str) -> Path:
        """The file or folder that an option names; openMVS looks in its working folder."""
        return Path(self.options.get("-w", "."), self.options[option])

    def need(self, *options: str) -> None:
        """Fail as the real programs do where an input is missing."""
        for option in options:
            if not self.path(option).exists():
                raise MissingError(self.options[option])

    def sizes(self, suffix: str) -> list[int]:
        """Recorded sizes of the files of this step whose name ends so, in order of name."""
        section, found = "", []
        for line in (self.case / "files.txt").read_text().splitlines():
            if line.startswith("== "):
                section = line[3:]
            elif section == self.step and line.endswith(suffix):
                found.append(int(line.split()[0]))
        return found

    def write(self, path: Path, suffix: str = "", at: int = 0) -> None:
        """A sparse file of the recorded size."""
        sizes = self.sizes(suffix or path.name)
        if sizes:
            with path.open("wb") as file:
                file.truncate(sizes[at % len(sizes)])

    def recorded(self, kind: str) -> str:
        """What the real program printed; `kind` is `out` or `err`."""
        for name in (f"{self.step}.{kind}", f"{self.step}-unrefined.{kind}"):
            if (self.case / name).is_file():
                return (self.case / name).read_text()
        return ""

    def exit_code(self) -> int:
        """The recorded exit code; a step that was stopped or not run counts as done."""
        for line in (self.case / "steps.jsonl").read_text().splitlines():
            row = json.loads(line)
            if row["step"] == self.step:
                return max(row["rc"], 0)
        return 0


def listing(program: Program) -> None:
    """Every file with a readable JPEG header becomes a view; the recording tells whether focal lengths were known."""
    folder, target = program.path("-i"), program.path("-o")
    if not target.is_dir():
        raise MissingError(str(target))
    usable = [path for path in sorted(folder.iterdir()) if has_jpeg_header(path.read_bytes())]
    told = program.recorded("err").split("usable #Intrinsic(s) listed in sfm_data: ")[-1].split()
    cameras = 1 if "-f" in program.options else int(told[0] if told else 1)
    views = [view(number, path.name, min(number, cameras - 1)) for number, path in enumerate(usable)]
    write_scene(target / "sfm_data.json", program.options["-i"], views, cameras)


def features(program: Program) -> None:
    """Features and descriptors per view, with the recorded sizes."""
    program.need("-i")
    for at, name in enumerate(view_names(program.path("-i"))):
        for suffix in (".feat", ".desc"):
            program.write(program.path("-o") / f"{Path(name).stem}{suffix}", suffix, at)
    program.write(program.path("-o") / "image_describer.json")


def pairs(program: Program) -> None:
    """All pairs, as text."""
    program.need("-i")
    count = len(view_names(program.path("-i")))
    rows = [f"{i} {j}\n" for i in range(count) for j in range(i + 1, count)]
    program.path("-o").write_text("".join(rows))


def matches(program: Program) -> None:
    """Matches of the recorded size; 9 bytes are none."""
    program.need("-i", "-p")
    program.write(program.path("-o"))


def geometric_filter(program: Program) -> None:
    """The same."""
    program.need("-i", "-m")
    program.write(program.path("-o"))


def sfm(program: Program) -> None:
    """The scene, where one was found."""
    program.need("-i", "-m")
    program.write(program.path("-o") / "sfm_data.bin")


def export(program: Program) -> None:
    """The scene for openMVS and a copy of every photograph."""
    program.need("-i")
    listed = program.path("-i").parent / "matches/sfm_data.json"
    for name in view_names(listed):
        photo = Path(json.loads(listed.read_text())["root_path"], name)
        (program.path("-d") / name).write_bytes(photo.read_bytes())
    program.write(program.path("-o"))


def densify(program: Program) -> None:
    """A small cloud."""
    program.need("")
    program.write(program.path("").with_name("scene_dense.mvs"))
    write_ply(program.path("").with_name("scene_dense.ply"), short=program.fault == "short")


def mesh(program: Program) -> None:
    """A small mesh."""
    program.need("", "-p")
    write_ply(program.path("").with_name("scene_dense_mesh.ply"), faces=True, short=program.fault == "short")


def refine(program: Program) -> None:
    """The same mesh again."""
    program.need("", "-m")
    write_ply(program.path("-o").with_suffix(".ply"), faces=True, short=program.fault == "short")


def texture(program: Program) -> None:
    """A mesh with a texture."""
    program.need("", "-m")
    target = program.path("-o").with_suffix(".ply")
    picture = target.with_name(f"{target.stem}0.png")
    write_ply(target, faces=True, picture=picture.name, short=program.fault == "short")
    write_png(picture, 64)


PLAYS = {
    "0-listing": listing,
    "1-features": features,
    "2-pairs": pairs,
    "3-matches": matches,
    "4-filter": geometric_filter,
    "5-sfm": sfm,
    "11-export": export,
    "12-densify": densify,
    "13-mesh": mesh,
    "14-refine": refine,
    "15-texture": texture,
}


def has_jpeg_header(data: bytes) -> bool:
    """Whether a JPEG decoder would come as far as the picture's size."""
    return data.startswith(b"\xff\xd8\xff") and any(bytes((0xFF, sof)) in data for sof in (0xC0, 0xC1, 0xC2))


def view(number: int, name: str, intrinsic: int) -> dict[str, object]:
    """A view as openMVG 2 writes it (cereal)."""
    data = {"local_path": "", "filename": name, "width": 1600, "height": 1200, "id_view": number}
    data |= {"id_intrinsic": intrinsic if intrinsic >= 0 else NO_INTRINSIC, "id_pose": number}
    return {"key": number, "value": {"polymorphic_id": 1073741824, "ptr_wrapper": {"id": 2147483649, "data": data}}}


def write_scene(path: Path, root: str, views: list[object], cameras: int) -> None:
    """An sfm_data.json."""
    lens = {"width": 1600, "height": 1200, "focal_length": 2937.0, "principal_point": [800.0, 600.0]}
    lens["disto_k3"] = [0.0, 0.0, 0.0]
    wrapped = {"polymorphic_name": "pinhole_radial_k3", "ptr_wrapper": {"id": 2147483660, "data": lens}}
    scene = {
        "sfm_data_version": "0.3",
        "root_path": root,
        "views": views,
        "intrinsics": [{"key": key, "value": wrapped} for key in range(cameras)],
        "extrinsics": [],
        "structure": [],
        "control_points": [],
    }
    path.write_text(json.dumps(scene, indent=4))


def view_names(path: Path) -> list[str]:
    """The names of the views of an sfm_data.json."""
    return [row["value"]["ptr_wrapper"]["data"]["filename"] for row in json.loads(path.read_text())["views"]]


def write_ply(path: Path, *, faces: bool = False, picture: str = "", short: bool = False) -> None:
    """A gentle hill of SIDE x SIDE vertices, in the layout of openMVS 2.3 (headers equal to the byte)."""
    points = [(x / SIDE - 0.5, 0.1 * ((x * y) % 5) / 5, y / SIDE - 0.5) for y in range(SIDE) for x in range(SIDE)]
    quads = [y * SIDE + x for y in range(SIDE - 1) for x in range(SIDE - 1)]
    corners = [c for q in quads for c in ((q, q + SIDE, q + 1), (q + 1, q + SIDE, q + SIDE + 1))] if faces else []
    head = ["ply", "format binary_little_endian 1.0"]
    head += [f"comment TextureFile {picture}"] if picture else []
    head += [f"element vertex {len(points)}", *(f"property float32 {axis}" for axis in "xyz")]
    head += [f"element face {len(corners)}", "property list uint8 uint32 vertex_indices"] if faces else []
    head += ["property list uint8 float32 texcoord"] if picture else []
    body = b"".join(struct.pack("<3f", *point) for point in points)
    for face in corners:
        body += struct.pack("<B3I", 3, *face)
        if picture:
            body += struct.pack("<B6f", 6, *(0.02 + 0.96 * (points[c][axis] + 0.5) for c in face for axis in (0, 2)))
    data = "\n".join([*head, "end_header\n"]).encode() + body
    path.write_bytes(data[: len(data) // 2] if short else data)


def write_png(path: Path, side: int) -> None:
    """A picture of two colours."""
    rows = b"".join(
        b"\0" + bytes((200, x * 4 % 256, y * 4 % 256)[c] for x in range(side) for c in range(3)) for y in range(side)
    )
    chunks = [
        (b"IHDR", struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    packed = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


def misbehave(fault: str) -> None:
    """End in a way that was never recorded."""
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "no-memory":
        sys.exit("terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc")
    if fault == "no-space":
        sys.exit("07:22:47 [App     ] error: can not write 'scene_dense.ply': No space left on device")
    if fault == "silent":
        sys.exit(0)


def main() -> int:
    """Print, write, and end as recorded."""
    name = Path(sys.argv[0]).name
    program = Program(name, sys.argv[1:])
    misbehave(program.fault)
    sys.stdout.write(program.recorded("out"))
    sys.stderr.write(program.recorded("err"))
    code = program.exit_code()
    try:
        if code == 0:
            PLAYS[program.step](program)
    except MissingError as missing:
        sys.stderr.write(f'ERROR: [{name}.cpp:1] The input file "{missing}" cannot be read.\n')
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
