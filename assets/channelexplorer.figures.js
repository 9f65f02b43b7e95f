/* From a point of a figure to images, classes and channels (see channelexplorer_dash/figures/__init__.py). */
(function () {
  "use strict";
  const page = (window.channelexplorer = window.channelexplorer || {});

  /** Return a Dash id as it stands in the DOM: dictionaries with their keys in order. */
  page.idText = function (id) {
    return typeof id === "string" ? id : JSON.stringify(id, Object.keys(id).sort());
  };

  page.metaOf = (gd) => (gd && gd.layout && gd.layout.meta) || {};
  page.traceName = (gd, point) => gd.data[point.curveNumber].name;

  /** Return the layer whose panel a graph stands in. */
  page.layerOf = (gd) => JSON.parse(gd.closest(".ce-graph").id).panel;

  let events = 0;
  /** Tell the callbacks in the browser what happened. */
  page.send = function (event) {
    events += 1;
    dash_clientside.set_props(page.ids().event, { data: { ...event, n: events } });
  };

  /** Listen to the clicks and lassos of one graph. */
  page.hookEvents = function (gd) {
    gd.on("plotly_click", (event) =>
      page.send({ action: "click", layer: page.layerOf(gd), meaning: page.meaningOf(gd, event.points[0]) })
    );
    gd.on("plotly_deselect", () => gd._ceClearing || page.send({ action: "select", images: "" }));
    gd._ceSelected = function (event) {
      // Plotly also says what is selected when the page itself takes a lasso away: nobody drew that.
      if (!event || !(event.lassoPoints || event.range)) return;
      page.selectedIn = gd;
      const custom = gd._fullData[0].customdata;
      page.send({ action: "select", images: page.encodeIndices(selectedOf(gd, event).map((i) => custom[i])) });
    };
    gd.on("plotly_selected", gd._ceSelected);
  };

  /** Take Dash's own listener off, which would copy every selected point into its state: seconds for thousands. */
  page.listenAlone = function (gd) {
    if (!gd._ceSelected) return;
    gd.removeAllListeners("plotly_selected");
    gd.on("plotly_selected", gd._ceSelected);
  };

  // Plotly rounds the outline when it keeps it, and fades the points anew by what it has kept: near the outline
  // a point or two change sides. What is marked is to be what is seen.
  function selectedOf(gd, event) {
    const kept = gd.layout.selections || [];
    if (kept.length !== 1) return event.points.map((point) => point.pointNumber);
    const { xaxis, yaxis } = gd._fullLayout;
    const { x, y } = gd._fullData[0];
    const contains = testerOf(cornersOf(kept[0]).map((corner) => [xaxis.r2p(corner[0]), yaxis.r2p(corner[1])]));
    const found = [];
    for (let i = 0; i < x.length; i += 1) if (contains(xaxis.c2p(x[i]), yaxis.c2p(y[i]))) found.push(i);
    return found;
  }

  function cornersOf({ type, path, x0, y0, x1, y1 }) {
    if (type === "rect") return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
    return path.slice(1, -1).split("L").map((corner) => corner.split(",").map(Number));
  }

  // A ray upwards from an inner point crosses the outline an odd number of times; a point of the outline is inside,
  // as Plotly has it.
  function testerOf(corners) {
    const sides = corners.map((corner, i) => [corner, corners[(i + 1) % corners.length]]);
    return function (x, y) {
      let inside = false;
      for (const [[x0, y0], [x1, y1]] of sides) {
        if (x < Math.min(x0, x1) || x > Math.max(x0, x1)) continue;
        const at = x0 === x1 ? Math.min(Math.max(y, Math.min(y0, y1)), Math.max(y0, y1)) : y0 + ((x - x0) * (y1 - y0)) / (x1 - x0);
        if (y === at) return true;
        if (y < at && x !== Math.min(x0, x1)) inside = !inside;
      }
      return inside;
    };
  }

  function customOf(gd, point) {
    const custom = gd._fullData[point.curveNumber].customdata;
    return custom ? custom[point.pointNumber] : undefined;
  }

  /** Say what a point of a figure stands for: {images}, {pair}, {labels} or {channel}; {} for decoration. */
  page.meaningOf = function (gd, point) {
    const meta = page.metaOf(gd);
    const reader = READERS[meta.view];
    return reader ? reader(gd, point, meta, page.traceName(gd, point)) : {};
  };

  const READERS = {
    scatterplot: (gd, point) => ({ images: [customOf(gd, point)] }),
    hierarchy: function (gd, point, meta) {
      const [start, stop] = customOf(gd, point) || [0, 0];
      if (!meta.images) return { labels: meta.leaves.slice(start, stop) };
      // Parts of classes bring their own images.
      const group = meta.images.slice(start, stop).flatMap(page.decodeIndices);
      return { group: group, names: meta.names.slice(start, stop) };
    },
    "jaccard-images": function (gd, point, meta, trace) {
      if (trace === "strip-top") return { labels: [meta.labels[point.x]] };
      if (trace === "strip-left") return { labels: [meta.labels[point.y]] };
      if (trace !== "matrix") return {};
      const [first, second] = [meta.image_ids[point.y], meta.image_ids[point.x]];
      return first === second ? { images: [first] } : { pair: [first, second] };
    },
    "jaccard-classes": function (gd, point, meta, trace) {
      if (trace === "strip-top") return { labels: [meta.classes[point.x]] };
      if (trace === "strip-left") return { labels: [meta.classes[point.y]] };
      if (trace !== "matrix") return {};
      return { labels: Array.from(new Set([meta.classes[point.y], meta.classes[point.x]])) };
    },
    heatmap: function (gd, point, meta, trace) {
      if (trace === "strip-top") return { images: [meta.image_ids[point.x]] };
      // The rows are categories that are named by their channels.
      const channel = Number(point.y);
      if (trace === "matrix") return { channel: channel, at: meta.image_ids[point.x] };
      const beside = ["statistic", "symbols", "scores", "best-class"];
      return beside.includes(trace) ? { channel: channel } : {};
    },
    channel: function (gd, point, meta, trace) {
      if (trace === "images") return { images: [customOf(gd, point)] };
      return trace === "medians" ? { labels: [customOf(gd, point)] } : {};
    },
  };
})();
