"""Ray draws what `convert` draws: lost workers are replaced, deadly photos fail, nothing is lost or done twice."""

from __future__ import annotations

import json
import os
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

from most_sketch.batch import Options
from most_sketch.cluster import Cluster, DrawSketches, run_on_ray
from most_sketch.errors import MostSketchError
from most_sketch.jobs import plan
from most_sketch.sketcher import Network, Sketcher

MARK = "MOST_SKETCH_TEST_RUN"
FILES = 500
REASON = "comes with most-sketch[ray]"


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    ray = pytest.importorskip("ray", reason=REASON)
    pytest.importorskip("ray.data", reason=REASON)
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=1 << 28)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()


def test_a_pipeline_of_ones_own(ray: Any, tiny_weights: Path, sketcher: Sketcher, tmp_path: Path) -> None:
    """Photos that Ray reads become PNG files in a column; a bad one a reason."""
    (tmp_path / "bad.jpg").write_bytes(b"not a picture")
    photos = ray.data.read_binary_files(
        [str(EXAMPLES / "astronaut.jpg"), str(tmp_path / "bad.jpg")], include_paths=True
    )
    drawn = photos.map_batches(
        DrawSketches, fn_constructor_kwargs={"weights": tiny_weights, "style": "ink"}, batch_size=8, concurrency=1
    )
    rows = {Path(row["path"]).name: row for row in drawn.take_all()}
    assert rows["bad.jpg"]["reason"] == f"{tmp_path / 'bad.jpg'}: not a picture that can be read"
    assert rows["bad.jpg"]["sketch"] == b""
    assert set(rows["astronaut.jpg"]) == {"path", "sketch", "reason"}
    assert rows["astronaut.jpg"]["reason"] == ""
    (tmp_path / "ink.png").write_bytes(rows["astronaut.jpg"]["sketch"])
    assert differ_by(tmp_path / "ink.png", sketcher.sketch(Image.open(EXAMPLES / "astronaut.jpg"), "ink")) <= 4


@pytest.mark.usefixtures("ray")
def test_a_photo_that_kills_its_worker_fails_alone(tiny_weights: Path, tmp_path: Path) -> None:
    class Fatal(Network):
        def load(self) -> Sketcher:
            class Dies(Sketcher):
                def fit(self, photo: Image.Image) -> Any:
                    if photo.width == 13:
                        os._exit(1)
                    return super().fit(photo)

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
        list(run_on_ray(jobs, Options(("pencil",)), Network(tmp_path / "gone"), Cluster(max_workers=1)))


def test_a_killed_worker_loses_nothing(tmp_path: Path, tiny_weights: Path) -> None:
    """Hundreds of good and bad files, two workers, one of them killed half way."""
    pytest.importorskip("ray", reason=REASON)
    fates = make(tmp_path / "photos", FILES)
    good = sum(fate == "drawn" for fate in fates.values())
    plain, _ = converting(tmp_path, tiny_weights, "plain").communicate(timeout=600)
    running = converting(tmp_path, tiny_weights, "ray", "--ray", "local", "--ray-workers", "2")
    while len(list((tmp_path / "ray").rglob("*.sketch.png"))) < good // 2:
        assert running.poll() is None
        time.sleep(0.1)
    workers = list(ray_workers())
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    drawn, errors = running.communicate(timeout=600)
    assert running.returncode == 1, errors
    expected, found = outcomes(plain), outcomes(drawn)
    assert found == expected
    assert len(drawn.splitlines()) == len(fates)
    assert contents(tmp_path / "ray") == contents(tmp_path / "plain")
    assert len(contents(tmp_path / "ray")) >= good


def test_there_is_no_cluster(tmp_path: Path, tiny_weights: Path) -> None:
    pytest.importorskip("ray", reason=REASON)
    make(tmp_path / "photos", 1)
    process = converting(tmp_path, tiny_weights, "ray", "--ray", "127.0.0.1:1")
    out, errors = process.communicate(timeout=600)
    assert (process.returncode, out) == (1, "")
    assert errors.startswith("most-sketch: error: --ray 127.0.0.1:1: no Ray cluster there")
    assert errors.count("\n") == 1


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
    """`convert` as a process: one thread a worker, as different numbers of threads round differently."""
    inputs = (str(folder / "photos"), "-r", "-o", f"{folder / name}/", "--weights", str(weights), "--device", "cpu")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0", MARK: str(os.getpid())}
    return subprocess.Popen(
        [sys.executable, "-m", "most_sketch", "convert", *inputs, "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def ray_workers() -> Iterator[int]:
    """The processes of this test's workers."""
    mark = f"{MARK}={os.getpid()}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            drawing = (process / "cmdline").read_bytes().startswith(b"ray::MapWorker")
            if drawing and mark in (process / "environ").read_bytes().split(b"\0"):
                yield int(process.name)
        except OSError:
            continue


def outcomes(lines: str) -> list[tuple[str, str, str]]:
    """Photo, drawn or not, and why; what a killed worker had drawn already is skipped by the next."""
    records = [json.loads(line) for line in lines.splitlines()]
    return sorted((row["input"], row["status"].replace("skipped", "drawn"), row["reason"]) for row in records)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def differ_by(path: Path, sketch: Image.Image) -> int:
    with Image.open(path) as saved:
        return int(ImageChops.difference(saved, sketch).getextrema()[1])
