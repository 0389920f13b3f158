/** What the server sends and takes: the shapes of docs/app.md, section HTTP. */

export type Position = [lon: number, lat: number];
export type Box = [west: number, south: number, east: number, north: number];

export type Area =
  | { bbox: Box }
  | { upload: string }
  | { nts: string }
  | { point: Position; radius: number };

export interface DescribedArea {
  outline: GeoJSON.Geometry;
  bbox: Box;
  area_km2: number;
  label: string;
}

export interface UploadedArea extends DescribedArea {
  id: string;
  features: number;
  layers: string[];
}

export interface ExtractRequest {
  area: Area;
  products: string[];
  collection: string;
  fill: string[];
  crs: string | null;
  resolution: number | null;
  resampling: string | null;
  format: string;
  vertical_datum: string | null;
  crop: boolean;
  source_band: boolean;
}

export interface Config {
  version: string;
  demo: boolean;
  languages: string[];
  products: { name: string; unit: string }[];
  collections: { name: string; resolution: number; title: string }[];
  formats: string[];
  resampling: string[];
  vertical_datums: string[];
  limits: { upload_bytes: number; [name: string]: number | null };
  map: { layers: string[]; has_basemap: boolean };
}

export interface Candidate {
  kind: "sheet" | "point" | "box" | "place";
  label: string;
  area: Area | null;
  bbox: Box | null;
  lon: number | null;
  lat: number | null;
  detail: string | null;
}

export interface Survey {
  name: string;
  year: number | null;
  percent: number;
  resolution: number | null;
}

export interface CrsChoice {
  code: string;
  name: string;
}

export interface Estimate {
  area_km2: number;
  /** null: unknown, as for surveys that are not in the mosaic. */
  transfer_bytes: number | null;
  cached_bytes: number | null;
  output_bytes: number;
  seconds: number | null;
  width: number;
  height: number;
  crs: string;
  resolution: [x: number, y: number];
  coverage: { collection: string; percent: number }[];
  total_percent: number;
  /** null: the catalogue has not answered yet. */
  surveys: Survey[] | null;
  surveys_unknown: boolean;
  crs_choices: CrsChoice[];
  command_line: string;
  python: string;
  warnings: string[];
}

export type Surveys = Pick<Estimate, "surveys" | "surveys_unknown">;

export type JobState = "queued" | "running" | "done" | "failed" | "cancelled";

export interface JobFile {
  name: string;
  bytes: number;
  media_type: string;
  product: string | null;
  role: "raster" | "layer" | "item" | "picture" | "area";
}

export interface Fault {
  code: number;
  class: string;
  message: string;
  hint: string | null;
  parameter: string | null;
  /** Of a file with several layers, of which one has to be chosen. */
  layers?: string[];
}

export interface Progress {
  fraction: number | null;
  received_bytes: number | null;
  total_bytes: number | null;
  seconds_left: number | null;
  step: string | null;
}

export interface Job {
  id: string;
  created: string;
  started: string | null;
  finished: string | null;
  state: JobState;
  position: number | null;
  request: ExtractRequest;
  label: string;
  command_line: string;
  python: string;
  progress: Progress | null;
  files: JobFile[];
  summary: Record<string, unknown> | null;
  warnings: string[];
  error: Fault | null;
}

export interface View {
  product: string;
  unit: string;
  statistics: Record<string, number | string | null>;
  histogram: { edges: number[]; counts: number[] };
}

export interface Height {
  value: number | null;
  unit: string | null;
  source: string | null;
  survey: string | null;
  year: number | null;
  vertical_datum: string | null;
}

export interface Station {
  distance: number;
  lon: number;
  lat: number;
  value: number | null;
  slope: number | null;
}

export interface Profile {
  stations: Station[];
  unit: string | null;
}
