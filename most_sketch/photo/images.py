"""Read and write pictures safely; between Pillow images, arrays and tensors. No torch at import."""

from __future__ import annotations

import io
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from most_sketch.errors import InputError
from most_sketch.photo.colour import add_greys_of_tiff, to_eight_bits, to_srgb
from most_sketch.photo.heic import SIGNATURE_BYTES, add_heic_reader, is_heic
from most_sketch.photo.jxl import add_jxl, is_jxl
from most_sketch.photo.mending import mend
from most_sketch.photo.orientation import orientation_of, turn_upright
from most_sketch.photo.pages import largest_page
from most_sketch.photo.provenance import KEYWORD, seal

if TYPE_CHECKING:
    from torch import Tensor

IMAGE_SUFFIXES = frozenset(
    {".apng", ".avif", ".avifs", ".bmp", ".bw", ".dib", ".gif", ".heic", ".heics", ".heif", ".heifs", ".hif"}
    | {".icb", ".ico", ".j2c", ".j2k", ".jfif", ".jp2", ".jxl", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo"}
    | {".pbm", ".pcx", ".pfm", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".rgb", ".rgba", ".sgi", ".tga", ".tif"}
    | {".tiff", ".vda", ".vst", ".webp", ".xbm"}
)
"""File name endings, in lower case, that count as pictures when a folder is searched: all of `READ_FORMATS`."""

READ_FORMATS = frozenset(
    {
        "AVIF",
        "BMP",
        "DIB",
        "GIF",
        "HEIF",
        "ICO",
        "JPEG",
        "JPEG2000",
        "JXL",
        "MPO",
        "PCX",
        "PNG",
        "PPM",
        "QOI",
        "SGI",
        "TGA",
    }
    | {"TIFF", "WEBP", "XBM"}
)
"""Pillow's formats that are read, whatever a file's name. Others can start programs (EPS) or only hold drawings."""

WRITE_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".jxl": "JXL",
}
"""File name endings that a picture can be saved under, and Pillow's format for each."""

SKETCH_FORMATS = WRITE_FORMATS | {".svg": "SVG", ".pdf": "PDF"}
"""File name endings that a sketch can be saved under."""

MOST_A_SIDE, NAMES = {"WEBP": 16_383, "JPEG": 65_535}, {"WEBP": "WebP", "JPEG": "JPEG"}
"""Pixels that a format can have a side, and what it is called."""

DPI = 300
"""Of every picture that is written: 400 x 500 pixels are 34 x 42 mm on paper."""
IMAGE_HISTORY, INCHES = 0x9213, 2
"""Exif's tag for what was done to a picture, which no camera writes, and its unit of resolutions."""

MAX_PIXELS = 100_000_000
"""Larger pictures are refused before they are decoded."""

OPAQUE_AT_ZERO = frozenset({"BMP", "DIB", "TGA"})
"""Formats whose programs leave the bytes for transparency at 0: a picture that were all transparent is opaque."""

PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
"""Modes whose colours are multiplied by their transparency, and the usual ones beside them."""

PART_PREFIX, PART_SUFFIX = ".most-sketch-", ".part"
"""What files are called while they are being written."""
ABANDONED_SECONDS = 3600
"""No file takes so long to write: an older part belongs to a process that was killed."""


