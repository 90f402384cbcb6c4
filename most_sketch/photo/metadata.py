"""What a sketch may keep of its photo's Exif: when, by whom and with what it was taken; where only if wanted."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

from PIL import ExifTags, Image

KeepMetadata = Literal["none", "some", "all"]

Base = ExifTags.Base
SOME = frozenset({Base.DateTime, Base.Artist, Base.Copyright, Base.Make, Base.Model})
"""Tags that stand beside the picture."""
SOME_OF_CAMERA = frozenset(
    {Base.DateTimeOriginal, Base.DateTimeDigitized, Base.OffsetTime, Base.OffsetTimeOriginal, Base.OffsetTimeDigitized}
    | {Base.SubsecTime, Base.SubsecTimeOriginal, Base.SubsecTimeDigitized, Base.ExposureTime, Base.FNumber}
    | {Base.ISOSpeedRatings, Base.FocalLength, Base.FocalLengthIn35mmFilm, Base.LensMake, Base.LensModel}
)
"""Tags of the camera's own part. Not its number, nor its owner's name."""
OF_THE_PIXELS = frozenset(
    {Base.Orientation, Base.ImageWidth, Base.ImageLength, Base.BitsPerSample, Base.Compression, Base.SamplesPerPixel}
    | {Base.PhotometricInterpretation, Base.StripOffsets, Base.StripByteCounts, Base.RowsPerStrip, Base.TileOffsets}
    | {Base.TileByteCounts, Base.TileWidth, Base.TileLength, Base.PlanarConfiguration, Base.Predictor, Base.ColorMap}
    | {Base.XResolution, Base.YResolution, Base.ResolutionUnit, Base.SubIFDs, Base.NewSubfileType, Base.SubfileType}
    | {Base.ExtraSamples, Base.SampleFormat, Base.FillOrder, Base.YCbCrSubSampling, Base.YCbCrPositioning}
    | {Base.YCbCrCoefficients, Base.ReferenceBlackWhite, Base.WhitePoint, Base.PrimaryChromaticities, Base.JPEGTables}
    | {Base.InterColorProfile, Base.XMLPacket, Base.ImageResources, Base.JpegIFOffset, Base.JpegIFByteCount}
    | {Base.ExifImageWidth, Base.ExifImageHeight, Base.ExifInteroperabilityOffset, Base.MakerNote, Base.ColorSpace}
    | {Base.ComponentsConfiguration, Base.CompressedBitsPerPixel, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}
)
"""Tags that say how the photo's own file is made, and would be wrong of a sketch."""


def kept_exif(photo: Path | bytes, keep: KeepMetadata) -> Image.Exif:
    """Of a photo's Exif what `keep` wants; nothing of what cannot be read."""
    kept = Image.Exif()
    if keep == "none":
        return kept
    try:
        with Image.open(io.BytesIO(photo) if isinstance(photo, bytes) else photo) as image:
            found = image.getexif()
            own, camera, place = dict(found), found.get_ifd(ExifTags.IFD.Exif), found.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception:  # noqa: BLE001 - broken Exif makes Pillow raise almost anything, and is no reason to draw nothing
        return kept
    for values, some, part in ((own, SOME, None), (camera, SOME_OF_CAMERA, ExifTags.IFD.Exif)):
        wanted = {
            tag: value
            for tag, value in values.items()
            if (tag in some if keep == "some" else tag not in OF_THE_PIXELS) and _can_be_written(tag, value)
        }
        if part is None:
            kept.update(wanted)
        elif wanted:
            kept[part] = wanted
    if keep == "all" and place:
        kept[ExifTags.IFD.GPSInfo] = dict(place)
    return kept


def _can_be_written(tag: int, value: object) -> bool:
    alone = Image.Exif()
    alone[tag] = value
    try:
        alone.tobytes()
    except Exception:  # noqa: BLE001 - as in `kept_exif`
        return False
    return True
