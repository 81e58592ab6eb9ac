"""The table as a picture: one bar for each line, by which factor it is better than its goal.

The goal is the upright line in the middle; to the right of it is better, by a logarithmic scale. The thin line in a bar is
the spread of the rounds.
"""

import html
import math

from table import number, ratio

WIDTH, ROW, LEFT, SCALE, TOP = 1000, 24, 170, 440, 64
MOST = 8                                                    # factors beyond this end at the edge
GOOD, BAD, NONE = "#2a7f4f", "#c0392b", "#999999"


def x(room):
    """The place of a factor, from 1/MOST to MOST."""
    share = math.log(min(max(room, 1 / MOST), MOST), MOST)
    return LEFT + SCALE / 2 * (1 + share)


def text(left, top, words, anchor="start", size=13, colour="#222222", weight="normal"):
    return (f'<text x="{left:.0f}" y="{top:.0f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}" '
            f'font-weight="{weight}">{html.escape(words)}</text>')


def bar(seen, top):
    room, rooms = seen.room(), seen.rooms()
    if room is None and seen.peers:
        rooms = [seen.peer(name)[2] for name in seen.peers if seen.peer(name)[2] is not None]
        room = min(rooms, default=None)
    if room is None:
        return []
    colour = GOOD if room >= 1 else BAD
    begin, end = sorted((x(1), x(room)))
    return [f'<rect x="{begin:.1f}" y="{top + 5}" width="{max(end - begin, 1.5):.1f}" height="{ROW - 10}" fill="{colour}"/>',
            f'<path d="M{x(min(rooms)):.1f} {top + ROW / 2}H{x(max(rooms)):.1f}" stroke="#222222" stroke-width="1.5"/>']


def words(seen):
    """What stands beside a bar."""
    if seen.error:
        return "broken: " + seen.error[:50]
    line = seen.line
    found = f"{number(seen.ours())} {line.unit}"
    if seen.ratio() is not None:
        found += f", {ratio(seen.ratio())} × {number(seen.reference())}"
    for name in seen.peers:
        found += f", {ratio(seen.peer(name)[1])} × {name}"
    return found + (f"  (goal {line.goal.text})" if line.goal else "")


def picture(seen, host):
    """SVG as text."""
    height = TOP + ROW * len(seen) + 40
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
             f'font-family="Helvetica, Arial, sans-serif">', f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
             text(16, 26, "sparkjob: how each line stands to its goal", size=17, weight="bold"),
             text(16, 46, f"{host['cpus']} CPUs, {host['cpu']}, load {host['load'][0]}, {host['time']}", size=12, colour="#666666")]
    for factor in (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8):
        name = "goal" if factor == 1 else f"{factor:g} ×" if factor > 1 else f"1/{1 / factor:g}"
        parts += [f'<path d="M{x(factor):.1f} {TOP}V{height - 34}" stroke="{"#222222" if factor == 1 else "#dddddd"}"/>',
                  text(x(factor), height - 18, name, "middle", 11, "#666666")]
    for n, line in enumerate(seen):
        top = TOP + n * ROW
        parts += [text(LEFT - 12, top + 16, line.line.name, "end")] + ([] if line.error else bar(line, top))
        parts.append(text(LEFT + SCALE + 12, top + 16, words(line), size=12, colour=BAD if line.error else "#222222"))
    return "\n".join(parts + ["</svg>", ""])
