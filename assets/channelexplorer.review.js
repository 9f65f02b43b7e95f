/* Labels to review: the row that is looked at, and decisions by keys and buttons. */
(function () {
  "use strict";
  const page = (window.channelexplorer = window.channelexplorer || {});
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const shared = (clientside.channelexplorer = clientside.channelexplorer || {});

  const ACTIONS = { k: "keep", r: "relabel", f: "flag", u: "undo" };
  const LONGEST_HISTORY = 200;
  let looked = null;
  let decided = [];
  let events = 0;

  function rows() {
    const list = document.getElementById(page.ids().reviewList);
    return list && list.offsetParent ? Array.from(list.querySelectorAll(".ce-review-row")) : [];
  }

  const rowOf = (image) => rows().find((row) => row.dataset.markImage === image);

  /** Outline the row that is looked at: the first, where the list no longer has it. */
  function outline() {
    const all = rows();
    if (all.length && !rowOf(looked)) looked = all[0].dataset.markImage;
    all.forEach(function (row) {
      const is = row.dataset.markImage === looked;
      row.classList.toggle("is-current", is);
      row.setAttribute("aria-current", String(is));
    });
  }

  // The list is drawn after Dash has handed it over, and its rows are used again for other images.
  const observer = new MutationObserver(outline);

  shared.drawReview = function (_list, images) {
    const list = document.getElementById(page.ids().reviewList);
    observer.observe(list, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-mark-image"] });
    const trigger = dash_clientside.callback_context.triggered_id;
    const marked = page.decodeIndices(images || "");
    // A list that has just come is older than the mark that follows a decision.
    if (trigger !== page.ids().reviewList && marked.length === 1 && rowOf(String(marked[0]))) looked = String(marked[0]);
    outline();
    return dash_clientside.no_update;
  };

  function look(row) {
    looked = row.dataset.markImage;
    outline();
    row.scrollIntoView({ block: "nearest" });
    page.send({ action: "only", image: Number(looked) });
  }

  function step(by) {
    const all = rows();
    const at = all.findIndex((row) => row.dataset.markImage === looked);
    const next = all[at + by];
    if (next) look(next);
    return Boolean(next);
  }

  function decide(action) {
    const row = rowOf(looked);
    const image = action === "undo" && decided.length ? decided.pop() : looked;
    if (!row && action !== "undo") return;
    events += 1;
    const proposed = row ? Number(row.dataset.proposed) : null;
    const data = { action: action, image: Number(image), proposed: proposed, n: events };
    dash_clientside.set_props(page.ids().reviewEvent, { data: data });
    if (action === "undo") {
      looked = image;
      return;
    }
    decided = [...decided.slice(1 - LONGEST_HISTORY), image];
    if (!step(1)) step(-1);
  }

  /** Act on a key; tell whether it was one of the review's. */
  page.reviewKey = function (event) {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (!rows().length || event.target.closest("select, input, [role=radiogroup]")) return false;
    if (steps[event.key]) step(steps[event.key]);
    else if (ACTIONS[event.key] && !event.shiftKey) decide(ACTIONS[event.key]);
    else return false;
    return true;
  };

  document.addEventListener("click", function (event) {
    const row = event.target.closest(".ce-review-row");
    const button = event.target.closest("[data-review], [data-review-page]");
    if (row) {
      looked = row.dataset.markImage;
      outline();
    } else if (button && button.dataset.review) {
      decide(button.dataset.review);
    } else if (button) {
      dash_clientside.set_props(page.ids().reviewPage, { data: Number(button.dataset.reviewPage) });
    }
  });
})();
