"""The look of every figure: colours, scales, fonts, margins. No other module here names a colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from channelexplorer_dash.figures import palette

ColourScale = list[tuple[float, str]]

# Ten colours found by exchange search in OKLCH for the largest least distance (CIEDE2000) under normal,
# protanopic, deuteranopic and tritanopic vision: 22, 14, 13 and 15 apart. Contrast to white and to #15181d is
# at least 1.8 : 1.
_TEN = (
    "#2080f1",
    "#db426d",
    "#00daa7",
    "#ad8604",
    "#363ccf",
    "#f2a5ef",
    "#137b5e",
    "#aec942",
    "#7a406d",
    "#5a5d04",
)

UNKNOWN = "#878c91"
CORRECT = "#86a9cf"
WRONG = "#d9480f"
ACCENT = "#ff7a1a"
TEXT = "#7b838d"
LINE = "rgba(128,136,146,0.45)"
GRID = "rgba(128,136,146,0.18)"
OUTLINE = "rgba(110,116,124,0.55)"
BOUNDARY = "rgba(255,255,255,0.55)"
BAR = "rgba(120,132,148,0.75)"
CLEAR = "rgba(0,0,0,0)"
# From nothing to the bars' grey, on either theme.
SHADES: ColourScale = [(0.0, "rgba(120,132,148,0.06)"), (1.0, "rgba(120,132,148,1)")]

# Lightness rises evenly from end to end, so that the scales survive grey print and every kind of vision.
SEQUENTIAL: ColourScale = palette.ramp(
    (
        (0.24, 0.10, 285),
        (0.40, 0.13, 262),
        (0.55, 0.11, 215),
        (0.70, 0.12, 175),
        (0.83, 0.16, 135),
        (0.95, 0.14, 105),
    ),
    21,
)
# Points stand alone on the page: neither end may vanish in white or in #15181d.
POINTS: ColourScale = palette.ramp(
    ((0.46, 0.19, 285), (0.56, 0.15, 255), (0.66, 0.12, 200), (0.75, 0.15, 155), (0.85, 0.17, 110)), 17
)
DIVERGING: ColourScale = palette.ramp(
    (
        (0.36, 0.12, 255),
        (0.58, 0.12, 245),
        (0.78, 0.06, 235),
        (0.93, 0.005, 90),
        (0.80, 0.09, 65),
        (0.62, 0.16, 45),
        (0.40, 0.13, 30),
    ),
    21,
)

FONT_FAMILY = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
FONT_SIZE = 11
SMALL = 10


def class_colours(n: int) -> tuple[str, ...]:
    """Return the colours of classes 0 … n-1 as ``#rrggbb``.

    The colour of a class does not depend on how many classes there are. Up to ten they are well apart
    under every common kind of vision; further ones are spread over hue and lightness (``palette.spread``).
    """
    # Whole powers of two, so that any number of classes finds its colours in the cache.
    return palette.spread(_TEN, (UNKNOWN,), 1 << max(4, (n - 1).bit_length()))[:n]


def steps(colours: Sequence[str]) -> ColourScale:
    """Return a scale of flat steps: code i has ``colours[i]``, with ``cmin`` -0.5 and ``cmax`` K - 0.5."""
    count = len(colours)
    scale: ColourScale = []
    for i, colour in enumerate(colours):
        scale += [(round(i / count, 6), colour), (round((i + 1) / count, 6), colour)]
    return scale


def layout(view: str, alt: str, *, meta: Mapping[str, Any] | None = None, **over: Any) -> dict[str, Any]:
    """Return the layout that all figures share.

    Parameters
    ----------
    view
        What ``layout.meta.view`` says.
    alt
        A sentence that describes the figure, for screen readers (``layout.meta.alt``).
    meta
        Further entries of ``layout.meta``.
    over
        Layout entries on top of the shared ones.
    """
    shared: dict[str, Any] = {
        # plotly.py would otherwise send its whole default template (7 kB) with every figure.
        "template": {"data": {"scatter": [{"type": "scatter"}]}},
        "meta": {"view": view, "alt": alt, "accent": ACCENT, **(meta or {})},
        "autosize": True,
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"family": FONT_FAMILY, "size": FONT_SIZE, "color": TEXT},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8, "pad": 0},
        "showlegend": False,
        "hovermode": "closest",
        "modebar": {"bgcolor": CLEAR, "color": LINE, "activecolor": ACCENT, "orientation": "h"},
        "newselection": {"line": {"color": ACCENT, "width": 1.5, "dash": "dot"}},
        "activeselection": {"fillcolor": CLEAR, "opacity": 1.0},
    }
    return shared | over


def bare_axis(**over: Any) -> dict[str, Any]:
    """Return an axis without line, ticks, grid or labels."""
    return {
        "showgrid": False,
        "zeroline": False,
        "showline": False,
        "showticklabels": False,
        "ticks": "",
        "title": {"text": ""},
    } | over


def literal(text: str) -> str:
    """Return a text in the form in which Plotly draws it as it is, and not as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def colour_bar(ticks: Sequence[float], text: Sequence[str], title: str, **over: Any) -> dict[str, Any]:
    """Return a slim horizontal colour bar below the plot."""
    return {
        "orientation": "h",
        "thickness": 7,
        "len": 0.6,
        "x": 0.0,
        "xanchor": "left",
        "y": 0.0,
        "yanchor": "top",
        "ypad": 6,
        "xpad": 0,
        "outlinewidth": 0,
        "ticks": "",
        "tickmode": "array",
        "tickvals": list(ticks),
        "ticktext": list(text),
        # Plotly would turn texts that it finds too close.
        "tickangle": 0,
        "tickfont": {"size": SMALL},
        "title": {"text": title, "side": "top", "font": {"size": SMALL}},
    } | over
