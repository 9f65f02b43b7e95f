/* Two models side by side: what is chosen above the two frames is told to both, and the address follows them. */
(function () {
  "use strict";
  const page = (window.channelexplorer = window.channelexplorer || {});
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const shared = (clientside.channelexplorer = clientside.channelexplorer || {});
  const frames = () => Array.from(document.querySelectorAll(".ce-side-frame"));

  const isBuilt = (frame) => Boolean(frame.contentWindow.document.querySelector(".ce-app"));

  /** Return what a frame shows, or is about to. */
  function queryOf(frame) {
    return new URLSearchParams(frame.contentWindow.location.search || frame.src.slice(frame.src.indexOf("?")));
  }

  /** Build a frame's page anew for a query: without loading it again, where it is there. */
  function ask(frame, query) {
    const inner = frame.contentWindow;
    if (isBuilt(frame)) inner.dash_clientside.set_props(inner.channelexplorer.ids().asked, { data: "?" + query });
    else inner.location.replace(window.location.pathname + "?" + query);
  }

  /** Tell both frames which layer they show, and how panels are drawn. */
  shared.tellFrames = function (first, second, looks, ids) {
    const plain = JSON.parse(document.querySelector("[data-plain]").dataset.plain);
    frames().forEach(function (frame, i) {
      const query = queryOf(frame);
      const before = String(query);
      const layer = [first, second][i];
      if (layer && layer !== query.get("layer")) {
        query.set("layer", layer);
        // A channel and a pair are of a layer that is shown no more.
        query.delete("channel");
        query.delete("pair");
      }
      ids.forEach(function (id, at) {
        if (looks[at] === plain[id.panel]) query.delete(id.panel);
        else query.set(id.panel, looks[at]);
      });
      if (String(query) !== before) ask(frame, query);
    });
    return dash_clientside.no_update;
  };

  /** Write what both frames show to the window's own address, which restores it. */
  function writeSide([first, second]) {
    const query = queryOf(first);
    query.delete("show");
    document.getElementById(page.ids().sideBack).search = "?" + query;
    query.set("show", "side");
    query.set("beside", queryOf(second).get("layer"));
    const limit = Number(document.querySelector(".ce-side-page").dataset.queryLimit);
    page.linkLacksImages = first.contentWindow.channelexplorer.linkLacksImages || String(query).length + 1 > limit;
    if (page.linkLacksImages) query.delete("images");
    page.writeAddress("?" + query, false);
  }

  /* Marking is undone in the first frame, which tells the second. A channel is cleared in each. */
  const send = (frame, action) => isBuilt(frame) && frame.contentWindow.channelexplorer.send({ action: action });
  const undo = () => send(frames()[0], "undo");
  const clear = () => frames().forEach((frame) => send(frame, "clear"));

  document.addEventListener("click", function (event) {
    const button = event.target.closest("button");
    if (!button || !frames().length) return;
    if (button.id === page.ids().sideUndo) undo();
    if (button.id === page.ids().sideClear) clear();
  });

  window.addEventListener("keydown", function (event) {
    if (!frames().length || document.querySelector(".popover")) return;
    if (event.key === "Escape") clear();
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") undo();
  });

  window.addEventListener("message", function (event) {
    if (event.origin !== window.location.origin) return;
    const both = frames();
    if (both.some((frame) => frame.contentWindow === event.source)) writeSide(both);
  });
})();
