// Runs before the page is drawn: the theme that was chosen, so that none flashes.
const theme = (() => {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
})();
if (theme) document.documentElement.dataset["theme"] = theme;
