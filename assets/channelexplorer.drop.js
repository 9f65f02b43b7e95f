/* Files dropped anywhere on the page: the drop area covers the page while files are dragged over it. */
(function () {
  "use strict";
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const shared = (clientside.channelexplorer = clientside.channelexplorer || {});
  const carriesFiles = (event) => event.dataTransfer && Array.from(event.dataTransfer.types).includes("Files");
  // Entering a child leaves its parent: only when as many were left as entered, the page itself is left.
  let depth = 0;

  function show(on) {
    if (!on) depth = 0;
    document.body.classList.toggle("is-dropping", on);
  }

  document.addEventListener("dragenter", function (event) {
    if (!carriesFiles(event)) return;
    depth += 1;
    show(true);
  });
  document.addEventListener("dragleave", function (event) {
    if (carriesFiles(event) && --depth <= 0) show(false);
  });
  // Without this the browser would open the file in place of the page.
  document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  document.addEventListener("drop", function (event) {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(false);
  });

  // The upload component gives its field no name for screen readers, and is drawn some time after the page.
  new MutationObserver(function () {
    const field = document.querySelector(".ce-drop input:not([aria-label])");
    if (field) field.setAttribute("aria-label", field.closest("[aria-label]").getAttribute("aria-label"));
  }).observe(document.documentElement, { childList: true, subtree: true });

  /** Hand the files to the server, unless they are larger than it takes. */
  shared.takeFiles = function (contents, names) {
    if (!contents || !contents.length) return dash_clientside.no_update;
    const area = document.querySelector(".ce-new-images");
    const limit = Number(area.dataset.limitMb);
    // Four characters stand for three bytes.
    const size = contents.reduce((sum, content) => sum + content.length, 0) * 0.75 / 1e6;
    const n = Date.now();
    if (size > limit) {
      const said = `The dropped files have ${size.toFixed(1)} MB; ${limit} MB are allowed together.`;
      return { n: n, error: said + " Drop fewer, or scale them down." };
    }
    return { n: n, files: contents.map((content, i) => ({ name: names[i], content: content })) };
  };
})();
