"""A kernel plugin in Python: great-circle distances of points on the Earth.

A point is a latitude and a longitude in degrees, positive to the north and the east,
on the last axis. The Earth is a sphere of its mean radius R1 = 6371.0088 km (IUGG;
H. Moritz, Geodetic Reference System 1980, Journal of Geodesy 74, 2000). The formula is
the haversine, R. W. Sinnott, Virtues of the Haversine, Sky and Telescope 68, 1984:

    h = sin²((φ₂ − φ₁) / 2) + cos φ₁ cos φ₂ sin²((λ₂ − λ₁) / 2),  distance = 2 R atan2(√h, √(1 − h))

The distance has no gradient where the points are equal or opposite; it is 0 there.
"""

import numpy as np

from adjoint_plugin import Plugin, Type

RADIUS_KM = 6371.0088
FLOATS = "float32 float64"

plugin = Plugin("acme/geo", "1.0.0")


def kilometres(a, b, *, radius_km):
    if a.shape != b.shape or a.shape[-1:] != (2,):
        raise ValueError(f"the points are {a} and {b}; both need the same shape, latitude and longitude on its last axis")
    if a.dtype != b.dtype:
        raise ValueError(f"the points are {a} and {b}; both need the same dtype")
    return Type(a.dtype, a.shape[:-1])


@plugin.kernel(
    dtypes=FLOATS,
    outputs=["km"],
    infer=kilometres,
    vjp="haversine_vjp",
    jvp="haversine_jvp",
    batch="leading",
    deterministic=True,
    samples=[
        {"a": (2,), "b": (2,)},
        {"a": (5, 2), "b": (5, 2)},
        {"a": (2, 0, 2), "b": (2, 0, 2)},
        {"a": (3, 4, 2), "b": (3, 4, 2), "radius_km": 1737.4},
    ],
    values={"a": "-80..80", "b": "-80..80"},
)
def haversine(a, b, *, radius_km=RADIUS_KM):
    """The great-circle distance, in km, of points in degrees."""
    h, _ = squared_half_chord(a, b)
    return (2 * radius_km * np.arctan2(np.sqrt(h), np.sqrt(1 - h))).astype(a.dtype)


@plugin.kernel(
    dtypes=FLOATS,
    outputs={"da": ("shape(a)", "dtype(a)"), "db": ("shape(b)", "dtype(b)")},
    batch="leading",
    deterministic=True,
)
def haversine_vjp(a, b, dkm, *, radius_km=RADIUS_KM):
    """The gradients of haversine for both points, dkm times km per degree."""
    da, db = slopes(a, b, radius_km)
    return tuple((d * dkm[..., None]).astype(a.dtype) for d in (da, db))


@plugin.kernel(
    dtypes=FLOATS,
    outputs={"tkm": ("slice(shape(a), 0, -1)", "dtype(a)")},
    batch="leading",
    deterministic=True,
)
def haversine_jvp(a, b, ta, tb, *, radius_km=RADIUS_KM):
    """The tangent of haversine, for tangents of both points in degrees."""
    da, db = slopes(a, b, radius_km)
    return np.sum(da * ta + db * tb, axis=-1).astype(a.dtype)


def squared_half_chord(a, b):
    """Returns h, in double precision, and its derivatives by the four angles."""
    (lat1, lon1), (lat2, lon2) = (np.moveaxis(np.radians(p.astype(np.float64)), -1, 0) for p in (a, b))
    dlat, dlon = lat2 - lat1, lon2 - lon1
    across = np.sin(dlon / 2) ** 2
    h = np.sin(dlat / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * across
    turn = np.cos(lat1) * np.cos(lat2) * np.sin(dlon) / 2
    by_lat1 = -np.sin(dlat) / 2 - np.sin(lat1) * np.cos(lat2) * across
    by_lat2 = np.sin(dlat) / 2 - np.cos(lat1) * np.sin(lat2) * across
    return np.clip(h, 0, 1), (by_lat1, -turn, by_lat2, turn)


def slopes(a, b, radius_km):
    """Returns the derivatives of the distance by both points, in km per degree."""
    h, (lat1, lon1, lat2, lon2) = squared_half_chord(a, b)
    root = np.sqrt(h * (1 - h))
    by_h = np.divide(np.radians(radius_km), root, out=np.zeros_like(root), where=root > 0)
    return np.stack([by_h * lat1, by_h * lon1], -1), np.stack([by_h * lat2, by_h * lon2], -1)


if __name__ == "__main__":
    plugin.main()
