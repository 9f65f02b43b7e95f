/* What the pointer is over: thumbnails and names, in a tooltip beside it. */
(function () {
  "use strict";
  const page = (window.channelexplorer = window.channelexplorer || {});
  const GAP = 14;
  let tip = null;

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function picture(image) {
    const box = element("figure", "ce-tip-image");
    const media = document.querySelector(".ce-app").dataset.media;
    // A report has no server to ask for pictures.
    if (media) {
      const img = element("img");
      img.src = media + image + "?size=96";
      img.alt = "";
      box.append(img);
    }
    box.append(element("figcaption", "", page.nameOfImage(image) || ""));
    return box;
  }

  function contentOf(gd, point) {
    const meaning = page.meaningOf(gd, point);
    const images = meaning.pair || meaning.images || (meaning.at !== undefined ? [meaning.at] : []);
    const parts = images.map(picture);
    if (meaning.channel !== undefined) parts.push(element("div", "ce-tip-text", "Channel " + meaning.channel));
    const named = meaning.names || (meaning.labels || []).map((label) => page.className.get(label));
    if (named.length) {
      const names = named;
      const shown = names.slice(0, 6).join(", ") + (names.length > 6 ? ", …" : "");
      parts.push(element("div", "ce-tip-text", shown));
    }
    const value = valueOf(gd, point) || scoreOf(gd, point);
    if (value) parts.push(element("div", "ce-tip-text", value));
    return parts;
  }

  /** Return what a cell of the scorecard's columns says, or "" where the point is none. */
  function scoreOf(gd, point) {
    const meta = page.metaOf(gd);
    const trace = page.traceName(gd, point);
    if (trace === "best-class") return "Best for " + page.className.get(meta.best[meta.channels.indexOf(Number(point.y))]);
    if (trace !== "scores") return "";
    const [title, largest] = meta.scores[point.x - 1];
    return title + " " + ((point.z / 255) * largest).toFixed(2);
  }

  /** Return the number that a cell shows, or "" where the point is no cell. */
  function valueOf(gd, point) {
    if (page.traceName(gd, point) !== "matrix") return "";
    // Cells travel as levels of 0 to 255; the colour bar's ticks say what they stand for.
    const { tickvals, ticktext } = gd._fullData[point.curveNumber].colorbar;
    if (!tickvals || tickvals.length < 2) return "";
    const numbers = Array.from(ticktext, (text) => Number(text.replace(/^[^\d.-]+/, "")));
    const last = numbers.length - 1;
    const slope = (numbers[last] - numbers[0]) / (tickvals[last] - tickvals[0]);
    const value = numbers[0] + (point.z - tickvals[0]) * slope;
    const name = (page.metaOf(gd).view || "").startsWith("jaccard") ? "Jaccard " : "Activation ";
    return name + value.toFixed(2);
  }

  function show(gd, event) {
    const parts = contentOf(gd, event.points[0]);
    // Plotly says late what the pointer was over; it may have left by then.
    if (!parts.length || !event.event || !gd.matches(":hover")) return hide();
    tip = tip || document.body.appendChild(element("div", "ce-tip"));
    tip.replaceChildren(...parts);
    tip.hidden = false;
    const { clientX, clientY } = event.event;
    const right = clientX + GAP + tip.offsetWidth > window.innerWidth;
    const below = clientY + GAP + tip.offsetHeight > window.innerHeight;
    tip.style.left = Math.max(0, right ? clientX - GAP - tip.offsetWidth : clientX + GAP) + "px";
    tip.style.top = Math.max(0, below ? clientY - GAP - tip.offsetHeight : clientY + GAP) + "px";
    return undefined;
  }

  function hide() {
    if (tip) tip.hidden = true;
  }
  // The pointer may leave a frame faster than the figure in it learns.
  document.documentElement.addEventListener("mouseleave", hide);
  page.hideTip = hide;

  /* A channel's activation map is computed for the image when it is asked for: until it is, the server has no
     picture, and the browser asks again. */
  const OVERLAY_RETRIES = 400;
  const OVERLAY_MILLISECONDS = 1500;

  const isOverlay = (target) => target.classList && target.classList.contains("ce-overlay");

  window.addEventListener("load", (event) => isOverlay(event.target) && event.target.classList.add("is-loaded"), true);
  window.addEventListener(
    "error",
    function (event) {
      const image = event.target;
      if (!isOverlay(image)) return;
      const retries = Number(image.dataset.retries || 0) + 1;
      image.dataset.retries = retries;
      const ask = () => image.isConnected && image.setAttribute("src", image.getAttribute("src"));
      if (retries <= OVERLAY_RETRIES) window.setTimeout(ask, OVERLAY_MILLISECONDS);
    },
    true
  );

  page.hookHover = function (gd) {
    gd.on("plotly_hover", (event) => show(gd, event));
    gd.on("plotly_unhover", hide);
    gd.addEventListener("mouseleave", hide);
  };
})();
