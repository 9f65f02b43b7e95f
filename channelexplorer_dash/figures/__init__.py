"""One Plotly builder per view: results in, ``go.Figure`` out. Pure functions, no Dash.

Signatures
----------
::

    scatterplot.scatter_figure(scatter: Scatter, colouring: Colouring, webgl_from: int = 3000) -> go.Figure
    scatterplot.marker_patch(colouring: Colouring, points: int) -> dict       # value of data[0].marker, JSON-able
    colouring.by_class(sample) -> Colouring
    colouring.by_prediction(sample, predictions, names) -> Colouring          # predictions int (n,), -1 unknown
    colouring.by_correctness(sample, predictions) -> Colouring
    colouring.by_category(title, values) -> Colouring                         # values: str or None per image
    colouring.by_number(title, values) -> Colouring                           # float (n,): channel or column
    colouring.Colouring.legend -> tuple[LegendEntry, ...]                     # name, colour, count (HTML legend)
    jaccard.jaccard_figure(answer: ImageJaccard | ClassJaccard) -> go.Figure
    jaccard.dendrogram_figure(answer: ClassJaccard) -> go.Figure              # from figures.dendrogram
    heatmap.heatmap_figure(heatmap: Heatmap, channel: int | None = None) -> go.Figure
    channel.channel_figure(detail: ChannelDetail) -> go.Figure
    empty.empty_figure(message: str) -> go.Figure
    theme.class_colours(n: int) -> tuple[str, ...]                            # "#rrggbb" by label

What every figure has
---------------------
- ``layout.meta.view``: ``scatterplot``, ``jaccard-images``, ``jaccard-classes``, ``hierarchy``, ``heatmap``,
  ``channel`` or ``empty``; ``layout.meta.alt``: a sentence for the graph's ``aria-label``.
- ``trace.name`` says what a trace is; find it with ``gd.data.findIndex(t => t.name === "…")``.
- Paper and plot are transparent, text has a middle grey that reads on both themes; CSS may overrule it with
  ``.js-plotly-plot .main-svg text {fill: … !important}``, but must leave ``.heatmap-label text`` alone (numbers
  in cells, whose contrast with the cell plotly.js chooses).
- Hover text is off while ``plotly_hover`` and ``plotly_click`` still fire (``hoverinfo: "none"``); traces that
  are only decoration have ``hoverinfo: "skip"`` and never fire.
- No width or height: the figure fills its container. ``uirevision`` keeps zoom as long as the geometry is the same.
- Numbers travel as typed binary arrays. Read them from ``gd._fullData[i]`` (decoded), not from ``gd.data``.

From a point to images, classes and channels
--------------------------------------------
``p`` is an element of ``event.points`` (or of ``clickData.points``, ``hoverData.points``).

scatterplot
    Trace 0, ``points``. ``gd._fullData[0].customdata[p.pointNumber]`` is the image_id. ``selectedData.points``
    and ``p.pointNumber`` are indices into the same array. To mark images from elsewhere:
    ``Plotly.restyle(gd, {selectedpoints: [indices]}, [0])``; ``selectedpoints: [null]`` clears.
jaccard-images
    Trace ``matrix``: row and column are positions, ``ids = layout.meta.image_ids``: the images are ``ids[p.y]``
    and ``ids[p.x]``. Trace ``strip-top``: a column, ``ids[p.x]``; ``strip-left``: a row, ``ids[p.y]``;
    its class is ``layout.meta.labels[position]``.
    Trace ``marks`` is empty and is the page's: restyle its ``x`` and ``y`` to outline rows and columns.
    A closed path for the run of columns a…b: ``x = [a-.5, b+.5, b+.5, a-.5, a-.5, null]``,
    ``y = [-.5, -.5, n-.5, n-.5, -.5, null]``; the same with x and y exchanged for rows.
jaccard-classes
    The same traces over classes: ``classes = layout.meta.classes`` are the labels in display order; the cell is
    ``classes[p.y]`` × ``classes[p.x]``.
hierarchy
    Trace ``nodes`` (inner nodes) and ``leaves``: ``p.customdata`` is the list of the labels below the node.
    ``layout.meta.leaves``: labels from top to bottom.
heatmap
    Trace ``matrix``: positions; channel ``layout.meta.channels[p.pointNumber[0]]`` (``pointNumber`` is [row,
    column]), image ``layout.meta.image_ids[p.pointNumber[1]]``. Equally ``layout.meta.channels[p.y]`` and
    ``layout.meta.image_ids[p.x]``. Trace ``strip-top``: image ``layout.meta.image_ids[p.x]``. Trace ``statistic``
    (bars at the right): channel ``layout.meta.channels[p.y]``. ``layout.meta.marked`` is how many images at the left are
    marked ones, ``layout.meta.shared`` the channels that are shared by the marked pair.
    Trace ``marks`` is the page's, as in the Jaccard view: the outline of the marked channel's row.
channel
    Trace ``images``: ``gd._fullData[i].customdata[p.pointNumber]`` is the image_id. Trace ``medians``:
    ``gd._fullData[i].customdata[p.pointNumber]`` is the class label.
"""