def read_image(path: Path) -> Image.Image:
    """Read a picture as a person sees it: EXIF orientation applied, mode RGB, transparency over white.

    Raises `InputError` for what is missing, not a picture, damaged or larger than `MAX_PIXELS`.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder, not a picture")
        if not path.exists():
            missing = "a link that leads nowhere" if path.is_symlink() else "no such file"
            raise InputError(f"{path}: {missing}")
        # Opening a FIFO would wait for a writer for ever.
        if not path.is_file():
            raise InputError(f"{path}: not a regular file")
        with path.open("rb") as file:
            return decode_image(file, str(path))
    except PermissionError as error:
        raise InputError(f"{path}: no permission to read it") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (RuntimeError, ValueError) as error:
        # pathlib, for a loop of links and for a null character in a name.
        raise InputError(f"{str(path)!r}: not the name of a file ({error})") from error


def decode_image(file: IO[bytes], name: str) -> Image.Image:
    """Decode the picture in an open file, as `read_image` does; `name` is what errors call it.

    What is wrong beside the pixels, in metadata or at the end of the file, is no reason to refuse them.
    """
    start = file.read(SIGNATURE_BYTES)
    if not start:
        raise InputError(f"{name}: empty file")
    if is_heic(start):
        add_heic_reader(name)
    if is_jxl(start):
        add_jxl(name)
    add_greys_of_tiff()
    try:
        try:
            return _decode(file, name)
        except InputError:
            raise
        except Exception:
            mended = mend(file)
            if mended is None:
                raise
            return _decode(io.BytesIO(mended), name)
    except InputError as error:
        raise error if str(error).startswith(name) else InputError(f"{name}: {error}") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{name}: not a picture that can be read") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{name}: too many pixels; make it smaller first") from error
    except Exception as error:
        # Damaged files make Pillow's decoders raise almost anything: SyntaxError, struct.error, TypeError, ...
        raise InputError(f"{name}: damaged picture ({error or type(error).__name__})") from error


def _decode(file: IO[bytes], name: str) -> Image.Image:
    with _open(file) as image:
        _check_size(image, name)
        page = largest_page(image, file)
        _check_size(page, name)
        # While the file is open: what is RGB already is not copied.
        return flatten(page)


def _check_size(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise InputError(
            f"{name}: {image.width} x {image.height} pixels are more than the "
            f"{MAX_PIXELS // 1_000_000} million that are accepted; make it smaller first"
        )


def _open(file: IO[bytes]) -> Image.Image:
    file.seek(0)
    # The usual formats; all of them take longer to load than most photos to decode.
    Image.preinit()
    with suppress(UnidentifiedImageError):
        return Image.open(file, formats=_readable())
    file.seek(0)
    Image.init()
    return Image.open(file, formats=_readable())


def is_picture(path: Path) -> bool:
    """Does a file begin as a picture does that can be read?"""
    try:
        with path.open("rb") as file, _open(file):
            return True
    except Exception:  # noqa: BLE001 - as in `decode_image`
        return False


def _readable() -> list[str]:
    """Of `READ_FORMATS` those that Pillow has loaded."""
    return sorted(READ_FORMATS & Image.OPEN.keys())


def require_numbers(path: Path) -> None:
    """Raise `InputError` for a picture of floats of which some are not numbers, which `read_image` makes black.

    To be called on what `read_image` can read; of other pictures than those of floats nothing is decoded.
    """
    with path.open("rb") as file, _open(file) as image:
        if image.mode == "F" and not np.isfinite(np.asarray(image)).all():
            raise InputError(f"{path}: holds values that are not numbers")


def flatten(image: Image.Image) -> Image.Image:
    """Any picture to RGB, as a person sees it: upright, in sRGB, transparency over white, of any depth.

    What is so already stays the picture that it is.
    """
    image.load()
    orientation = orientation_of(image)
    return turn_upright(_over_white(to_srgb(to_eight_bits(_without_empty_alpha(image)))), orientation)


def _without_empty_alpha(image: Image.Image) -> Image.Image:
    """The picture without its transparency, if that is 0 everywhere where this means nothing."""
    if image.format not in OPAQUE_AT_ZERO or image.mode not in ("RGBA", "LA") or image.getextrema()[-1] != (0, 0):
        return image
    return image.convert(image.mode[:-1])


def _over_white(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        rgba = image.convert(PREMULTIPLIED.get(image.mode, image.mode)).convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    # A copy of 12 megapixels takes half as long as decoding them.
    return image if image.mode == "RGB" else image.convert("RGB")


def encode_image(
    image: Image.Image,
    suffix: str,
    quality: int = 90,
    *,
    dpi: int = DPI,
    record: str = "",
    exif: Image.Exif | None = None,
) -> bytes:
    """A picture as a file of the format that `suffix` names, a key of `WRITE_FORMATS`.

    `quality`, 1 to 100, is for JPEG, WebP and JPEG XL; PNG and TIFF lose nothing. `record` is what the file is to say
    of itself, as `provenance.record_text` has it; `exif` is written too.
    """
    format_ = WRITE_FORMATS[suffix]
    most = MOST_A_SIDE.get(format_)
    if most and max(image.size) > most:
        raise InputError(
            f"{NAMES[format_]} is at most {most:,} pixels wide and high, and this is {image.width} x {image.height}"
        )
    buffer = io.BytesIO()
    about: dict[str, Any] = {"dpi": (dpi, dpi)}
    if format_ == "JXL":
        add_jxl(f"a {suffix} file")
        # It knows no resolution, and no transparent greys.
        del about["dpi"]
        image = image.convert("RGBA") if image.mode == "LA" else image
    exif, given = Image.Exif(), exif
    exif.update(given or {})
    if format_ == "PNG":
        text = PngInfo()
        if record:
            text.add_text(KEYWORD, record)
        about["pnginfo"] = text
    elif record:
        exif[IMAGE_HISTORY] = record
    if format_ == "WEBP":
        # It has no other place for it.
        exif[ExifTags.Base.XResolution] = exif[ExifTags.Base.YResolution] = dpi
        exif[ExifTags.Base.ResolutionUnit] = INCHES
    if exif:
        about["exif"] = _as_read(exif) if format_ == "TIFF" else exif.tobytes()
    if format_ in ("JPEG", "WEBP", "JXL"):
        about["quality"] = quality
    # With a camera's or a place's part of Exif Pillow writes TIFF as it is only.
    if format_ == "TIFF" and not {ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo} & exif.keys():
        about["compression"] = "tiff_adobe_deflate"
    image.save(buffer, format_, **about)
    return seal(buffer.getvalue()) if record else buffer.getvalue()


def _as_read(exif: Image.Exif) -> Image.Exif:
    """The same as of a file: Pillow writes no other into TIFF if it has parts."""
    read = Image.Exif()
    read.load(exif.tobytes())
    return read


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a file in full or not at all, with the folders it lies in. Raises `InputError` that says why not."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(data)
    except PermissionError as error:
        raise InputError(f"{path}: no permission to write it; choose another folder") from error
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"{path}: cannot be written, for {path.parent} is no folder") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error


def to_array(image: Image.Image) -> NDArray[np.float32]:
    """An RGB or L picture as (C, H, W) float32 in [-1, 1]."""
    pixels = np.asarray(image, dtype=np.float32) / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def to_tensor(image: Image.Image) -> Tensor:
    """As `to_array`."""
    import torch

    return torch.from_numpy(to_array(image))


def to_levels(pictures: Sequence[Image.Image]) -> Tensor:
    """8-bit grey pictures of one size as (B, 1, H, W) float32, 0 to 255, as metrics take them."""
    import torch

    return torch.from_numpy(np.stack([np.asarray(picture, dtype=np.float32) for picture in pictures])[:, None])


def to_image(picture: Tensor) -> Image.Image:
    """As `array_to_image`."""
    return array_to_image(picture.detach().float().cpu().numpy())


def array_to_image(picture: NDArray[Any]) -> Image.Image:
    """A sketch (1, H, W) or a photo (3, H, W) in [-1, 1] as an 8-bit picture, grey or RGB."""
    levels = ((picture + 1) * np.float32(127.5)).round().clip(0, 255).astype(np.uint8)
    return Image.fromarray(levels[0] if len(levels) == 1 else np.ascontiguousarray(levels.transpose(1, 2, 0)))


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Write a file in full or not at all: beside the target under another name, then renamed.

    A link stays one, and what it leads to is written. What is there and no regular file, such as a device or a FIFO,
    is written to and stays what it is.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        with path.open("wb") as file:
            yield file
        return
    if path.is_symlink():
        path = Path(os.path.realpath(path))
        path.parent.mkdir(parents=True, exist_ok=True)
    # Not `tempfile`: its files are private, and the umask that a new file should have cannot be read safely in threads.
    temporary = path.parent / f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sweep(folder: Path) -> None:
    """Remove what a process that was killed had begun to write in a folder. Does nothing if it cannot."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PART_PREFIX) and entry.name.endswith(PART_SUFFIX):
                with suppress(OSError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > ABANDONED_SECONDS:
                        Path(entry).unlink()
