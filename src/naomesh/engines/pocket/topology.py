"""How triangles hang together: neighbours, components, and means over neighbours."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from naomesh.engines.mesh import Floats, Ints


def edges(faces: Ints) -> Ints:
    """Each edge once, the lower vertex first: (E, 2)."""
    every = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return _unique_pairs(every)


def face_pairs(faces: Ints) -> Ints:
    """Pairs of faces that share an edge: (P, 2). An edge of more than two faces links each with the next."""
    every = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    owner = np.tile(np.arange(len(faces)), 3)
    key = every[:, 0] * (faces.max(initial=0) + 1) + every[:, 1]
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(np.diff(key[order]) == 0)
    return np.stack([owner[order[same]], owner[order[same + 1]]], axis=1)


def components(count: int, pairs: Ints) -> Ints:
    """The component of each of `count` things that `pairs` (P, 2) link: (count,)."""
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def without_unused(vertices: Floats, faces: Ints) -> tuple[Floats, Ints]:
    """The mesh without vertices that no face uses."""
    used = np.zeros(len(vertices), dtype=np.bool_)
    used[faces] = True
    return vertices[used], (np.cumsum(used) - 1)[faces]


def large_components(faces: Ints, vertex_count: int, least_share: float) -> Ints:
    """The faces of the components that have at least `least_share` of the faces of the largest."""
    label = components(vertex_count, edges(faces))[faces[:, 0]]
    count = np.bincount(label)
    return np.asarray(faces[count[label] >= least_share * count.max()])


def neighbour_mean(faces: Ints, vertex_count: int) -> csr_array:
    """The matrix (V, V) that replaces each vertex's value by the mean over its neighbours and itself."""
    pairs = edges(faces)
    own = np.arange(vertex_count)
    rows = np.concatenate([pairs[:, 0], pairs[:, 1], own])
    columns = np.concatenate([pairs[:, 1], pairs[:, 0], own])
    matrix = coo_array((np.ones(len(rows)), (rows, columns)), shape=(vertex_count, vertex_count)).tocsr()
    weight = 1 / np.asarray(matrix.sum(axis=1)).ravel()
    return csr_array(matrix.multiply(weight[:, None]))


def face_areas(vertices: Floats, faces: Ints) -> Floats:
    """Area of each face (F,)."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)


def vertex_normals(vertices: Floats, faces: Ints) -> Floats:
    """Unit normals (V, 3), faces weighted by their area."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    normal = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    corners = faces.ravel()
    summed = np.stack([np.bincount(corners, normal[:, k], minlength=len(vertices)) for k in range(3)], axis=1)
    return np.asarray(summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-30))


def _unique_pairs(pairs: Ints) -> Ints:
    """np.unique over rows, by way of one number per row, which sorts several times faster."""
    span = pairs.max(initial=0) + 1
    key = np.unique(pairs[:, 0] * span + pairs[:, 1])
    return np.stack([key // span, key % span], axis=1)
