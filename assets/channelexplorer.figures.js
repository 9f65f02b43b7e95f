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

  /**
   * Keep a button beside Plotly's that saves a figure as SVG, under the name that its config has for PNG.
   *
   * A config from a server holds no functions, and one that is changed here has Plotly draw all of it again.
   */
  page.keepSvgButton = function (gd) {
    const add = function () {
      const png = gd.querySelector(".modebar-btn[data-title]");
      if (!png || gd.querySelector(".ce-svg")) return;
      const svg = png.cloneNode(true);
      svg.classList.add("ce-svg");
      svg.dataset.title = "Download plot as an SVG";
      svg.setAttribute("aria-label", svg.dataset.title);
      const picture = svg.querySelector("svg");
      picture.setAttribute("viewBox", "0 0 16 16");
      picture.firstElementChild.removeAttribute("transform");
      picture.firstElementChild.setAttribute("d", "M2 2h12v8h-2V4H4v8h4v2H2zM10 10h2v3h2l-3 3-3-3h2z");
      svg.addEventListener("click", () =>
        Plotly.downloadImage(gd, { ...gd._context.toImageButtonOptions, format: "svg", scale: 1 })
      );
      png.after(svg);
    };
    gd.on("plotly_afterplot", add);
    add();
  };

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
    let drawn = false;
    const selected = function (event) {
      // Plotly also says what is selected when the page itself takes a lasso away: nobody drew that.
      drawn = Boolean(event && (event.lassoPoints || event.range));
      if (drawn) page.selectedIn = gd;
    };
    // Plotly rounds the outline when it keeps it, and chooses the points anew by what it has kept: near the outline
    // a point or two change sides. What is marked is to be what is seen.
    const relayout = function (change) {
      if (!drawn || !("selections" in change)) return;
      drawn = false;
      const { customdata, selectedpoints } = gd._fullData[0];
      page.send({ action: "select", images: page.encodeIndices((selectedpoints || []).map((i) => customdata[i])) });
    };
    gd._ceAlone = { plotly_selected: selected, plotly_relayout: relayout };
    page.listenAlone(gd);
  };

  /**
   * Take Dash's own listeners off. One copies every selected point into its state: seconds for thousands. The other
   * draws the whole figure anew after each outline.
   */
  page.listenAlone = function (gd) {
    Object.entries(gd._ceAlone || {}).forEach(function ([name, listener]) {
      gd.removeAllListeners(name);
      gd.on(name, listener);
    });
  };

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
