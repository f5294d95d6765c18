"""Starts one program on the node: `python3 -c LAUNCHER program PROGRAM ...` or `python3 -c LAUNCHER script ...`.

It travels to the node as text, so it needs nothing but a Python 3.8: some things can only be found there.

`program` makes the folders that openMVG does not make, goes into `mvs/`, and becomes the program. It runs in `mvs/`
because openMVS resolves the pictures' names in `scene.mvs` against its working folder: so every path that a file keeps
is relative, and a later step may run where the workspace has another name. The word `@sensors@` becomes openMVG's
database of sensor widths; where the node has none, it goes, with the option before it.

`script NAME PROGRAM COMMAND ... @options@ OPTION ...` runs MvgMvsPipeline.py (the image's command `mvgmvs`). Its
numbers changed with its versions (12 to 15 became 17 to 20 and then 18 to 21, and 12 to 15 now start COLMAP), so
`@number@` becomes the number that the script's own help gives to the step with that name and program. Where a program
is missing, the script asks on standard input: it gets empty lines, which make it look on PATH.

A word `@focal@2937.4` is a focal length in pixels that openMVG takes for all photographs alike, whatever their EXIF
says. It goes, with the option before it, where `photos.json` says that they were taken with different ones.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

FOLDERS = ("sfm/matches", "mvs/images")
WORKING_FOLDER = "mvs"
SENSORS, NUMBER, OPTIONS, FOCAL = "@sensors@", "@number@", "@options@", "@focal@"
REPORT = "photos.json"
ALIKE = 1.05
"""Focal lengths that differ by less are one lens, whose zoom was not touched."""
DATABASE = "sensor_width_camera_database.txt"
BESIDE = (".", "../share/openMVG", "../lib/openMVG", "../share/openmvg")
"""Where the database stands, seen from the folder of the programs."""
SHARES = ("/usr/local/share/openMVG", "/usr/share/openMVG", "/usr/local/lib/openMVG", "/opt/openmvg/bin")
ANSWERS = b"\n" * 16
NOT_THERE = 127


def main(words: list[str]) -> int:
    """Run what the words say; comes back, with an exit code, only when it cannot."""
    kind, rest = words[0], words[1:]
    return run_program(rest) if kind == "program" else run_script(rest[0], rest[1], rest[2:])


def run_program(words: list[str]) -> int:
    """Become a program in the working folder."""
    command = put_sensors(put_focal(words), find_sensors(words[0]))
    for folder in FOLDERS:
        Path(folder).mkdir(parents=True, exist_ok=True)
    os.chdir(WORKING_FOLDER)
    return take_over(command)


def run_script(name: str, program: str, words: list[str]) -> int:
    """Run the pipeline's script with the number it gives to the step."""
    at = words.index(OPTIONS)
    script, options = words[:at], put_focal(words[at + 1 :])
    try:
        asked = subprocess.run(
            [*script, "--help"], input=ANSWERS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except OSError as error:
        return say(f"error: {script[0]}: {error.strerror}", NOT_THERE)
    told = asked.stdout.decode("utf-8", "replace")
    number = find_number(told, name, program)
    if number is None:
        sys.stdout.write(told)
        return say(f"error: {script[-1]} has no step {name!r} that runs {program}", 1)
    answers, answering = os.pipe()
    os.write(answering, ANSWERS)
    os.close(answering)
    os.dup2(answers, 0)
    if options[-1] == f"--{NUMBER}":
        options = options[:-1]  # the script takes no such option without words
    return take_over([*script, *(word.replace(NUMBER, number) for word in options)])


def find_number(told: str, name: str, program: str) -> str | None:
    """The number of a step in the script's help: lines `<tab>12. Densify point cloud<tab> /bin/DensifyPointCloud`."""
    rows = re.findall(r"^\s*(\d+)\. +([^\t\n]+?) *\t *(.+?)\s*$", told, re.MULTILINE)
    return next((number for number, title, path in rows if title == name and Path(path).name == program), None)


def find_sensors(program: str) -> str | None:
    """The database of sensor widths: beside the program, in the shared folders around it, or on PATH."""
    found = shutil.which(program)
    homes = {Path(found).parent, Path(found).resolve().parent} if found else set()
    places = [str(home / beside) for home in sorted(homes) for beside in BESIDE]
    for place in (*places, *os.environ.get("PATH", "").split(os.pathsep), *SHARES):
        path = Path(place, DATABASE)
        if path.is_file():
            return str(path.resolve())
    return None


def put_sensors(command: list[str], path: str | None) -> list[str]:
    """The command with the database, or without the option that asks for one."""
    if SENSORS not in command:
        return command
    at = command.index(SENSORS)
    return command[: at - 1] + command[at + 1 :] if path is None else [*command[:at], path, *command[at + 1 :]]


def put_focal(command: list[str]) -> list[str]:
    """The command with the focal length, or without its option where one number cannot be right for all."""
    at = next((at for at, word in enumerate(command) if word.startswith(FOCAL)), None)
    if at is None:
        return command
    if not one_focal():
        return command[: at - 1] + command[at + 1 :]
    return [*command[:at], command[at][len(FOCAL) :], *command[at + 1 :]]


def one_focal() -> bool:
    """Whether the photographs that tell their focal length, in pixels, tell the same one."""
    try:
        used = json.loads(Path(REPORT).read_text(encoding="utf-8"))["used"]
        told = [float(photo["focal_px"]) for photo in used if photo.get("focal_px")]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return True
    return not told or max(told) <= ALIKE * min(told)


def take_over(command: list[str]) -> int:
    """Become the program."""
    say("+ " + " ".join(shlex.quote(word) for word in command), 0)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is meant
    except OSError as error:
        return say(f"error: {command[0]}: {error.strerror}", NOT_THERE)


def say(line: str, code: int) -> int:
    """Print a line at once and hand on the exit code."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
