/* The marks as they are drawn in every figure: geometry is sent once, and restyled here. */
(function () {
  "use strict";
  const page = (window.channelexplorer = window.channelexplorer || {});
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const shared = (clientside.channelexplorer = clientside.channelexplorer || {});

  const MOST_RINGS = 40;
  const RING = 6;
  const RETRIES = 100;
  const RETRY_MILLISECONDS = 100;
  let drawn = { key: "", images: new Set(), labels: new Set(), channel: null };
  let labelOf = new Map();

  /** Draw the marks in every graph; graphs that are not there yet follow as soon as they are. */
  shared.drawMarks = function (marks, sample) {
    if (!marks || !sample) return dash_clientside.no_update;
    labelOf = labelsOfImages(sample);
    const images = page.decodeIndices(marks.images);
    drawn = {
      key: JSON.stringify(marks),
      images: new Set(images),
      labels: new Set(images.map((image) => labelOf.get(image))),
      channel: marks.channel,
    };
    page.marksDrawn = drawn;
    visitGraphs(RETRIES);
    return dash_clientside.no_update;
  };

  let sampleRead = null;
  function labelsOfImages(sample) {
    if (sampleRead === sample) return labelOf;
    sampleRead = sample;
    page.className = new Map(sample.labels.map((label, i) => [label, sample.names[i]]));
    const found = new Map();
    sample.labels.forEach((label, i) =>
      page.decodeIndices(sample.images[i]).forEach((image) => found.set(image, label))
    );
    return found;
  }

  page.nameOfImage = (image) => page.className.get(labelOf.get(image));

  function visitGraphs(retries) {
    let missing = false;
    document.querySelectorAll(".ce-graph").forEach(function (outer) {
      const gd = outer.querySelector(".js-plotly-plot");
      if (gd && gd.on && gd._fullData) {
        hook(gd);
        draw(gd);
      } else {
        missing = true;
      }
    });
    if (missing && retries) window.setTimeout(() => visitGraphs(retries - 1), RETRY_MILLISECONDS);
  }

  function hook(gd) {
    if (gd._ceHooked) return;
    gd._ceHooked = true;
    page.keepSvgButton(gd);
    gd.on("plotly_afterplot", () => draw(gd));
    page.hookEvents(gd);
    page.hookHover(gd);
  }

  /** Draw the marks in one graph, unless they are drawn in it as it is. */
  function draw(gd) {
    const meta = page.metaOf(gd);
    const painter = PAINTERS[meta.view];
    page.listenAlone(gd);
    if (!painter || (gd._ceKey === drawn.key && gd._ceData === gd.data)) return;
    gd._ceKey = drawn.key;
    gd._ceData = gd.data;
    if (meta.alt) describe(gd, meta.alt);
    painter(gd, meta);
  }

  function describe(gd, text) {
    gd.setAttribute("role", "img");
    gd.setAttribute("aria-label", text);
  }

  const PAINTERS = {
    scatterplot: function (gd) {
      const points = drawn.images.size ? pointsOf(gd) : [];
      const rings = points.length <= MOST_RINGS ? ringsAround(gd, points) : [];
      const layout = rings.length || (gd.layout.shapes || []).length ? { shapes: rings } : {};
      const isOwn = gd === page.selectedIn;
      if (!isOwn && (gd.layout.selections || []).length) layout.selections = [];
      const traces = isOwn && isSelected(gd, points) ? {} : { selectedpoints: [drawn.images.size ? points : null] };
      redraw(gd, traces, layout);
    },
    "jaccard-images": (gd, meta) => outlineSquare(gd, meta.image_ids, drawn.images),
    "jaccard-classes": (gd, meta) => outlineSquare(gd, meta.classes, drawn.labels),
    heatmap: function (gd, meta) {
      const channel = drawn.channel && drawn.channel.layer === page.layerOf(gd) ? drawn.channel.channel : null;
      const row = meta.channels.indexOf(channel);
      const last = meta.image_ids.length - 0.5;
      outline(gd, row < 0 ? null : { type: "rect", x0: -0.5, x1: last, y0: row - 0.5, y1: row + 0.5 });
    },
  };

  // Where the lasso was drawn, Plotly has faded the other points itself: for many of them that takes a while.
  function isSelected(gd, points) {
    const selected = gd._fullData[0].selectedpoints;
    return Boolean(selected) && selected.length === points.length && points.every((point, i) => selected[i] === point);
  }

  function pointsOf(gd) {
    const custom = gd._fullData[0].customdata;
    const points = [];
    for (let i = 0; i < custom.length; i += 1) if (drawn.images.has(custom[i])) points.push(i);
    return points;
  }

  // All in one call, as each draws the plot anew.
  function redraw(gd, traces, layout) {
    if (!Object.keys(traces).length && !Object.keys(layout).length) return;
    // Plotly says that the lasso was cleared, which is no wish of the person's.
    gd._ceClearing = Boolean(layout.selections);
    Plotly.update(gd, traces, layout, [0]).finally(() => window.setTimeout(() => (gd._ceClearing = false)));
  }

  // A few points would drown among thousands, even faded ones.
  function ringsAround(gd, points) {
    const { x, y } = gd._fullData[0];
    const size = { x0: -RING, x1: RING, y0: -RING, y1: RING, xsizemode: "pixel", ysizemode: "pixel" };
    const line = { color: page.metaOf(gd).accent, width: 1.5 };
    const rings = points.map((point) => ({ type: "circle", xanchor: x[point], yanchor: y[point], ...size, line: line }));
    // Plotly reads the next lasso in the units of the shape that it has drawn last, so this is not to be in pixels.
    const last = points.slice(-1).map(function (point) {
      return { type: "line", x0: x[point], x1: x[point], y0: y[point], y1: y[point], line: { width: 0 } };
    });
    return [...rings, ...last];
  }

  function outlineSquare(gd, items, marked) {
    const runs = runsOf(items, marked);
    const whole = [-0.5, items.length - 0.5];
    const boxes = runs.flatMap((run) => [boxPath(run, whole), boxPath(whole, run)]);
    outline(gd, boxes.length ? { type: "path", path: boxes.join(" ") } : null);
  }

  /** Return the [start, end] edges of runs of marked items. */
  function runsOf(items, marked) {
    const runs = [];
    items.forEach(function (item, position) {
      if (!marked.has(item)) return;
      const last = runs[runs.length - 1];
      if (last && last[1] === position - 0.5) last[1] = position + 0.5;
      else runs.push([position - 0.5, position + 0.5]);
    });
    return runs;
  }

  const boxPath = ([left, right], [top, bottom]) => `M${left},${top}H${right}V${bottom}H${left}Z`;

  // One shape, however many boxes: plotly.js draws shapes one by one, and without the matrix.
  function outline(gd, shape) {
    if (!shape && !(gd.layout.shapes || []).length) return;
    const line = { color: page.metaOf(gd).accent, width: 1.5 };
    Plotly.relayout(gd, { shapes: shape ? [{ ...shape, line: line, fillcolor: "rgba(0,0,0,0)" }] : [] });
  }
})();
