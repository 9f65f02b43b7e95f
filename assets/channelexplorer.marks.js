/* What is marked: one reducer from clicks, lassos and keys to the marks, with undo. */
(function () {
  "use strict";
  const page = (window.channelexplorer = window.channelexplorer || {});
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const shared = (clientside.channelexplorer = clientside.channelexplorer || {});

  const NOTHING = { images: "", channel: null, pair: null };
  const LONGEST_HISTORY = 100;
  let history = [];
  let adding = false;

  // Clicks with Shift, Ctrl or Cmd add an image or take it away.
  window.addEventListener(
    "pointerdown",
    (event) => (adding = event.shiftKey || event.ctrlKey || event.metaKey),
    true
  );

  page.forgetMarks = function () {
    history = [];
    page.selectedIn = null;
  };

  function imagesOfLabels(sample, labels) {
    const wanted = new Set(labels);
    return sample.labels.flatMap((label, i) => (wanted.has(label) ? page.decodeIndices(sample.images[i]) : []));
  }

  function withImages(marks, images) {
    return { ...marks, images: page.encodeIndices(images), pair: null };
  }

  function withOneImage(marks, image) {
    if (!adding) return withImages(marks, [image]);
    const images = new Set(page.decodeIndices(marks.images));
    if (!images.delete(image)) images.add(image);
    return withImages(marks, images);
  }

  function withChannel(marks, layer, channel) {
    const same = marks.channel && marks.channel.layer === layer && marks.channel.channel === channel;
    return { ...marks, channel: same ? null : { layer: layer, channel: channel } };
  }

  function withMeaning(marks, meaning, layer, sample) {
    if (meaning.channel !== undefined) return withChannel(marks, layer, meaning.channel);
    if (meaning.group) return withImages(marks, meaning.group);
    if (meaning.labels) return withImages(marks, imagesOfLabels(sample, meaning.labels));
    if (meaning.images) return withOneImage(marks, meaning.images[0]);
    if (!meaning.pair) return marks;
    const [first, second] = meaning.pair;
    return { ...withImages(marks, meaning.pair), pair: { layer: layer, first: first, second: second } };
  }

  /** Return the marks after one event, or the same object where nothing changes. */
  page.reduce = function (marks, event, sample) {
    if (event.action === "clear") return NOTHING;
    if (event.action === "undo") return history.pop() || marks;
    if (event.action === "select") return withImages(marks, page.decodeIndices(event.images));
    if (event.action === "twin") return withImages(marks, page.decodeIndices(event.images));
    if (event.action === "group") return withImages(marks, page.decodeIndices(event.images));
    if (event.action === "click") return withMeaning(marks, event.meaning, event.layer, sample);
    if (event.action === "only") return withImages(marks, [event.image]);
    if (event.action === "image") return withOneImage(marks, event.image);
    if (event.action === "channel") return withChannel(marks, event.layer, event.channel);
    return marks;
  };

  function readEvent(trigger) {
    const split = trigger.prop_id.lastIndexOf(".");
    const text = trigger.prop_id.slice(0, split);
    const known = page.ids();
    if (!trigger.value) return {};
    if (text === known.clear) return { action: "clear" };
    return text === known.undo ? { action: "undo" } : trigger.value;
  }

  // What marks where it is clicked (layouts/attributes.py).
  document.addEventListener("click", function (event) {
    const marking = event.target.closest("[data-mark-image], [data-mark-group], [data-mark-channel]");
    if (!marking) return;
    // By the keyboard there was no pointer.
    adding = event.shiftKey || event.ctrlKey || event.metaKey;
    const { markImage, markGroup, markChannel } = marking.dataset;
    if (markImage !== undefined) return page.send({ action: "image", image: Number(markImage) });
    if (markGroup !== undefined) return page.send({ action: "group", images: markGroup });
    // Names of layers may have colons too.
    const colon = markChannel.lastIndexOf(":");
    const [layer, channel] = [markChannel.slice(0, colon), Number(markChannel.slice(colon + 1))];
    page.send({ action: "channel", layer: layer, channel: channel });
  });

  /** The one owner of the marks. */
  shared.reduceMarks = function () {
    const [marks, sample] = Array.from(arguments).slice(-2);
    const trigger = dash_clientside.callback_context.triggered[0];
    if (!trigger || !marks) return dash_clientside.no_update;
    const event = readEvent(trigger);
    const before = JSON.stringify(marks);
    const next = page.reduce(marks, event, sample);
    if (JSON.stringify(next) === before) return dash_clientside.no_update;
    if (event.action !== "select") page.selectedIn = null;
    // What came from the other page is not sent back to it.
    if (event.action !== "twin" && page.tellTwin && next.images !== marks.images) page.tellTwin(next.images);
    if (event.action !== "undo") history = [...history.slice(1 - LONGEST_HISTORY), marks];
    // At once: Dash calls drawMarks only when the server has answered with the figures that it also waits for.
    window.setTimeout(() => shared.drawMarks(next, sample));
    return next;
  };

  /** Hand on only what changed: marked images, channel and pair each have readers of their own. */
  shared.splitMarks = function (marks, images, channel, pair) {
    const differs = (a, b) => JSON.stringify(a || null) !== JSON.stringify(b || null);
    const keep = dash_clientside.no_update;
    if (!marks) return [keep, keep, keep];
    return [
      differs(marks.images, images) ? marks.images : keep,
      differs(marks.channel, channel) ? marks.channel : keep,
      differs(marks.pair, pair) ? marks.pair : keep,
    ];
  };
})();
