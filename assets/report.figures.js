/* A report's figures: drawn from the JSON beside them, with names under the pointer. */
(function () {
  "use strict";
  const page = window.channelexplorer;
  const sample = JSON.parse(document.querySelector(".ce-sample").textContent);
  const labelOf = new Map();
  page.className = new Map(sample.labels.map((label, i) => [label, sample.names[i]]));
  sample.labels.forEach((label, i) => page.decodeIndices(sample.images[i]).forEach((image) => labelOf.set(image, label)));
  page.nameOfImage = (image) => page.className.get(labelOf.get(image)) + " · image " + image;

  document.querySelectorAll(".ce-report .ce-graph").forEach(function (box) {
    const { figure, config } = JSON.parse(box.querySelector("script").textContent);
    const gd = box.querySelector(".ce-drawn");
    Plotly.newPlot(gd, figure.data, figure.layout, config).then(function () {
      page.hookHover(gd);
      page.keepSvgButton(gd);
    });
  });

  // Paper is narrower than the window.
  const fit = () => document.querySelectorAll(".ce-drawn").forEach((gd) => Plotly.Plots.resize(gd));
  window.addEventListener("beforeprint", fit);
  window.addEventListener("afterprint", fit);
})();
