"""Picks rows of choices so that every two choices of different axes meet in some row: faults of a chart come from
one value or from two together, and all combinations would be millions. Deterministic. Used by test_render.py and by
the e2e tier's test_helm.py."""

from itertools import combinations


def pairwise(axes, exclude=lambda a, b: False):
    """axes: {name: [value, …]}, the first value of each being the default. `exclude((name, value), (name, value))`,
    in the order of `axes`: these two cannot meet; every axis needs a value that the choices before it do not exclude.
    Returns a list of {name: value}; the first row is the defaults."""
    names = list(axes)
    place = {name: number for number, name in enumerate(names)}

    def excluded(one, other):
        (a, i), (b, j) = sorted((one, other), key=lambda choice: place[choice[0]])
        return exclude((a, axes[a][i]), (b, axes[b][j]))

    open_pairs = {((a, i), (b, j)) for a, b in combinations(names, 2)
                  for i in range(len(axes[a])) for j in range(len(axes[b])) if not excluded((a, i), (b, j))}
    rows = [{name: 0 for name in names}]
    open_pairs -= _pairs(rows[0], names)
    while open_pairs:
        row = dict(min(open_pairs))
        for name in names:
            if name not in row:
                free = [i for i in range(len(axes[name])) if not any(excluded((name, i), c) for c in row.items())]
                row[name] = max(free, key=lambda i: (_gain(row, (name, i), place, open_pairs), -i))
        rows.append({name: row[name] for name in names})
        open_pairs -= _pairs(row, names)
    return [{name: axes[name][i] for name, i in row.items()} for row in rows]


def _pairs(row, names):
    return {((a, row[a]), (b, row[b])) for a, b in combinations(names, 2)}


def _gain(row, choice, place, open_pairs):
    """How many pairs that no row shows yet this choice would show."""
    return sum((tuple(sorted((choice, other), key=lambda c: place[c[0]])) in open_pairs) for other in row.items())
