"""openMVG and openMVS: command lines, progress, costs, headers and last words, against what was recorded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from naomesh.engines.base import Outcome, Step, StepTask
from naomesh.engines.estimate import estimate, total
from naomesh.engines.openmvg_openmvs import launcher
from naomesh.engines.openmvg_openmvs.costs import RATES, feature_threads
from naomesh.engines.openmvg_openmvs.engine import OpenmvgOpenmvsEngine
from naomesh.engines.openmvg_openmvs.failures import failed, last_words, starved
from naomesh.engines.openmvg_openmvs.ply import read_header
from naomesh.engines.openmvg_openmvs.progress import PHASES, Meter
from naomesh.jobs.request import Quality

REPLAYS = Path(__file__).resolve().parent.parent / "standins/replays"
GOOD = REPLAYS / "good"
GIB = 1 << 30
ENGINE = OpenmvgOpenmvsEngine()
STEP = Step(12, "densify", "Densify", ())


def task(quality: Quality = Quality.GOOD, *, memory_bytes: int = 16 * GIB, focal_px: float | None = None) -> StepTask:
    """The recorded job: 14 photos of 5.67 megapixels on two threads."""
    return StepTask(quality, 14, 79.41, 2, memory_bytes, focal_px)


def words(number: int, asked: StepTask) -> tuple[str, ...]:
    """What the launcher is asked to run, without the launcher."""
    return ENGINE.command(ENGINE.step(number), asked).argv[3:]


def test_the_table_has_the_pipelines_numbers() -> None:
    """Our numbers are those of the pipeline's script of 2023, whatever newer versions call them."""
    assert [step.number for step in ENGINE.steps] == [0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 15]


def test_good_looks_closer_than_bad() -> None:
    """The presets differ in the number of features and in the level at which depth is computed."""
    good, bad = task(Quality.GOOD), task(Quality.BAD)
    assert words(1, good)[-4:] == ("-p", "HIGH", "-n", "2")
    assert words(1, bad)[-4:] == ("-p", "NORMAL", "-n", "2")
    assert "--resolution-level 1 --number-views 8" in " ".join(words(12, good))
    assert "--resolution-level 2 --number-views 8" in " ".join(words(12, bad))
    assert {number for number in PHASES if words(number, good) != words(number, bad)} == {1, 12}


def test_the_commands_are_those_that_were_recorded() -> None:
    """What openMVS repeats as its command line is what we tell it, apart from folder and threads."""
    for number, name in ((12, "12-densify"), (13, "13-mesh"), (14, "14-refine")):
        recorded = (GOOD / f"{name}.out").read_text().split("Command line: ")[1].splitlines()[0]
        ours = " ".join(words(number, task())[1:])
        assert ours.replace(" --max-threads 2", "").replace("-w .", "-w WORK/mvs") == recorded


def test_focal_length_is_told_to_the_listing_alone() -> None:
    """A focal length in pixels goes to step 0; without one, EXIF is trusted."""
    asked = task(focal_px=2937.4218)
    assert words(0, asked)[-2:] == ("-f", "@focal@2937.42")
    assert "-f" not in words(0, task())
    assert all("@focal@2937.42" not in words(number, asked) for number in PHASES if number)


def test_the_script_gets_the_same_presets() -> None:
    """Through mvgmvs only options that every version of the programs knows are passed on."""
    engine = OpenmvgOpenmvsEngine("docker exec openmvsmvg mvgmvs")
    argv = engine.command(engine.step(1), task()).argv[3:]
    assert argv == (
        *("script", "Compute features", "openMVG_main_ComputeFeatures", "docker", "exec", "openmvsmvg", "mvgmvs"),
        *("@options@", "photos", ".", "--steps", "@number@", "--@number@", "p", "HIGH", "n", "2"),
    )
    focal = engine.command(engine.step(0), task(focal_px=900)).argv
    assert focal[-3:] == ("--@number@", "f", "@focal@900")


