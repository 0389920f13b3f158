import type { Job } from "./types.ts";

const RETRY_MILLISECONDS = 2000;

interface Listener {
  /** Called with all jobs, whenever a connection begins. */
  onJobs: (jobs: Job[]) => void;
  onJob: (job: Job) => void;
  onRemoved: (id: string) => void;
  /** Called when the connection comes or goes. */
  onConnected: (connected: boolean) => void;
}

/**
 * Listens to the server's events for as long as the page is open.
 *
 * An EventSource reconnects by itself after a connection was cut, but gives up after an answer
 * that is not a stream, as while the server restarts behind a proxy: then a new one is opened.
 */
export function listen(listener: Listener): void {
  const source = new EventSource("/api/events");
  source.addEventListener("open", () => listener.onConnected(true));
  source.addEventListener("jobs", ({ data }) => listener.onJobs(JSON.parse(data)));
  source.addEventListener("job", ({ data }) => listener.onJob(JSON.parse(data)));
  source.addEventListener("removed", ({ data }) => listener.onRemoved(JSON.parse(data).id));
  source.addEventListener("error", () => {
    listener.onConnected(false);
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(() => listen(listener), RETRY_MILLISECONDS);
    }
  });
  addEventListener("pagehide", () => source.close(), { once: true });
}
