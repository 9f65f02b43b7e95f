/* The compact form of lists of indices, the same as selection.encode_indices and decode_indices. */
(function () {
  "use strict";
  const page = (window.channelexplorer = window.channelexplorer || {});
  const LONGEST_BITSET = 1000000;

  function runsOf(ordered) {
    const tokens = [];
    let end = 0;
    for (let i = 0; i < ordered.length; ) {
      let last = i;
      while (last + 1 < ordered.length && ordered[last + 1] === ordered[last] + 1) last += 1;
      tokens.push((ordered[i] - end).toString(36), (last - i).toString(36));
      end = ordered[last] + 1;
      i = last + 1;
    }
    return "r" + tokens.join(".");
  }

  function bitsetOf(ordered, bytes) {
    const first = ordered[0];
    const bits = new Uint8Array(bytes);
    for (const index of ordered) bits[(index - first) >> 3] |= 1 << ((index - first) & 7);
    let binary = "";
    for (const byte of bits) binary += String.fromCharCode(byte);
    const text = btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
    return "b" + first.toString(36) + "-" + text;
  }

  /** Write distinct non-negative integers compactly; the shorter of runs and bitset. */
  page.encodeIndices = function (indices) {
    const ordered = Array.from(new Set(indices)).sort((a, b) => a - b);
    if (!ordered.length) return "";
    const runs = runsOf(ordered);
    const bytes = Math.floor((ordered[ordered.length - 1] - ordered[0]) / 8) + 1;
    if (bytes > LONGEST_BITSET || runs.length <= bytes) return runs;
    const bitset = bitsetOf(ordered, bytes);
    return bitset.length < runs.length ? bitset : runs;
  };

  /** Read encodeIndices' form back, ascending. */
  page.decodeIndices = function (text) {
    const found = [];
    if (!text) return found;
    if (text[0] === "b") {
      const dash = text.indexOf("-");
      const start = parseInt(text.slice(1, dash), 36);
      const binary = atob(text.slice(dash + 1).replace(/-/g, "+").replace(/_/g, "/"));
      for (let i = 0; i < binary.length; i += 1) {
        const byte = binary.charCodeAt(i);
        for (let bit = 0; bit < 8; bit += 1) if ((byte >> bit) & 1) found.push(start + 8 * i + bit);
      }
      return found;
    }
    const numbers = text.slice(1).split(".").map((token) => parseInt(token, 36));
    let end = 0;
    for (let i = 0; i < numbers.length; i += 2) {
      const start = end + numbers[i];
      end = start + numbers[i + 1] + 1;
      for (let index = start; index < end; index += 1) found.push(index);
    }
    return found;
  };
})();
