/* From a point of a figure to images, classes and channels (see channelexplorer_dash/figures/__init__.py). */
(function () {
  "use strict";
  const page = (window.channelexplorer = window.channelexplorer || {});

  /** Return the Plotly element of a graph by its Dash id, or null while it is not drawn. */
  page.graphOf = function (id) {
    const outer = document.getElementById(page.idText(id));
    return outer && outer.querySelector(".js-plotly-plot");
  };

  /** Return a Dash id as it stands in the DOM: dictionaries with their keys in order. */
  page.idText = function (id) {
    return typeof id === "string" ? id : JSON.stringify(id, Object.keys(id).sort());
  };

  page.metaOf = (gd) => (gd && gd.layout && gd.layout.meta) || {};
  page.traceName = (gd, point) => gd.data[point.curveNumber].name;

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
    hierarchy: (gd, point) => ({ labels: Array.from(customOf(gd, point) || []) }),
    "jaccard-images": function (gd, point, meta, trace) {
      if (trace === "strip-top") return { labels: [meta.labels[point.x]] };
      if (trace === "strip-left") return { labels: [meta.labels[point.y]] };
      if (trace !== "matrix") return {};
      const [first, second] = [meta.image_ids[point.y], meta.image_ids[point.x]];
      return first === second ? { images: [first] } : { pair: [first, second], value: point.z };
    },
    "jaccard-classes": function (gd, point, meta, trace) {
      if (trace === "strip-top") return { labels: [meta.classes[point.x]] };
      if (trace === "strip-left") return { labels: [meta.classes[point.y]] };
      if (trace !== "matrix") return {};
      return { labels: Array.from(new Set([meta.classes[point.y], meta.classes[point.x]])), value: point.z };
    },
    heatmap: function (gd, point, meta, trace) {
      if (trace === "strip-top") return { images: [meta.image_ids[point.x]] };
      // The rows are categories that are named by their channels.
      const channel = Number(point.y);
      if (trace === "matrix") return { channel: channel, at: meta.image_ids[point.x] };
      return trace === "statistic" || trace === "symbols" ? { channel: channel } : {};
    },
    channel: function (gd, point, meta, trace) {
      if (trace === "images") return { images: [customOf(gd, point)] };
      return trace === "medians" ? { labels: [customOf(gd, point)] } : {};
    },
  };
})();
