/* A report follows the reader's choice of light or dark, and is printed in light. */
(function () {
  "use strict";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const show = (theme) => document.documentElement.setAttribute("data-bs-theme", theme);
  const follow = () => show(dark.matches ? "dark" : "light");
  follow();
  dark.addEventListener("change", follow);
  window.addEventListener("beforeprint", () => show("light"));
  window.addEventListener("afterprint", follow);
})();
