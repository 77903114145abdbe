// Before the first paint, so that a chosen theme does not flash; not a module, since those wait.
(() => {
  const theme = localStorage.getItem("xy.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
