"""Structural similarity (SSIM) of two pictures, in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LUMA = np.array([0.299, 0.587, 0.114])


def _gaussian() -> NDArray[np.float64]:
    offsets = np.arange(-5, 6)
    weights: NDArray[np.float64] = np.exp(-(offsets**2) / (2 * 1.5**2))
    weights /= weights.sum()
    return weights


def _blur(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolve with an 11 x 11 Gaussian of sigma 1.5; the borders, where it does not fit, are cut off."""
    weights = _gaussian()
    inner = [size - len(weights) + 1 for size in plane.shape]
    rows = np.zeros((inner[0], plane.shape[1]))
    for i, weight in enumerate(weights):
        rows += weight * plane[i : i + inner[0]]
    both = np.zeros((inner[0], inner[1]))
    for i, weight in enumerate(weights):
        both += weight * rows[:, i : i + inner[1]]
    return both


def _luma(picture: NDArray[np.generic]) -> NDArray[np.float64]:
    values = picture.astype(np.float64)
    return values if values.ndim == 2 else values[..., :3] @ _LUMA


def ssim(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    """Mean SSIM of the luma of two pictures of one size, at least 11 pixels a side, with values 0 to 255.

    Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", IEEE TIP 13(4), 2004; K1 0.01, K2 0.03.
    """
    a, b = _luma(first), _luma(second)
    if a.shape != b.shape:
        raise ValueError(f"pictures of different sizes: {a.shape} and {b.shape}")
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a = _blur(a * a) - mean_a**2
    variance_b = _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    numerator = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    denominator = (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    return float((numerator / denominator).mean())
