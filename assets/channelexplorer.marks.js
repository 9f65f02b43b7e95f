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
    if (meaning.labels) return withImages(marks, imagesOfLabels(sample, meaning.labels));
    if (meaning.images) return withOneImage(marks, meaning.images[0]);
    if (!meaning.pair) return marks;
    const [first, second] = meaning.pair;
    return { ...withImages(marks, meaning.pair), pair: { layer: layer, first: first, second: second } };
  }

  function afterClick(marks, id, click, sample) {
    const gd = page.graphOf(id);
    // The same cell can be clicked again only if the graph forgets that it was clicked.
    dash_clientside.set_props(id, { clickData: null });
    return gd ? withMeaning(marks, page.meaningOf(gd, click.points[0]), id.panel, sample) : marks;
  }

  function afterSelection(marks, id, selected) {
    const gd = page.graphOf(id);
    if (!gd) return marks;
    page.selectedIn = selected ? gd : null;
    const custom = gd._fullData[0].customdata;
    return withImages(marks, ((selected && selected.points) || []).map((point) => custom[point.pointNumber]));
  }

  function afterButton(marks, id) {
    if (id.view === "gallery") return withOneImage(marks, Number(id.panel));
    const split = id.panel.lastIndexOf(":");
    return withChannel(marks, id.panel.slice(0, split), Number(id.panel.slice(split + 1)));
  }

  /** Return the marks after one event, or the same object where nothing changes. */
  page.reduce = function (marks, event, sample) {
    const { id, property, value } = event;
    if (event.action === "clear") return NOTHING;
    if (event.action === "undo") return history.pop() || marks;
    if (property === "selectedData") return afterSelection(marks, id, value);
    if (!value) return marks;
    return property === "clickData" ? afterClick(marks, id, value, sample) : afterButton(marks, id);
  };

  function readEvent(trigger) {
    const split = trigger.prop_id.lastIndexOf(".");
    const [text, property] = [trigger.prop_id.slice(0, split), trigger.prop_id.slice(split + 1)];
    const event = { property: property, value: trigger.value };
    if (text.startsWith("{")) return { ...event, id: JSON.parse(text) };
    const known = page.ids();
    if (text === known.keys) return { ...event, action: trigger.value && trigger.value.action };
    const action = { [known.clear]: "clear", [known.undo]: "undo" }[text];
    return { ...event, action: trigger.value ? action : undefined };
  }

  /** The one owner of the marks. */
  shared.reduceMarks = function () {
    const [marks, sample] = Array.from(arguments).slice(-2);
    const trigger = dash_clientside.callback_context.triggered[0];
    if (!trigger || !marks) return dash_clientside.no_update;
    const event = readEvent(trigger);
    if (!event.id && !event.action) return dash_clientside.no_update;
    const before = JSON.stringify(marks);
    page.selectedIn = event.property === "selectedData" ? page.selectedIn : null;
    const next = page.reduce(marks, event, sample);
    if (JSON.stringify(next) === before) return dash_clientside.no_update;
    if (event.action !== "undo") history = [...history.slice(1 - LONGEST_HISTORY), marks];
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
