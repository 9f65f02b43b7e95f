/* Two pages of the same dataset, each with the model that the other is compared with: marked images are shared. */
(function () {
  "use strict";
  const page = (window.channelexplorer = window.channelexplorer || {});
  if (!window.BroadcastChannel) return;
  const channel = new window.BroadcastChannel("channelexplorer");

  /** Return what this page shows, and what it compares it with; null without a page. */
  function looking() {
    const app = document.querySelector(".ce-app");
    if (!app) return null;
    const query = new URLSearchParams(app.dataset.query);
    const other = new URLSearchParams(window.location.search).get("compare");
    return { media: app.dataset.media, model: query.get("model"), compare: other };
  }

  /** Tell the page of the other model which images are marked here. */
  page.tellTwin = function (images) {
    const own = looking();
    if (own && own.compare) channel.postMessage({ ...own, images: images });
  };

  channel.addEventListener("message", function (event) {
    const own = looking();
    const sent = event.data || {};
    // The thumbnails' address names the application and the dataset.
    const twin = own && sent.media === own.media && sent.model === own.compare && sent.compare === own.model;
    if (twin && typeof sent.images === "string") page.send({ action: "twin", images: sent.images });
  });
})();
