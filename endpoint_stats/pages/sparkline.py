"""Sparklines: a row's trend as one SVG path, drawn on the server, so that a long table needs no script."""

from collections.abc import Sequence

INSET = 1.5  # half of the line and a little, so that nothing is cut at the edges


def path(values: Sequence[float | None], width: int = 96, height: int = 20) -> str:
    """The ``d`` of a path in ``width`` × ``height``, from zero to the largest value; a None is a gap.

    Empty where there is no value at all. A value between two gaps is a dot (a line of no length with round ends).
    """
    top = max((value for value in values if value is not None), default=None)
    if top is None:
        return ""
    stride = (width - 2 * INSET) / max(len(values) - 1, 1)
    scale = (height - 2 * INSET) / top if top > 0 else 0.0
    commands: list[str] = []
    pen_down = False
    for place, value in enumerate(values):
        if value is None:
            pen_down = False
            continue
        x, y = INSET + place * stride, height - INSET - max(value, 0.0) * scale
        alone = not pen_down and (place + 1 == len(values) or values[place + 1] is None)
        commands.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}{'h0' if alone else ''}")
        pen_down = True
    return "".join(commands)
