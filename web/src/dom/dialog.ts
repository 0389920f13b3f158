import { byId, fill, h } from "./element.ts";

/** Opens the page's dialog; the browser traps the focus in it, and gives it back. */
export function openDialog(title: string, ...content: HTMLElement[]): HTMLDialogElement {
  const dialog = byId<HTMLDialogElement>("dialog");
  byId("dialog-title").textContent = title;
  fill(byId("dialog-body"), ...content);
  if (!dialog.open) dialog.showModal();
  byId("dialog-title").focus();
  return dialog;
}

/** Whether the user says yes; Esc is no. */
export function ask(question: string, yes: string, no: string): Promise<boolean> {
  return new Promise((resolve) => {
    const answer = (value: string) => () => dialog.close(value);
    const dialog = openDialog(
      question,
      h(
        "p",
        { class: "row" },
        h("button", { type: "button", class: "danger", click: answer("yes") }, yes),
        h("button", { type: "button", click: answer("no") }, no),
      ),
    );
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

export function createDialog(): void {
  const dialog = byId<HTMLDialogElement>("dialog");
  byId("dialog-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // the backdrop
  });
}
