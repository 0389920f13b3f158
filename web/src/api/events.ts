import type { Job } from "./types.ts";

const RETRY_MILLISECONDS = 2000;

interface Listener {
  onJob: (job: Job) => void;
  /** Called when the connection comes or goes. */
  onConnected: (connected: boolean) => void;
}

/**
 * Listens to the server's events for as long as the page is open.
 *
 * An EventSource reconnects by itself after a connection was cut, but gives up after an answer
 * that is not a stream, as while the server restarts behind a proxy: then a new one is opened.
 */
export function listen({ onJob, onConnected }: Listener): void {
  const source = new EventSource("/api/events");
  source.addEventListener("open", () => onConnected(true));
  source.addEventListener("job", (event) => onJob(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    onConnected(false);
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(() => listen({ onJob, onConnected }), RETRY_MILLISECONDS);
    }
  });
  addEventListener("pagehide", () => source.close(), { once: true });
}
