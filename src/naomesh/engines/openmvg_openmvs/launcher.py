"""Starts one program on the node: `python3 -c LAUNCHER programs PROGRAM ...` or `python3 -c LAUNCHER script ...`.

It travels to the node as text, so it needs nothing but a Python 3.8: some things can only be found there.

`programs` makes the folders that openMVG does not make, goes into `mvs/`, and runs the programs, separated by `;`: the
last one is the step, those before it may fail. They run in `mvs/` because openMVS resolves the pictures' names in
`scene.mvs` against its working folder: so every path that a file keeps is relative, and a later step may run where the
workspace has another name. The word `@sensors@` becomes openMVG's database of sensor widths; where the node has none,
it goes with the option before it.

`script NAME PROGRAM COMMAND ... @options@ OPTION ...` runs MvgMvsPipeline.py (the image's command `mvgmvs`). Its
numbers changed with its versions (12 to 15 became 17 to 20 and then 18 to 21, and 12 to 15 now start COLMAP), so
`@number@` becomes the number that the script's own help gives to the step with that name and program. Where a program
is missing, the script asks on standard input: it gets empty lines, which make it look on PATH.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

FOLDERS = ("sfm/matches", "mvs/images")
WORKING_FOLDER = "mvs"
SENSORS, NUMBER, OPTIONS, THEN = "@sensors@", "@number@", "@options@", ";"
DATABASE = "sensor_width_camera_database.txt"
BESIDE = (".", "../share/openMVG", "../lib/openMVG", "../share/openmvg")
"""Where the database stands, seen from the folder of the programs."""
SHARES = ("/usr/local/share/openMVG", "/usr/share/openMVG", "/usr/local/lib/openMVG", "/opt/openmvg/bin")
ANSWERS = b"\n" * 16
NOT_THERE = 127


def main(words: list[str]) -> int:
    """Run what the words say; comes back, with an exit code, only when it cannot."""
    kind, rest = words[0], words[1:]
    return run_programs(rest) if kind == "programs" else run_script(rest[0], rest[1], rest[2:])


def run_programs(words: list[str]) -> int:
    """Run programs separated by `;` in the working folder; the last takes this process over."""
    for folder in FOLDERS:
        Path(folder).mkdir(parents=True, exist_ok=True)
    os.chdir(WORKING_FOLDER)
    while THEN in words:
        at = words.index(THEN)
        first, words = words[:at], words[at + 1 :]
        if shutil.which(first[0]):
            subprocess.run(first, stdin=subprocess.DEVNULL, check=False)
    return take_over(put_sensors(words, find_sensors(words[0])))


def run_script(name: str, program: str, words: list[str]) -> int:
    """Run the pipeline's script with the number it gives to the step."""
    at = words.index(OPTIONS)
    script, options = words[:at], words[at + 1 :]
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
