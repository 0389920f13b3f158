import { cancelJob, deleteJob, repeatJob } from "../api/client.ts";
import type { Job } from "../api/types.ts";
import { ask } from "../dom/dialog.ts";
import { byId, h, update } from "../dom/element.ts";
import { showTrouble, troubleOf } from "../dom/trouble.ts";
import type { Page } from "../page.ts";
import { showResult } from "../results/result_dialog.ts";
import { withNewJob, withoutJob } from "../state/state.ts";
import { type JobActions, jobCard, jobTitle, stateText } from "./job_card.ts";

/** The jobs of this browser, newest first; each is drawn anew when it changes. */
export function createJobList(page: Page): void {
  const { store, words } = page;
  const list = byId("jobs");
  const spoken = byId("jobs-spoken");
  const shown = new Map<string, { job: Job; row: HTMLElement }>();

  const clearTrouble = (row: HTMLElement) => row.querySelector(":scope > [role=alert]")?.remove();

  async function attempt(job: Job, action: () => Promise<void>): Promise<void> {
    const row = shown.get(job.id)?.row;
    if (row) clearTrouble(row);
    try {
      await action();
    } catch (error) {
      const problems = h("div", { role: "alert" });
      row?.append(problems);
      showTrouble(problems, troubleOf(error, words));
    }
  }

  const actions: JobActions = {
    cancel: (job) => void attempt(job, () => cancelJob(job.id)),
    again: (job, newest) =>
      void attempt(job, async () => {
        const repeated = await repeatJob(job.id, newest);
        store.set({ jobs: withNewJob(store.get().jobs, repeated) });
      }),
    look: (job) => void showResult(page, job),
    async remove(job) {
      const question = words.remove_question(jobTitle(page, job));
      if (!(await ask(question, words.remove_yes, words.remove_no))) return;
      await attempt(job, async () => {
        await deleteJob(job.id);
        store.set({ jobs: withoutJob(store.get().jobs, job.id) });
      });
    },
  };

  function draw(job: Job, row: HTMLElement): void {
    const open = row.querySelector("details")?.open ?? false;
    const index = [...row.querySelectorAll("button, a, summary")].indexOf(
      document.activeElement as Element,
    );
    const card = row.querySelector("article");
    if (card) update(card, jobCard(page, job, actions));
    else row.append(jobCard(page, job, actions));
    const details = row.querySelector("details");
    if (details) details.open = open;
    if (index >= 0 && document.activeElement === document.body)
      row.querySelectorAll<HTMLElement>("button, a, summary")[index]?.focus();
  }

  /** The row of the job, as it is now. */
  function show(job: Job): HTMLElement {
    const known = shown.get(job.id);
    const row = known?.row ?? h("li");
    if (known?.job !== job) draw(job, row);
    if (known && known.job.state !== job.state) {
      clearTrouble(row);
      spoken.textContent = words.job_spoken(jobTitle(page, job), stateText(page, job));
    }
    shown.set(job.id, { job, row });
    return row;
  }

  /** The focus goes to the job beside it, or to where the next one is begun. */
  function remove(row: HTMLElement): void {
    const focused = row.contains(document.activeElement);
    const beside = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    if (focused) (beside?.querySelector<HTMLElement>("a, button") ?? byId("get")).focus();
  }

  function render(jobs: Job[]): void {
    byId("jobs-section").hidden = jobs.length === 0;
    const ids = new Set(jobs.map(({ id }) => id));
    for (const [id, { row }] of shown) {
      if (ids.has(id)) continue;
      remove(row);
      shown.delete(id);
    }
    let before: Element | null = list.firstElementChild;
    for (const job of jobs) {
      const row = show(job);
      if (before === row) before = row.nextElementSibling;
      else list.insertBefore(row, before);
    }
  }

  store.watch(({ jobs }) => jobs, render);
}
