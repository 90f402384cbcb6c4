"""Colour profiles, as programs embed them in pictures; made here, since no program's own may be copied."""

from __future__ import annotations

import struct

ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
"""XYZ of red, green and blue, as profiles have them: under the light D50."""

WHITE = (0.9642, 1.0, 0.8249)


def rgb_profile(primaries: tuple[tuple[float, float, float], ...], gamma: float = 2.2) -> bytes:
    """A profile of a screen or camera with these primaries."""
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + b"\0\0"
    tags = {b"wtpt": _xyz(WHITE)}
    for channel, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags |= {channel + b"XYZ": _xyz(primary), channel + b"TRC": curve}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + b"\0\0"
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(WHITE), b"kTRC": curve})


def cmyk_profile() -> bytes:
    """A press whose inks are the usual ones: its cyan is no mixture of full green and full blue."""
    inks = ((55, -37, -50), (48, 74, -3), (89, -5, 93), (0, 0, 0))
    ramp = bytes(range(256))
    nodes = b""
    for number in range(16):
        used = [ink for place, ink in enumerate(inks) if number >> (3 - place) & 1]
        light = min([100, *(ink[0] for ink in used)])
        a, b = (max(-128, min(127, sum(ink[axis] for ink in used))) if light else 0 for axis in (1, 2))
        nodes += bytes([round(light * 2.55), a + 128, b + 128])
    matrix = struct.pack(">9i", *(65536 if place % 4 == 0 else 0 for place in range(9)))
    table = b"mft1" + struct.pack(">I4B", 0, 4, 3, 2, 0) + matrix + 4 * ramp + nodes + 3 * ramp
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz(WHITE), b"A2B0": table})


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": b"desc" + struct.pack(">II", 0, 5) + b"test\0" + b"\0" * 79, b"cprt": b"text\0\0\0\0none"} | tags
    place = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", place + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", place + len(body), b"none", 0x02400000, kind, space, connection)
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + b"\0" * 28 + _xyz(WHITE)[8:]
    return head + b"\0" * (128 - len(head)) + table + body
