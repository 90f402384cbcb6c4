"""What several test files share: real portraits, tiny weights, and the command line called in-process."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hub_server import HubServer, instead_of_the_hub
from PIL import Image
from s3_server import Bucket, a_bucket
from safetensors.torch import save_file
from torchvision.models import vgg16

from most_sketch.checkpoints.onnx_files import INSTALL, cached_graph, is_installed
from most_sketch.checkpoints.onnx_graphs import make_graph
from most_sketch.checkpoints.weights import save_weights
from most_sketch.cli import main
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.drawing.torch_engine import TorchEngine
from most_sketch.network.config import ModelConfig
from most_sketch.network.generator import Generator
from most_sketch.network.precision import Timings, remember
from most_sketch.photo.images import read_image

EXAMPLES = Path(__file__).parent.parent / "examples"
STYLES = ("pencil", "ink")
NOBODY = 65534


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is read from the user's cache folder, and `auto` is float32, which tests can expect numbers of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        remember(Timings(float32=1.0, bfloat16=2.0))
        yield


@pytest.fixture(scope="session")
def portrait_file() -> Path:
    return EXAMPLES / "astronaut.jpg"


@pytest.fixture(scope="session")
def portrait(portrait_file: Path) -> Image.Image:
    """A real portrait, 512 x 512, one face."""
    return read_image(portrait_file)


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network with two styles, small enough to draw at once."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    torch.manual_seed(0)
    config = ModelConfig(styles=STYLES, channels=8, stem_channels=8, slots=8, injection_channels=8)
    save_weights(path, Generator(config))
    return path


@pytest.fixture(scope="session")
def onnx_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network with all parts that there are, whose graph is where `convert` looks for it."""
    # Not imported here: the engine has something to say before.
    if not is_installed() or find_spec("onnxscript") is None:
        pytest.skip(INSTALL)
    path = tmp_path_factory.mktemp("weights") / "exported.safetensors"
    torch.manual_seed(0)
    small = {"channels": 16, "stem_channels": 8, "slots": 8, "injection_channels": 8, "output_channels": 2}
    config = ModelConfig(
        STYLES, **small, feature_stride=8, frame_height=300, context_blocks=1, matting=True, warp_domains=1
    )
    generator = Generator(config)
    for name, parameter in generator.named_parameters():
        # So that matte, context and warp, which begin as doing nothing, do something.
        if "output.weight" in name or "warp.offsets" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    save_weights(path, generator, torch.float16)
    make_graph(path, cached_graph(config))
    return path


@pytest.fixture(params=["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device of this machine that the tests run on: a CPU always, a GPU where there is one."""
    return torch.device(request.param)


@pytest.fixture
def one_thread() -> None:
    """So small a network is slower on several, and its sums are not always the same."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def backbone_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VGG-16 with random weights, in the form that `--perceptual PATH` takes."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("backbone") / "vgg16.safetensors"
    state = vgg16(weights=None).features[:24].state_dict()
    save_file({f"features.{name}": tensor.half() for name, tensor in state.items()}, path)
    return path


@pytest.fixture
def weights(tiny_weights: Path) -> bytes:
    """The file of the tiny weights."""
    return tiny_weights.read_bytes()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A server on this machine that stands in for the Hub."""
    with instead_of_the_hub(tmp_path, monkeypatch) as server:
        yield server


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    """A bucket on this machine that is addressed as one of S3."""
    with a_bucket() as bucket:
        yield bucket


@pytest.fixture(scope="session")
def sketcher(tiny_weights: Path) -> Sketcher:
    return Sketcher.load(tiny_weights, device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def large_sketcher() -> Sketcher:
    """As `sketcher`, of weights that draw at 400 x 500."""
    torch.manual_seed(0)
    config = ModelConfig(
        styles=STYLES, channels=8, stem_channels=8, slots=8, injection_channels=8, feature_stride=8, frame_height=500
    )
    return Sketcher(TorchEngine(Generator(config), torch.device("cpu")))


@pytest.fixture
def ordinary_folder() -> Iterator[Path]:
    """A folder of a user who is not root, as whom the test runs: nothing is unreadable to root."""
    folder, user = Path(tempfile.mkdtemp()), os.geteuid()
    if user == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    out: bytes
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Command:
    """Calls `most-sketch` with these arguments, and with `stdin` as standard input."""

    def call(*arguments: object, stdin: bytes = b"") -> Answer:
        monkeypatch.setattr(sys, "argv", ["most-sketch", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capfdbinary.readouterr()
        return Answer(int(ended.value.code or 0), captured.out, captured.err.decode())

    return call


@pytest.fixture
def convert(command: Command, tiny_weights: Path) -> Command:
    """Calls `most-sketch convert` with the tiny weights."""

    def call(*arguments: object, stdin: bytes = b"") -> Answer:
        return command("convert", "--weights", tiny_weights, "--device", "cpu", *arguments, stdin=stdin)

    return call
