"""One Plotly builder per view: results in, figures as plotly.js takes them out. Pure functions, no Dash.

Signatures
----------
::

    scatterplot.scatter_figure(scatter: Scatter, colouring: Colouring, webgl_from: int = 3000) -> Figure
    scatterplot.marker_patch(colouring: Colouring) -> dict             # JSON-able value of data[0].marker
    scatterplot.hulls_patch(scatter, colouring) -> dict                # JSON-able value of data[1]
    colouring.by_class(sample) -> Colouring
    colouring.by_prediction(sample, predictions, names) -> Colouring   # predictions int (n,), -1 unknown
    colouring.by_correctness(sample, predictions) -> Colouring
    colouring.by_category(title, values) -> Colouring                  # a str or None for each image
    colouring.by_number(title, values) -> Colouring                    # (n,): a channel or a column
    colouring.by_cluster(answer: ClusterAnswer, sample) -> Colouring   # with hulls and outliers
    colouring.Colouring.legend -> tuple[LegendEntry, ...]              # name, colour, count, for HTML
    jaccard.jaccard_figure(answer: ImageJaccard | ClassJaccard) -> Figure
    dendrogram.dendrogram_figure(answer: Hierarchy) -> Figure
    heatmap.heatmap_figure(heatmap: Heatmap, channel: int | None = None) -> Figure
    channel.channel_figure(detail: ChannelDetail) -> Figure
    empty.empty_figure(message: str) -> Figure
    theme.class_colours(n: int) -> tuple[str, ...]                     # "#rrggbb" of labels 0 … n-1

What every figure has
---------------------
- ``layout.meta.view``: ``scatterplot``, ``jaccard-images``, ``jaccard-classes``, ``hierarchy``, ``heatmap``,
  ``channel`` or ``empty``; ``layout.meta.alt``: a sentence for the graph's ``aria-label``;
  ``layout.meta.accent``: the colour of marks.
- ``trace.name`` says what a trace is: find it with ``gd.data.findIndex(t => t.name === "…")``, and name the
  trace of a point with ``gd.data[p.curveNumber].name``.
- Paper and plot are transparent; text has a middle grey that reads on both themes. CSS may overrule it with
  ``.js-plotly-plot .main-svg text:not(.heatmap-label text) {fill: … !important}``: the exception is numbers
  in cells, whose contrast with the cell plotly.js chooses.
- Hover text is off while ``plotly_hover`` and ``plotly_click`` still fire (``hoverinfo: "none"``); traces
  that are only decoration have ``hoverinfo: "skip"`` and never fire.
- No width or height: the figure fills its container. ``uirevision`` keeps the zoom while the geometry stays.
- ``layout.shapes`` is the page's: ``Plotly.relayout(gd, {shapes: […]})`` may replace it as a whole. Only
  ``heatmap_figure`` puts something there, the outline of the marked channel (``name: "marked-channel"``).
- Numbers travel as typed binary arrays. Read them from ``gd._fullData[i]`` (decoded), not from ``gd.data``;
  ``p.customdata`` is null for them.

From a point to images, classes and channels
--------------------------------------------
``p`` is an element of ``clickData.points``, ``hoverData.points`` or ``event.points``; ``meta`` is
``gd.layout.meta``. Dash hands on neither ``pointNumber`` of a heatmap's cell nor typed ``customdata``, so
cells are read from ``p.x`` and ``p.y``, points from ``p.pointNumber``.

scatterplot
    Trace ``points``, and ``hulls`` (decoration, empty without clusters). The image_id is
    ``gd._fullData[0].customdata[p.pointNumber]``, for ``selectedData`` too. Mark images
    from elsewhere with ``Plotly.restyle(gd, {selectedpoints: [indices]}, [0])``; clear with
    ``Plotly.update(gd, {selectedpoints: [null]}, {selections: []}, [0])``.
jaccard-images
    Trace ``matrix``: the images ``meta.image_ids[p.y]`` (row) and ``meta.image_ids[p.x]`` (column), of the
    classes ``meta.labels[p.y]`` and ``meta.labels[p.x]``. Trace ``strip-top``: position ``p.x`` alone;
    ``strip-left``: position ``p.y`` alone. Rows and columns have the same order; position i covers
    i - 0.5 … i + 0.5 on both axes.
jaccard-classes
    The same three traces over classes: ``meta.classes[p.y]`` and ``meta.classes[p.x]`` are labels.
hierarchy
    ``meta.leaves``: the labels from top to bottom. Traces ``nodes`` (inner nodes) and ``leaves``: the labels
    below a point are ``meta.leaves.slice(start, stop)``, with ``[start, stop]`` its custom data, read from
    ``gd._fullData``. Where leaves are parts of classes, ``meta.names`` and ``meta.images`` (the codec's form)
    are theirs in the same order.
heatmap
    Trace ``matrix``: channel ``Number(p.y)`` (the axis is of categories, named by channel), image
    ``meta.image_ids[p.x]``. Trace ``strip-top``: image ``meta.image_ids[p.x]``. Traces ``statistic`` (bars at
    the right), ``symbols`` (shared and marked channels), ``best-class`` and ``scores`` (columns of the
    scorecard): channel ``Number(p.y)``. ``meta.scores`` has title and largest value of each column,
    ``meta.best`` the best classes. ``meta.channels``: channels from top to bottom; shapes use the position in
    it as y (row i covers i - 0.5 … i + 0.5).
    ``meta.marked``: how many images at the left are marked ones; ``meta.shared``: the channels that the
    marked pair shares.
channel
    Trace ``images``: the image_id is ``gd._fullData[p.curveNumber].customdata[p.pointNumber]``. Trace
    ``medians``: the class label is read the same way.
"""
