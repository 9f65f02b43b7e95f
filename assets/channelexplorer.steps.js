/* The timestep slider: marks the states of one timestep in every view. */
(function () {
  "use strict";
  const page = (window.channelexplorer = window.channelexplorer || {});
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const shared = (clientside.channelexplorer = clientside.channelexplorer || {});

  /** Mark the images of a position on the slider, and return what it is called; 0 marks none. */
  shared.markTimestep = function (value, timesteps) {
    const at = Number(value) - 1;
    const known = timesteps && at >= 0 && at < timesteps.names.length;
    page.send({ action: "group", images: known ? timesteps.images[at] : "" });
    return known ? timesteps.names[at] : "all";
  };
})();
