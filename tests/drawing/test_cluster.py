"""Ray draws what `convert` draws: lost workers are replaced, deadly photos fail, nothing is lost or done twice."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import EXAMPLES, Command
from mixed_folder import make
from PIL import Image, ImageChops
from s3_server import CREDENTIALS, Bucket

from most_sketch.drawing.cluster import Cluster, DrawSketches, interruptible, run_on_ray
from most_sketch.drawing.jobs import plan
from most_sketch.drawing.options import ModelSpec, Options
from most_sketch.drawing.ray_connection import LOCAL, connected
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import MostSketchError

MARK = "MOST_SKETCH_TEST_RUN"
FILES = 500
PATIENCE = 600
SCALING = Path(__file__).parents[2] / "docs" / "scaling.md"
REASON = "comes with most-sketch[ray]"


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Ray on this machine, whose workers can read the bucket; connecting leaves what happens at SIGTERM alone."""
    pytest.importorskip("ray.data", reason=REASON)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        with connected(LOCAL) as ray:
            assert signal.getsignal(signal.SIGTERM) is before
            yield ray


def test_a_pipeline_of_ones_own(ray: Any, tiny_weights: Path, sketcher: Sketcher, tmp_path: Path) -> None:
    """Photos that Ray reads become PNG files in a column; a bad one a reason."""
    (tmp_path / "bad.jpg").write_bytes(b"not a picture")
    photos = ray.data.read_binary_files(
        [str(EXAMPLES / "astronaut.jpg"), str(tmp_path / "bad.jpg")], include_paths=True
    )
    drawn = photos.map_batches(
        DrawSketches,
        fn_constructor_kwargs={"weights": tiny_weights, "style": "ink"},
        batch_size=8,
        compute=ray.data.ActorPoolStrategy(size=1),
    )
    rows = {Path(row["path"]).name: row for row in drawn.take_all()}
    assert rows["bad.jpg"]["reason"] == f"{tmp_path / 'bad.jpg'}: not a picture that can be read"
    assert rows["bad.jpg"]["sketch"] == b""
    assert set(rows["astronaut.jpg"]) == {"path", "sketch", "reason"}
    assert rows["astronaut.jpg"]["reason"] == ""
    (tmp_path / "ink.png").write_bytes(rows["astronaut.jpg"]["sketch"])
    assert differ_by(tmp_path / "ink.png", sketcher.sketch(Image.open(EXAMPLES / "astronaut.jpg"), "ink")) <= 4


