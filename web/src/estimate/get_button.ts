import { startJob } from "../api/client.ts";
import { announce } from "../dom/announce.ts";
import { byId } from "../dom/element.ts";
import { showTrouble, trouble, troubleOf } from "../dom/trouble.ts";
import type { Page } from "../page.ts";
import { requestOf } from "../state/request.ts";
import { withNewJob } from "../state/state.ts";

/** The large button: a job from the request as it is. */
export function createGetButton({ store, words, formats }: Page): void {
  const button = byId<HTMLButtonElement>("get");
  const problems = byId("get-trouble");
  let sending = false;

  const ready = () => {
    const state = store.get();
    const { settled, estimate } = state;
    return requestOf(state) !== null && settled && estimate.state !== "failed" && !sending;
  };

  function render(): void {
    const { choices, estimate } = store.get();
    const count = choices.products.length;
    const label = count > 1 ? words.get_many(count) : words.get;
    const size =
      estimate.state === "ready"
        ? words.get_size(label, formats.bytes(estimate.value.output_bytes))
        : label;
    byId("get-label").textContent = size;
    button.setAttribute("aria-disabled", String(!ready()));
  }

  button.addEventListener("click", async ({ detail }) => {
    if (detail > 1) return; // the second click of a double one
    const request = requestOf(store.get());
    if (!request) {
      const missing = store.get().area ? words.no_product : words.choose_area_first;
      showTrouble(problems, trouble(missing, ""));
      return;
    }
    if (!store.get().settled) byId("choices-trouble").scrollIntoView({ block: "nearest" });
    if (!ready()) return;
    sending = true;
    render();
    try {
      const job = await startJob(request);
      store.set({ jobs: withNewJob(store.get().jobs, job) });
      showTrouble(problems, null);
      announce(words.job_started);
      byId("jobs-section").scrollIntoView({ block: "start" });
    } catch (error) {
      showTrouble(problems, troubleOf(error, words));
    } finally {
      sending = false;
      render();
    }
  });

  store.watch(({ estimate }) => estimate, render);
  store.watch(
    ({ choices }) => choices,
    () => {
      showTrouble(problems, null);
      render();
    },
  );
  store.watch(({ settled }) => settled, render);
  store.watch(
    ({ connected }) => connected,
    () => showTrouble(problems, null),
  );
  store.watch(
    ({ area }) => area,
    () => showTrouble(problems, null),
  );
  render();
}
