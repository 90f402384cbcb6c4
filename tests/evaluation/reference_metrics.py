"""SSIM, FSIM and SCOOT written out in numpy from their papers, to hold the package's metrics against.

They share no code with the package or with `piq`: plain loops, float64, one image at a time.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import convolve2d

Image = NDArray[np.float64]


def ssim(first: Image, second: Image) -> float:
    """Wang et al. 2004, equation 13: Gaussian window 11 x 11 of sigma 1.5, only where it fits, range 255."""
    place = np.arange(11) - 5
    window = np.exp(-(place[:, None] ** 2 + place[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def local_mean(image: Image) -> Image:
        return convolve2d(image, window, mode="valid")

    mean1, mean2 = local_mean(first), local_mean(second)
    variance1 = local_mean(first**2) - mean1**2
    variance2 = local_mean(second**2) - mean2**2
    covariance = local_mean(first * second) - mean1 * mean2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    numerator = (2 * mean1 * mean2 + c1) * (2 * covariance + c2)
    return float((numerator / ((mean1**2 + mean2**2 + c1) * (variance1 + variance2 + c2))).mean())


def fsim(first: Image, second: Image) -> float:
    """Zhang et al. 2011, equations 4 to 6, for images whose shorter side is below 384 (no reduction)."""
    congruency1, congruency2 = phase_congruency(first), phase_congruency(second)
    gradient1, gradient2 = scharr_magnitude(first), scharr_magnitude(second)
    t1, t2 = 0.85, 160.0
    by_phase = (2 * congruency1 * congruency2 + t1) / (congruency1**2 + congruency2**2 + t1)
    by_gradient = (2 * gradient1 * gradient2 + t2) / (gradient1**2 + gradient2**2 + t2)
    weight = np.maximum(congruency1, congruency2)
    return float((by_phase * by_gradient * weight).sum() / weight.sum())


def scharr_magnitude(image: Image) -> Image:
    kernel = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16
    return np.hypot(convolve2d(image, kernel, mode="same"), convolve2d(image, kernel.T, mode="same"))


def phase_congruency(image: Image) -> Image:
    """Kovesi's phase congruency with the settings of Zhang et al. 2011: 4 scales, 4 orientations."""
    scales, orientations = 4, 4
    y, x = np.meshgrid(frequencies(image.shape[0]), frequencies(image.shape[1]), indexing="ij")
    radius, angle = np.hypot(x, y), np.arctan2(-y, x)
    low_pass = 1 / (1 + (radius / 0.45) ** 30)
    radius[radius == 0] = 1  # only to have a logarithm there; the filter is zero at frequency zero
    spectrum = np.fft.fft2(image)
    energy_sum, amplitude_sum = np.zeros_like(image), np.zeros_like(image)
    for orientation in range(orientations):
        off = np.abs(np.angle(np.exp(1j * (angle - orientation * math.pi / orientations))))
        spread = np.exp(-(off**2) / (2 * (math.pi / orientations / 1.2) ** 2))
        filters = []
        for scale in range(scales):
            log_gabor = np.exp(-(np.log(radius * 6 * 2**scale) ** 2) / (2 * math.log(0.55) ** 2)) * low_pass * spread
            log_gabor[np.hypot(x, y) == 0] = 0
            filters.append(np.fft.ifftshift(log_gabor))
        responses = [np.fft.ifft2(spectrum * each) for each in filters]
        total = np.sum(responses, axis=0)
        direction = total / (np.abs(total) + 1e-7)
        energy = sum(
            response.real * direction.real
            + response.imag * direction.imag
            - np.abs(response.real * direction.imag - response.imag * direction.real)
            for response in responses
        )
        # The noise that a flat-spectrum input of the power seen at the finest scale would leave behind.
        power = np.median(np.abs(responses[0]) ** 2) / math.log(2) / (filters[0] ** 2).sum()
        kernels = [np.fft.ifft2(each).real * math.sqrt(image.size) for each in filters]
        squares = sum((kernel**2).sum() for kernel in kernels)
        products = sum((kernels[i] * kernels[j]).sum() for i in range(scales) for j in range(i + 1, scales))
        tau = math.sqrt(power * (squares + 2 * products))
        threshold = (tau * math.sqrt(math.pi / 2) + 2 * math.sqrt((2 - math.pi / 2) * tau**2)) / 1.7
        energy_sum += np.maximum(energy - threshold, 0)
        amplitude_sum += np.sum(np.abs(responses), axis=0)
    return energy_sum / (amplitude_sum + 1e-7)


def scoot(first: Image, second: Image) -> float:
    """Fan et al. 2019, section 3, as the authors' program settles it: 6 levels, 4 x 4 blocks, four directions."""
    difference = scoot_features(first) - scoot_features(second)
    return float(1 / (1 + math.sqrt((difference**2).sum())))


def scoot_features(image: Image) -> NDArray[np.float64]:
    """Contrast and energy of each block, row by row."""
    height, width = image.shape
    levels = [[min(int(6 * value / 255), 5) for value in row] for row in image]
    features = []
    for down in range(4):
        for across in range(4):
            rows = range(height * down // 4, height * (down + 1) // 4)
            columns = range(width * across // 4, width * (across + 1) // 4)
            counts = np.zeros((6, 6))
            for row in rows:
                for column in columns:
                    for step_down, step_across in ((0, 1), (-1, 1), (-1, 0), (-1, -1)):
                        if row + step_down in rows and column + step_across in columns:
                            counts[levels[row][column], levels[row + step_down][column + step_across]] += 1
            share = np.array([[math.floor(count / 4 + 0.5) for count in line] for line in counts])
            share = share / share.sum()
            features += [sum(share[i, j] * (i - j) ** 2 for i in range(6) for j in range(6)), (share**2).sum()]
    return np.array(features)


def frequencies(length: int) -> Image:
    """Centred frequencies of an axis, as the reference code lays them out for even and odd lengths."""
    if length % 2:
        return np.arange(-(length - 1) / 2, (length - 1) / 2 + 1) / (length - 1)
    return np.arange(-length / 2, length / 2) / length
