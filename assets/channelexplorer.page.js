/* The page around the figures: address, theme, keys, layers, classes and status lines. */
(function () {
  "use strict";
  const page = (window.channelexplorer = window.channelexplorer || {});
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const shared = (clientside.channelexplorer = clientside.channelexplorer || {});
  const keep = () => dash_clientside.no_update;

  /** Return the ids of the parts that this script touches, by name, as the layout hands them over. */
  page.ids = function () {
    const shell = document.querySelector("[data-ids]");
    return shell ? JSON.parse(shell.dataset.ids) : {};
  };

  /* The address ---------------------------------------------------------------------------------- */

  // What the page was built for, or has written since: an address that equals it needs no new page.
  let current = null;
  let writtenLayers = null;
  let routes = 0;

  /** Tell whether this page is one of two frames side by side: the window's address is not its own. */
  const framed = () => new URLSearchParams(window.location.search).get("show") === "panels";

  /** Write the address without a new page; `step` makes a new entry of the history. */
  page.writeAddress = function (query, step) {
    if (query === current) return;
    current = query;
    window.history[step && !framed() ? "pushState" : "replaceState"](window.history.state, "", query);
  };

  /** Say for which address the page is to be built: the browser's, or one that a control or Back asks for. */
  shared.route = function (search, asked) {
    const trigger = dash_clientside.callback_context.triggered[0];
    const isAsked = trigger && trigger.prop_id.startsWith(page.ids().asked + ".");
    const wanted = (isAsked ? asked : search) || "";
    if (isAsked && wanted !== window.location.search) {
      window.history[framed() ? "replaceState" : "pushState"](null, "", wanted);
    }
    if (wanted === current) return keep();
    current = wanted;
    writtenLayers = null;
    routes += 1;
    page.forgetMarks();
    return { search: wanted, n: routes };
  };

  // A link is read only up to a length: what has many images comes last, and is left out where it is too long.
  function queryOf(marks, layers, view, ablated, groups, looks) {
    const app = document.querySelector(".ce-app");
    const query = new URLSearchParams(app.dataset.query);
    if (view.top_fraction !== Number(app.dataset.share)) query.set("top_fraction", view.top_fraction);
    layers.forEach((layer) => query.append("layer", layer));
    JSON.parse(app.dataset.looks).forEach(function ([name, plain], i) {
      if (looks[i] && looks[i] !== plain) query.append(name, looks[i]);
    });
    const { channel, pair } = marks;
    if (channel) query.append("channel", channel.layer + ":" + channel.channel);
    if (pair) query.append("pair", [pair.layer, pair.first, pair.second].join(":"));
    if (ablated) query.append("ablate", [ablated.layer, ablated.fill, ablated.channels].join(":"));
    const images = [["contrast", groups && [groups.layer, groups.first, groups.second].join(":")], ["images", marks.images]];
    page.linkLacks = [];
    images.forEach(function ([name, value]) {
      if (!value) return;
      query.append(name, value);
      if (String(query).length + 1 <= Number(app.dataset.queryLimit)) return;
      query.delete(name);
      page.linkLacks.push(name === "images" ? "the marked images" : "the groups told apart");
    });
    return "?" + query;
  }

  /** Keep the address up to date; opening or closing a panel makes a new entry of the history. */
  shared.writeUrl = function (marks, layers, view, ablated, groups, ...looks) {
    if (!marks || !layers || !view || !document.querySelector(".ce-app")) return keep();
    const query = queryOf(marks, layers, view, ablated, groups, looks);
    const opened = JSON.stringify(layers);
    const step = writtenLayers && writtenLayers !== "[]" && writtenLayers !== opened;
    writtenLayers = opened;
    page.writeAddress(query, step);
    if (framed()) window.parent.postMessage({ query: query }, window.location.origin);
    return keep();
  };

  window.addEventListener("popstate", function () {
    dash_clientside.set_props(page.ids().asked, { data: window.location.search });
  });

  /** Copy the address, which restores exactly what is seen. */
  shared.share = function (clicks) {
    if (!clicks) return keep();
    const lacks = (page.linkLacks || []).join(" and ");
    const done = lacks ? "Link copied, without " + lacks + ": they are too many" : "Link copied";
    window.setTimeout(() => dash_clientside.set_props(page.ids().shared, { children: "" }), 3000);
    return copy(window.location.href).then(
      () => done,
      () => "Copy the address from the address bar"
    );
  };

  function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    // Without HTTPS browsers have no clipboard interface.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied ? Promise.resolve() : Promise.reject(new Error("not copied"));
  }

  /* The active share ------------------------------------------------------------------------------- */

  // A slider that is moved sends many values: the last one counts, a moment after it.
  const SHARE_MILLISECONDS = 250;
  let shares = 0;

  shared.chooseShare = function (percent, view) {
    const share = Math.round(Number(percent) * 100) / 10000;
    shares += 1;
    const own = shares;
    if (!view || !(share > 0 && share <= 1)) return keep();
    return new Promise(function (resolve) {
      const settled = () => own === shares && share !== view.top_fraction;
      window.setTimeout(() => resolve(settled() ? { ...view, top_fraction: share } : keep()), SHARE_MILLISECONDS);
    });
  };

  shared.showShare = (percent) => Number(percent) + " %";

  /* Theme, help and keys --------------------------------------------------------------------------- */

  function applyTheme(theme) {
    document.documentElement.dataset.bsTheme = theme;
  }

  function firstTheme() {
    try {
      const kept = JSON.parse(window.localStorage.getItem("ce-theme"));
      if (kept === "dark" || kept === "light") return kept;
    } catch (error) {
      // Storage may be blocked: the system's preference is taken.
    }
    return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  applyTheme(firstTheme());

  // A frame follows the page around it, and so does every other tab.
  window.addEventListener("storage", (event) => event.key === "ce-theme" && applyTheme(firstTheme()));

  shared.toggleTheme = function (clicks) {
    if (!clicks) return keep();
    const next = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
    applyTheme(next);
    return next;
  };

  shared.toggleHelp = function (clicks, event, open) {
    const trigger = dash_clientside.callback_context.triggered[0];
    const byKey = trigger && trigger.prop_id.startsWith(page.ids().event + ".");
    return (byKey ? event && event.action === "help" : clicks) ? !open : keep();
  };

  const writes = (target) => target.closest("input:not([type=radio]):not([type=checkbox]), textarea, [contenteditable]");

  // Before anything else: the button of a menu keeps the key to itself, whether or not the menu is open.
  window.addEventListener(
    "keydown",
    function (event) {
      if (event.key !== "Escape" || !document.querySelector(".ce-app")) return;
      page.hideTip();
      if (document.querySelector(".popover, .offcanvas.show, .modal.show, .dropdown-menu.show")) return;
      if (writes(event.target)) event.target.blur();
      else page.send({ action: "clear" });
    },
    true
  );

  window.addEventListener("keydown", function (event) {
    if (!document.querySelector(".ce-app")) return;
    const control = event.ctrlKey || event.metaKey;
    if (writes(event.target)) return;
    if (control && !event.shiftKey && event.key.toLowerCase() === "z") page.send({ action: "undo" });
    else if (control || event.altKey) return;
    else if (page.reviewKey(event)) return event.preventDefault();
    else if (event.key === "?") page.send({ action: "help" });
    else if (event.key === "/") document.getElementById(page.ids().layerFilter).focus();
    else return;
    event.preventDefault();
  });

  /* Layers and classes ------------------------------------------------------------------------------- */

  /** Mark the rows of open layers, and hide those that the filter does not name. */
  shared.drawLayers = function (open, rows, wanted, ids) {
    const opened = new Set(open || []);
    const text = (wanted || "").trim().toLowerCase();
    const names = ids.map((id) => id.panel);
    return [
      names.map(function (name) {
        const hidden = text && !name.toLowerCase().includes(text) ? " d-none" : "";
        return "ce-layer" + (opened.has(name) ? " is-open" : "") + hidden;
      }),
      names.map((name) => String(opened.has(name))),
    ];
  };

  shared.zoomGraph = (zoom) => ({ "--ce-zoom": zoom || 1 });

  // Every second click makes it small again; so does the list.
  shared.enlargeGraph = function (clicks, as) {
    const large = as === "graph" && clicks % 2 === 1;
    return ["ce-section ce-layers" + (large ? " is-large" : ""), large ? "Reduce" : "Enlarge"];
  };

  shared.chooseClasses = function (all, none, options) {
    const trigger = dash_clientside.callback_context.triggered_id;
    if (!trigger || !(all || none)) return keep();
    return trigger === page.ids().classesAll ? options.map((option) => option.value) : [];
  };

  const CLASS_FRAMES = 300;

  /** Put the colour and the number of images beside the name of every class, as soon as the names are drawn. */
  function besideClasses(frames) {
    const list = document.getElementById(page.ids().classes);
    if (!list) return;
    const { colours, counts } = list.parentElement.dataset;
    const [colourOf, countOf] = [JSON.parse(colours), JSON.parse(counts)];
    const rows = list.querySelectorAll(".form-check");
    if (rows.length !== countOf.length) {
      if (frames) window.requestAnimationFrame(() => besideClasses(frames - 1));
      return;
    }
    rows.forEach(function (row, label) {
      row.style.setProperty("--ce-swatch", colourOf[label]);
      row.dataset.count = countOf[label].toLocaleString("en");
      row.title = row.textContent;
      row.querySelector("input").title = row.dataset.count + " images";
    });
  }

  shared.drawClasses = function () {
    window.requestAnimationFrame(() => besideClasses(CLASS_FRAMES));
    return keep();
  };

  document.addEventListener("input", function (event) {
    const known = page.ids();
    if (event.target.id !== known.classFilter) return;
    const text = event.target.value.trim().toLowerCase();
    document.getElementById(known.classes).querySelectorAll(".form-check").forEach(function (row) {
      row.hidden = Boolean(text) && !row.textContent.toLowerCase().includes(text);
    });
  });

  // A layer that is open already is shown rather than opened again.
  document.addEventListener("click", function (event) {
    const row = event.target.closest(".ce-layer.is-open");
    if (!row) return;
    const id = { ...JSON.parse(row.id), view: "panel", part: "root" };
    const panel = document.getElementById(page.idText(id));
    if (panel) panel.scrollIntoView({ behavior: "smooth", block: "nearest" });
  });

  // A cell of the layers × measures table opens its layer as the layer's own row does.
  document.addEventListener("click", function (event) {
    const cell = event.target.closest(".ce-cell[data-layer], .ce-opens-layer[data-layer]");
    if (!cell) return;
    const row = document.getElementById(page.idText({ panel: cell.dataset.layer, part: "row", view: "layers" }));
    if (!row) return;
    dash_clientside.set_props(page.ids().measuresPanel, { is_open: false });
    dash_clientside.set_props(page.ids().comparePanel, { is_open: false });
    row.click();
  });

  /* Status lines --------------------------------------------------------------------------------------- */

  // How long a line waits for an answer before it asks again: the network may be down for a while.
  const SILENCE_MILLISECONDS = 15000;
  const beats = new Map();

  /** Ask for a line's state again some time after its last answer. */
  function beat(id, milliseconds) {
    const line = page.idText({ ...id, part: "status" });
    window.clearTimeout(beats.get(line));
    const ask = function () {
      if (!document.getElementById(line)) return;
      dash_clientside.set_props({ ...id, part: "tick" }, { data: Date.now() });
      beat(id, SILENCE_MILLISECONDS);
    };
    beats.set(line, window.setTimeout(ask, milliseconds));
  }

  function keepAsking(id, state) {
    if (!state) beat(id, SILENCE_MILLISECONDS);
    else if (state.phase === "busy") beat(id, Number(document.querySelector("[data-poll]").dataset.poll));
    else window.clearTimeout(beats.get(page.idText({ ...id, part: "status" })));
  }

  shared.drawStatus = function (state) {
    keepAsking(dash_clientside.callback_context.outputs_list[0].id, state);
    if (!state) return Array(6).fill(keep());
    const done = state.total ? Math.round((100 * state.done) / state.total) : 0;
    const counted = state.total ? " " + state.done.toLocaleString("en") + " of " + state.total.toLocaleString("en") : "";
    const label = {
      busy: (state.label || "Computing") + counted,
      cancelled: "Cancelled",
      failed: state.label || "This could not be computed.",
    }[state.phase];
    return [
      "ce-status is-" + state.phase,
      label || "",
      { width: done + "%" },
      String(done),
      "ce-progress" + (state.total ? "" : " is-unknown"),
      state.phase === "failed" ? "Retry" : "Compute again",
    ];
  };

  // What was drawn stays in sight, paler, while it is computed anew.
  shared.drawCard = function (version, before) {
    if (version) return "ce-view";
    return "ce-view " + (before && !before.includes("is-waiting") ? "is-stale" : "is-waiting");
  };

  let controls = 0;
  /** Turn a click on Cancel or Compute again into what all lines that wait for the same job are told. */
  shared.controlJobs = function (cancels, retries, states, ids) {
    const trigger = dash_clientside.callback_context.triggered[0];
    const id = dash_clientside.callback_context.triggered_id;
    if (!trigger || !trigger.value || !id) return keep();
    const line = ids.findIndex((other) => other.view === id.view && other.panel === id.panel);
    controls += 1;
    const key = states[line] && states[line].key;
    return id.part === "cancel" ? { action: "cancel", key: key, n: controls } : { action: "retry", n: controls };
  };
})();
