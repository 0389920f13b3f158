// Runs before the page is drawn, so that neither another theme nor another language flashes.

function recallChoice(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // closed to us
  }
}

const theme = recallChoice("theme");
if (theme) document.documentElement.dataset["theme"] = theme;

const chosen = new URLSearchParams(location.search).get("lang");
if (chosen) {
  try {
    localStorage.setItem("lang", chosen);
  } catch {
    // closed to us: chosen for this page only
  }
} else {
  const language = recallChoice("lang");
  if (language && language !== document.documentElement.lang) {
    location.replace(`/?${new URLSearchParams({ lang: language })}`);
  }
}