def test_few_threads_look_for_features_where_memory_is_short() -> None:
    """Each thread holds a photograph's scale space: on a small machine fewer threads work at the same time."""
    assert feature_threads(task()) == 2
    assert feature_threads(task(memory_bytes=GIB // 2)) == 1
    assert words(1, task(memory_bytes=GIB // 2))[-1] == "1"
    assert feature_threads(task(memory_bytes=1)) == 1


@pytest.mark.parametrize("number", sorted(PHASES))
def test_progress_grows_to_its_end_on_real_output(number: int) -> None:
    """Every step's recorded output is read as a share that never falls and ends at 1; refine was stopped early."""
    meter = Meter(number)
    shares = []
    for path in [*GOOD.glob(f"{number}-*.out"), *GOOD.glob(f"{number}-*.err")]:
        for line in path.read_text().splitlines():
            told = meter.read(line)
            shares += [told.done / told.total] if told else []
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(0.152 if number == 14 else 1.0)


def test_progress_of_a_live_line_is_the_last_that_was_written() -> None:
    """A counter of openMVS is written over and over in one line: the last counts, in its share of the step."""
    meter = Meter(12)
    line = "Estimated depth-maps 3 (21.43%, 2m, ETA 9m)...\rEstimated depth-maps 7 (50.00%, 6m, ETA 6m)..."
    told = meter.read(line)
    assert told is not None
    assert told.done == pytest.approx(31.0)
    second = meter.read("Geometric-consistent estimated depth-maps 14 (100%, 3m32s67ms)           ")
    third = meter.read("Geometric-consistent estimated depth-maps 1 (7.14%, 13s, ETA 3m)...")
    assert second is not None
    assert third is not None
    assert second.done == pytest.approx(81.0)
    assert 81.0 < third.done < 98.5


def test_progress_starts_again_with_the_step() -> None:
    """A step that is run again in the same process begins at its beginning."""
    meter = Meter(4)
    for line in (GOOD / "4-filter.err").read_text().splitlines():
        meter.read(line)
    told = meter.read("INFO: [loggerprogress.hpp:79] [- Regions Loading -] 50%")
    assert told is not None
    assert told.done == pytest.approx(10.0)


@pytest.mark.parametrize("case", sorted(path.name for path in REPLAYS.iterdir()))
def test_progress_is_never_more_than_all(case: str) -> None:
    """Whatever the programs say when they fail, the share stays within 0 and 1."""
    for path in (REPLAYS / case).glob("*-*.*"):
        meter = Meter(int(path.name.split("-")[0]))
        told = [meter.read(line) for line in path.read_text().splitlines()]
        assert all(0 <= progress.done <= progress.total for progress in told if progress)


def test_nominal_costs_are_the_measured_ones() -> None:
    """For the recorded job the nominal costs are what was measured, within a quarter where it took over a second."""
    for line in (GOOD / "steps.jsonl").read_text().splitlines():
        row = json.loads(line)
        number = int(row["step"].split("-")[0])
        cost = ENGINE.nominal(ENGINE.step(number), task())
        if row["wall"] > 1 and number != 14:  # refine was stopped, and starved while it ran
            assert cost.seconds == pytest.approx(row["wall"], rel=0.25)
        if row["rss"] > 100:
            assert cost.memory_bytes == pytest.approx(row["rss"] * (1 << 20), rel=0.25)


def test_nominal_disk_is_what_was_written() -> None:
    """The new disk of each step is what the files of the recorded job took, within a quarter."""
    written: dict[int, int] = {}
    number = 0
    for line in (GOOD / "files.txt").read_text().splitlines():
        if line.startswith("== "):
            number = int(line[3:].split("-")[0])
        elif number not in (5, 14):  # the reports of sfm go nowhere, and refine was stopped
            written[number] = written.get(number, 0) + int(line.split()[0])
    assert set(written) == {0, 1, 2, 3, 4, 11, 12, 13}
    for number, size in written.items():
        assert ENGINE.nominal(ENGINE.step(number), task()).disk_bytes == pytest.approx(size, rel=0.25, abs=20_000)


def test_nominal_totals_are_the_measured_ones() -> None:
    """Whole jobs: about 43 minutes and 3.5 GB for good, 22 minutes for bad."""
    good, bad = (total(estimate(ENGINE, task(quality))) for quality in (Quality.GOOD, Quality.BAD))
    assert good.seconds == pytest.approx(43 * 60, rel=0.1)
    assert good.memory_bytes == pytest.approx(3.5 * GIB, rel=0.1)
    assert good.peak.name == "refine"
    assert bad.seconds == pytest.approx(22 * 60, rel=0.1)


@pytest.mark.parametrize("number", sorted(RATES))
def test_more_photos_never_cost_less(number: int) -> None:
    """Time, memory and disk grow with the photographs."""
    costs = [ENGINE.nominal(ENGINE.step(number), StepTask(Quality.BAD, n, n * 12.0, 4, 64 * GIB)) for n in (2, 20, 200)]
    for field in ("seconds", "memory_bytes", "disk_bytes"):
        values = [getattr(cost, field) for cost in costs]
        assert values == sorted(values)
        assert values[0] > 0


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["INFO: [a.cpp:1] fine", 'ERROR: [b.cpp:2] The input "x" cannot be read.', "sh: 1: neato: not found"],
         'The input "x" cannot be read.'),
        (["07:22:47 [App     ] error: empty mesh", "07:22:48 [App     ] } ENDINFO"], "error: empty mesh"),
        (["+ DensifyPointCloud scene.mvs", "--input_file error.json", "loaded 3 images", "-----", "# Pipeline end #"],
         "loaded 3 images"),
        ([], ""),
    ],
)  # fmt: skip
def test_last_words_are_the_last_meaningful_line(lines: list[str], said: str) -> None:
    """Of a log's tail the last complaint is quoted, else the last line that is no decoration."""
    assert last_words(lines) == said


def test_last_words_of_a_real_failure() -> None:
    """An export without a scene is quoted without openMVG's source line."""
    lines = (REPLAYS / "no_photos/11-export.err").read_text().splitlines()
    assert last_words(lines) == 'The input SfM_Data file "WORK/sfm/sfm_data.bin" cannot be read.'


@pytest.mark.parametrize(
    ("exit_code", "line", "code"),
    [
        (-9, "", "out-of-memory"),
        (137, "", "out-of-memory"),
        (0, "terminate called after throwing an instance of 'std::bad_alloc'", "out-of-memory"),
        (1, "ERROR: [x.cpp:1] Catched a memory error in the image conversion.", "out-of-memory"),
        (0, "error: write: No space left on device", "disk-full"),
        (-15, "", None),
        (1, "", None),
    ],
)
def test_starvation_is_told_by_exit_code_or_words(exit_code: int, line: str, code: str | None) -> None:
    """Memory and disk are named as the cause whatever the exit code says."""
    error = starved(STEP, Outcome(exit_code, 1.0, 1.0, 3_500_000_000, [line]))
    assert (error.code if error else None) == code


@pytest.mark.parametrize(
    ("exit_code", "words"),
    [(-11, "ended by SIGSEGV"), (3, "exit code 3"), (127, "the program is not there"), (-99, "ended by signal 99")],
)
def test_an_ending_is_told_in_words(exit_code: int, words: str) -> None:
    """How a program ended stands in the message."""
    assert words in failed(STEP, Outcome(exit_code, 1.0, 1.0, 1, []), "failed").message


def test_headers_tell_counts_and_least_size() -> None:
    """The recorded meshes' sizes follow from their headers: so a mesh that breaks off is recognised."""
    head = (
        "ply\nformat binary_little_endian 1.0\ncomment TextureFile scene_dense_mesh_texture0.png\n"
        "element vertex 385591\nproperty float32 x\nproperty float32 y\nproperty float32 z\n"
        "element face 770723\nproperty list uint8 uint32 vertex_indices\n"
    )
    plain = read_header(f"{head}end_header\n".encode())
    assert plain is not None
    assert plain.counts == {"vertex": 385591, "face": 770723}
    assert plain.comments == ("TextureFile scene_dense_mesh_texture0.png",)
    textured = read_header(f"{head}property list uint8 float32 texcoord\nend_header\n".encode())
    assert textured is not None
    assert "texcoord" in textured.properties
    assert textured.least_bytes == 33_914_841


@pytest.mark.parametrize(
    "head",
    [b"", b"ply\n", b"end_header\n", b"ply\nelement vertex x\nend_header\n", b"ply\nproperty float x\nend_header\n",
     b"ply\nelement vertex 3\nproperty quark x\nend_header\n", b"\xff\xd8\xff\xe0end_header\n"],
)  # fmt: skip
def test_what_is_no_header_is_refused(head: bytes) -> None:
    """Broken headers are no headers, and raise nothing."""
    assert read_header(head) is None


HELP = """usage: MvgMvsPipeline.py [-h]

Photogrammetry reconstruction with these steps:
\t5. Incremental reconstruction\t /opt/my bin/openMVG_main_SfM
\t6. Global reconstruction\t /opt/my bin/openMVG_main_SfM
\t11. Export to openMVS\t /opt/my bin/openMVG_main_openMVG2openMVS
\t17. Export to openMVS\t /opt/my bin/InterfaceCOLMAP
\t18. Densify point cloud\t /opt/my bin/DensifyPointCloud
\t22. Estimate disparity-maps\t /opt/my bin/DensifyPointCloud
"""


@pytest.mark.parametrize(
    ("name", "program", "number"),
    [
        ("Incremental reconstruction", "openMVG_main_SfM", "5"),
        ("Export to openMVS", "openMVG_main_openMVG2openMVS", "11"),
        ("Densify point cloud", "DensifyPointCloud", "18"),
        ("Texture the mesh", "TextureMesh", None),
    ],
)
def test_numbers_come_from_name_and_program(name: str, program: str, number: str | None) -> None:
    """Neither is enough: two steps have one program, and two have one name."""
    assert launcher.find_number(HELP, name, program) == number


def test_without_a_database_its_option_goes_too() -> None:
    """An option without its value would take the next word for it."""
    command = ["list", "-i", "x", "-d", launcher.SENSORS, "-f", "3"]
    assert launcher.put_sensors(command, None) == ["list", "-i", "x", "-f", "3"]
    assert launcher.put_sensors(command, "/db")[3:5] == ["-d", "/db"]


def test_the_engine_needs_no_numpy() -> None:
    """The worker loads the engine quickly: nothing heavy comes with it."""
    code = (
        "import sys; import naomesh.engines.openmvg_openmvs.engine, naomesh.engines.estimate, naomesh.testing.engines;"
        "print(sorted({'numpy', 'PIL', 'prefect', 'pycolmap', 'pydantic'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
