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
 * Listens to the server's events while the page is in sight. Hidden pages do not: a browser has
 * few connections to a server for all its tabs, and keeps no page for Back that has one open. What
 * they missed comes first when they are seen again.
 *
 * An EventSource reconnects by itself after a connection was cut, but gives up after an answer
 * that is not a stream, as while the server restarts behind a proxy: then a new one is opened.
 */
export function listen(listener: Listener): void {
  let source: EventSource | null = null;
  let timer = 0;

  function close(): void {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function open(): void {
    const opened = new EventSource("/api/events");
    source = opened;
    opened.addEventListener("open", () => listener.onConnected(true));
    opened.addEventListener("jobs", ({ data }) => listener.onJobs(JSON.parse(data)));
    opened.addEventListener("job", ({ data }) => listener.onJob(JSON.parse(data)));
    opened.addEventListener("removed", ({ data }) => listener.onRemoved(JSON.parse(data).id));
    opened.addEventListener("error", () => {
      listener.onConnected(false);
      if (opened.readyState === EventSource.CLOSED) {
        timer = window.setTimeout(open, RETRY_MILLISECONDS);
      }
    });
  }

  function follow(): void {
    if (document.hidden) close();
    else if (!source) open();
  }

  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", close);
  addEventListener("pageshow", follow);
  follow();
}