@pytest.mark.usefixtures("ray")
def test_the_pipeline_of_the_documentation(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", SCALING.read_text(), re.DOTALL)
    shutil.copytree(EXAMPLES, tmp_path / "photos", ignore=lambda _, names: [n for n in names if n[-4:] != ".jpg"])
    exec(code.replace("s3://bucket", str(tmp_path)), {})  # noqa: S102 - our own documentation
    from pyarrow.parquet import read_table

    rows = read_table(tmp_path / "sketches").to_pylist()
    assert sorted(Path(row["path"]).name for row in rows) == ["astronaut.jpg", "grace_hopper.jpg"]
    for row in rows:
        width, height = Image.open(io.BytesIO(row["sketch"])).size
        assert width * 5 == height * 4 >= 2000, row["reason"]


@pytest.mark.usefixtures("ray")
def test_s3_to_s3(bucket: Bucket, convert: Command, portrait_file: Path) -> None:
    bucket.put("photos/deep/one face.jpg", portrait_file.read_bytes())
    bucket.put("photos/bad.jpg", b"not a picture")
    arguments = (bucket.address("photos"), "-r", "--ray", "local", "-o", bucket.address("sketches"))
    answer = convert(*arguments)
    assert answer.code == 1
    assert "s3://bucket/photos/bad.jpg: not a picture that can be read" in answer.err
    assert "1 drawn, 0 skipped, 1 failed" in answer.err
    assert bucket.keys("sketches/") == ["sketches/deep/one face.sketch.png"]
    with Image.open(io.BytesIO(bucket.get("sketches/deep/one face.sketch.png"))) as sketch:
        assert sketch.size == (200, 250)


@pytest.mark.usefixtures("ray")
def test_a_photo_that_kills_its_worker_fails_alone(tiny_weights: Path, tmp_path: Path) -> None:
    class Fatal(ModelSpec):
        def load(self) -> Sketcher:
            class Dies(Sketcher):
                def fit(self, photo: Image.Image, size: int | None = None) -> Any:
                    if photo.width == 13:
                        os._exit(1)
                    return super().fit(photo, size)

            return Dies.load(self.weights, self.device)

    (tmp_path / "photos").mkdir()
    for number in range(10):
        Image.new("RGB", (13 if number == 4 else 20, 20)).save(tmp_path / "photos" / f"{number}.png")
    jobs, _ = plan([str(tmp_path / "photos")], f"{tmp_path}/sketches/")
    options, network = Options(("pencil",), align=False), Fatal(tiny_weights, "cpu")
    records = list(run_on_ray(jobs, options, network, Cluster(max_workers=2, retries=0)))
    assert sorted(record.name for record in records) == [job.name for job in jobs]
    (failed,) = (record for record in records if record.status == "failed")
    assert failed.reason.startswith(f"{tmp_path}/photos/4.png: kills each worker that draws it")
    assert len(list((tmp_path / "sketches").iterdir())) == 9
    again = list(run_on_ray(jobs[:4] + jobs[5:], options, network, Cluster(max_workers=1)))
    assert [record.status for record in again] == ["skipped"] * 9
    assert list(run_on_ray([], options, network, Cluster())) == []


@pytest.mark.usefixtures("ray")
def test_weights_that_a_worker_cannot_load_are_one_error(portrait_file: Path, tmp_path: Path) -> None:
    jobs, _ = plan([str(portrait_file)], f"{tmp_path}/")
    with pytest.raises(MostSketchError, match=r"a worker failed with WeightsError: .*gone: no such weights file"):
        list(run_on_ray(jobs, Options(("pencil",)), ModelSpec(tmp_path / "gone"), Cluster(max_workers=1)))


def test_a_killed_worker_loses_nothing(tmp_path: Path, tiny_weights: Path) -> None:
    """Hundreds of good and bad files, two workers, one of them killed half way."""
    pytest.importorskip("ray", reason=REASON)
    fates = make(tmp_path / "photos", FILES)
    good = sum(fate == "drawn" for fate in fates.values())
    plain, _ = converting(tmp_path, tiny_weights, "plain").communicate(timeout=PATIENCE)
    running = converting(tmp_path, tiny_weights, "ray", "--ray", "local", "--ray-workers", "2")
    wait_for_sketches(tmp_path / "ray", good // 2, running)
    workers = ray_processes("ray::MapWorker")
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    drawn, errors = running.communicate(timeout=PATIENCE)
    assert running.returncode == 1, errors
    assert len(drawn.splitlines()) == len(fates)
    assert outcomes(drawn) == outcomes(plain)
    assert failures(drawn) == failures(plain)
    assert contents(tmp_path / "ray") == contents(tmp_path / "plain")
    assert len(contents(tmp_path / "ray")) >= good


def test_ctrl_c(tmp_path: Path, tiny_weights: Path) -> None:
    """Ends at once, with whole sketches only and no process left."""
    pytest.importorskip("ray", reason=REASON)
    make(tmp_path / "photos", FILES // 2)
    running = converting(tmp_path, tiny_weights, "ray", "--ray", "local", "--ray-workers", "2")
    wait_for_sketches(tmp_path / "ray", 1, running)
    assert ray_processes()
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130, errors
    assert errors.splitlines()[-1].startswith("interrupted; ")
    assert ray_processes() == []
    assert 0 < len(list((tmp_path / "ray").rglob("*.sketch.png"))) < FILES // 4
    for sketch in (tmp_path / "ray").rglob("*.sketch.png"):
        Image.open(sketch).load()


def test_an_interrupt_that_was_caught_elsewhere_is_not_lost() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as check:
        check()
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_that_became_another_error_is_still_one() -> None:
    def ray(interrupted: bool) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT if interrupted else signal.SIGCONT)
        raise RuntimeError("an error of Ray's")

    with pytest.raises(KeyboardInterrupt), interruptible():
        ray(interrupted=True)
    with pytest.raises(RuntimeError), interruptible():
        ray(interrupted=False)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--ray-workers", "2"), "--ray-workers goes with --ray"),
        (("--ray", "local", "--ray-workers", "3-2"), "the smaller number comes first"),
        (("--ray", "local", "--ray-workers", "many"), "expected a whole number"),
        (("--ray", "local", "-o", "-"), "--ray writes files"),
    ],
)
def test_wrong_usage(convert: Command, portrait_file: Path, arguments: tuple[str, ...], told: str) -> None:
    answer = convert(portrait_file, *arguments)
    assert answer.code == 2
    assert told in answer.err


def converting(folder: Path, weights: Path, name: str, *arguments: str) -> subprocess.Popen[str]:
    """`convert` as a process: on one thread, as Ray's workers are, since other numbers of threads round otherwise."""
    inputs = (str(folder / "photos"), "-r", "-o", f"{folder / name}/", "--weights", str(weights), "--device", "cpu")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0", MARK: str(os.getpid())}
    return subprocess.Popen(
        [sys.executable, "-m", "most_sketch", "convert", *inputs, "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def wait_for_sketches(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + PATIENCE
    while len(list(folder.rglob("*.sketch.png"))) < count:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)


def ray_processes(name: str = "") -> list[int]:
    """The living processes that a conversion of this test started, and Ray's others with them."""
    mark = f"{MARK}={os.getpid()}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = mark in (process / "environ").read_bytes().split(b"\0")
            if ours and (process / "cmdline").read_bytes().startswith(name.encode()):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def outcomes(lines: str) -> dict[str, str]:
    """Photo, and drawn or not; what a killed worker had drawn already is skipped by the next."""
    records = [json.loads(line) for line in lines.splitlines()]
    return {row["input"]: row["status"].replace("skipped", "drawn") for row in records}


def failures(lines: str) -> list[str]:
    """The reasons."""
    records = [json.loads(line) for line in lines.splitlines()]
    return sorted(row["reason"] for row in records if row["status"] == "failed")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def differ_by(path: Path, sketch: Image.Image) -> int:
    with Image.open(path) as saved:
        return int(ImageChops.difference(saved, sketch).getextrema()[1])
