import {
  ApiError,
  fetchEstimate,
  fetchPreview,
  fetchSurveys,
  isAborted,
  TOO_MANY,
} from "../api/client.ts";
import type { Box, Estimate, ExtractRequest } from "../api/types.ts";
import { troubleOf } from "../dom/trouble.ts";
import type { Page } from "../page.ts";
import { requestOf } from "../state/request.ts";
import type { Estimated } from "../state/state.ts";

/** A picture of a box. */
export interface Picture {
  image: Blob;
  box: Box;
}

const PAUSE_MILLISECONDS = 150;
const RETRY_MILLISECONDS = 1000;

/**
 * Keeps the estimate and the preview those of the request: asks anew a moment after the last
 * change, and gives up what it asked before.
 */
export function createEstimator(
  { store, words }: Page,
  onPreview: (picture: Picture | null) => void,
): { retry(): void } {
  let running = new AbortController();
  let timer = 0;
  let pictured = "";

  async function estimate(request: ExtractRequest, signal: AbortSignal): Promise<void> {
    try {
      const value = await fetchEstimate(request, signal);
      store.set({ estimate: { state: "ready", value, trouble: null } });
      if (value.surveys === null) {
        store.set({ estimate: await findSurveys(value, request, signal) });
      }
    } catch (error) {
      if (isAborted(error)) return;
      if (error instanceof ApiError && error.status === TOO_MANY) {
        timer = window.setTimeout(() => estimate(request, signal), RETRY_MILLISECONDS);
        return;
      }
      store.set({ estimate: { state: "failed", trouble: troubleOf(error, words) } });
    }
  }

  async function findSurveys(
    value: Estimate,
    request: ExtractRequest,
    signal: AbortSignal,
  ): Promise<Estimated> {
    try {
      const surveys = await fetchSurveys(request, signal);
      return { state: "ready", value: { ...value, ...surveys }, trouble: null };
    } catch (error) {
      if (isAborted(error)) throw error;
      return { state: "ready", value, trouble: troubleOf(error, words) };
    }
  }

  /**
   * The picture changes with the area and what is drawn of it, not with the grid of the file. It
   * is that of the box around the area, which lies on the map without being warped.
   */
  async function preview(request: ExtractRequest, box: Box, signal: AbortSignal): Promise<void> {
    const { products, collection } = request;
    const wanted = JSON.stringify([box, products[0], collection]);
    if (wanted === pictured) return;
    try {
      const area = { bbox: box };
      const image = await fetchPreview({ ...request, area, crs: null, resolution: null }, signal);
      pictured = wanted;
      onPreview({ image, box });
    } catch (error) {
      if (isAborted(error)) return;
      pictured = "";
      onPreview(null);
    }
  }

  function ask(): void {
    clearTimeout(timer);
    running.abort();
    running = new AbortController();
    const { signal } = running;
    const request = requestOf(store.get());
    const box = store.get().area?.bbox;
    if (!request || !box) {
      pictured = "";
      onPreview(null);
      store.set({ estimate: { state: "none" } });
      return;
    }
    const { estimate: before } = store.get();
    const last =
      before.state === "ready" ? before.value : before.state === "working" ? before.last : null;
    store.set({ estimate: { state: "working", last } });
    timer = window.setTimeout(() => {
      void estimate(request, signal);
      void preview(request, box, signal);
    }, PAUSE_MILLISECONDS);
  }

  store.watch(({ area }) => area, ask);
  store.watch(({ choices }) => choices, ask);
  if (requestOf(store.get())) ask();
  return { retry: ask };
}
