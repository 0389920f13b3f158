import { fetchConfig } from "./api/client.ts";
import { listen } from "./api/events.ts";
import { createAreaStep } from "./area/area_step.ts";
import { createCoordinates } from "./area/coordinates.ts";
import { createFiles } from "./area/files.ts";
import { createSearchBox } from "./area/search_box.ts";
import { createChoicesForm } from "./choices/choices_form.ts";
import { createProductChoice } from "./choices/product_choice.ts";
import { createDialog } from "./dom/dialog.ts";
import { byId } from "./dom/element.ts";
import { createCommands } from "./estimate/commands.ts";
import { createEstimateView } from "./estimate/estimate_view.ts";
import { createEstimator } from "./estimate/estimator.ts";
import { createGetButton } from "./estimate/get_button.ts";
import { createFormats } from "./format/numbers.ts";
import { createJobList } from "./jobs/job_list.ts";
import { createLayerChoice } from "./map/layer_choice.ts";
import { createMapPanel } from "./map/map_panel.ts";
import { createMeasuring, type Measuring } from "./measure/measuring.ts";
import type { Page } from "./page.ts";
import { keep, recall } from "./state/keep.ts";
import { type AppStore, withJob, withoutJob } from "./state/state.ts";
import { createStore } from "./state/store.ts";
import { createThemeSwitch } from "./theme.ts";
import { en } from "./words/en.ts";
import { language, WORDS } from "./words/index.ts";

const RETRY_MILLISECONDS = 1000;

function main(): void {
  const spoken = language(document);
  const store = createStore(recall(sessionStorage));
  const page: Page = {
    store,
    words: WORDS[spoken] ?? en,
    formats: createFormats(spoken),
    language: spoken,
  };
  keep(store, sessionStorage);

  createThemeSwitch();
  createDialog();
  const area = createAreaStep(page);
  let measuring: Measuring | null = null;
  const map = createMapPanel(page, area, () => {
    measuring ??= createMeasuring(page, map.showStation);
    return measuring;
  });
  createSearchBox(page, area, map.goTo);
  createCoordinates(page, area);
  createFiles(area);
  createProductChoice(page);
  createChoicesForm(page);
  createLayerChoice(page);
  const estimator = createEstimator(page, map.showPicture);
  createEstimateView(page, estimator.retry);
  createGetButton(page);
  createCommands(page);
  createJobList(page);

  store.watch(
    ({ config }) => config,
    (config) => {
      byId("demo").hidden = !config?.demo;
    },
  );
  store.watch(
    ({ connected }) => connected,
    (connected) => {
      byId("offline").hidden = connected;
    },
  );
  void configure(store);
}

/** Asks for what the server offers, until it answers; its answer also lets in a new browser. */
async function configure(store: AppStore): Promise<void> {
  try {
    store.set({ config: await fetchConfig(), connected: true });
  } catch {
    store.set({ connected: false });
    setTimeout(() => configure(store), RETRY_MILLISECONDS);
    return;
  }
  listen({
    onJobs: (jobs) => store.set({ jobs }),
    onJob: (job) => store.set({ jobs: withJob(store.get().jobs, job) }),
    onRemoved: (id) => store.set({ jobs: withoutJob(store.get().jobs, id) }),
    onConnected: (connected) => store.set({ connected }),
  });
}

main();
