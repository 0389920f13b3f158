import { byId } from "../dom/element.ts";
import type { AreaStep } from "./area_step.ts";

/** A file by the button, or dropped anywhere on the page. */
export function createFiles(area: AreaStep): void {
  const input = byId<HTMLInputElement>("file");
  const sign = byId("drop");

  byId("choose-file").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    if (file) void area.useFile(file);
    input.value = ""; // so that the same file can be chosen again
  });

  const hasFile = (event: DragEvent): boolean =>
    event.dataTransfer?.types.includes("Files") ?? false;
  addEventListener("dragover", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    sign.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) sign.hidden = true;
  });
  addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    sign.hidden = true;
    const [file] = event.dataTransfer?.files ?? [];
    if (file) void area.useFile(file);
  });
}
