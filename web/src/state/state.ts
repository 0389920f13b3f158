import type {
  Area,
  Config,
  DescribedArea,
  Estimate,
  ExtractRequest,
  Fault,
  Job,
  Position,
} from "../api/types.ts";
import type { Store } from "./store.ts";

/** What the map's pointer does. */
export type Tool = "move" | "box" | "polygon" | "height" | "line";

export interface ChosenArea extends DescribedArea {
  area: Area;
  /** Polygons are cropped to, boxes are not, unless chosen otherwise. */
  kind: "box" | "shape";
}

export interface Choices extends Omit<ExtractRequest, "area" | "crop"> {
  /** null: polygons and circles are cropped to, boxes are not. */
  crop: boolean | null;
}

export interface Trouble {
  message: string;
  hint: string;
  /** What the server said of it, in English, where the page says it in another language. */
  detail: string;
  fault: Fault | null;
  /** Whether it may pass by itself, so that trying again can help. */
  temporary: boolean;
}

export type Estimated =
  | { state: "none" }
  | { state: "working"; last: Estimate | null }
  /** The trouble is that of the surveys, which are asked for after the rest. */
  | { state: "ready"; value: Estimate; trouble: Trouble | null }
  | { state: "failed"; trouble: Trouble };

export interface Layers {
  hillshade: string | null;
  coverage: string | null;
  preview: boolean;
  online: boolean;
}

export interface MapPlace {
  center: Position;
  zoom: number;
}

export interface State {
  config: Config | null;
  connected: boolean;
  tool: Tool;
  area: ChosenArea | null;
  choices: Choices;
  /** false while a field of the form is wrong or looked up, so that it is not in the choices. */
  settled: boolean;
  estimate: Estimated;
  layers: Layers;
  place: MapPlace | null;
  line: Position[] | null;
  point: Position | null;
  jobs: Job[];
}

export type AppStore = Store<State>;

export const FIRST_CHOICES: Choices = {
  products: ["dtm"],
  collection: "1m",
  fill: [],
  crs: null,
  resolution: null,
  resampling: null,
  format: "gtiff",
  vertical_datum: null,
  crop: null,
  source_band: false,
};

export const FIRST_STATE: State = {
  config: null,
  connected: true,
  tool: "move",
  area: null,
  choices: FIRST_CHOICES,
  settled: true,
  estimate: { state: "none" },
  layers: { hillshade: null, coverage: null, preview: true, online: false },
  place: null,
  line: null,
  point: null,
  jobs: [],
};

/** The jobs, newest first, with one of them in its new state: it keeps its place, a new one is first. */
export function withJob(jobs: readonly Job[], job: Job): Job[] {
  const isNew = jobs.every(({ id }) => id !== job.id);
  return isNew ? [job, ...jobs] : jobs.map((each) => (each.id === job.id ? job : each));
}

/** The jobs with a new one, unless events, which are never older than an answer, told of it. */
export function withNewJob(jobs: Job[], job: Job): Job[] {
  return jobs.some(({ id }) => id === job.id) ? jobs : withJob(jobs, job);
}

export const withoutJob = (jobs: readonly Job[], id: string): Job[] =>
  jobs.filter((job) => job.id !== id);
