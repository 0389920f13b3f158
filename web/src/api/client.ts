import type {
  Area,
  Candidate,
  Config,
  CrsChoice,
  DescribedArea,
  Estimate,
  ExtractRequest,
  Fault,
  Height,
  Job,
  Position,
  Profile,
  Surveys,
  UploadedArea,
  View,
} from "./types.ts";

export const TOO_MANY = 429; // a status: others wait already

/** An answer that is an error, as the server words it. */
export class ApiError extends Error {
  readonly status: number;
  readonly fault: Fault | null;

  constructor(status: number, fault: Fault | null) {
    super(fault?.message ?? "");
    this.status = status;
    this.fault = fault;
  }
}

/** The server did not answer. */
export class UnreachableError extends Error {}

export const isAborted = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "AbortError";

async function send(address: string, options: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address, { credentials: "same-origin", ...options });
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new UnreachableError(address, { cause: error });
  }
  if (!response.ok) {
    const body: { error?: Fault } | null = await response.json().catch((error) => {
      if (isAborted(error)) throw error;
      return null;
    });
    throw new ApiError(response.status, body?.error ?? null);
  }
  return response;
}

const withSignal = (signal: AbortSignal | undefined): RequestInit => (signal ? { signal } : {});

async function get<T>(address: string, signal?: AbortSignal): Promise<T> {
  return (await send(address, withSignal(signal))).json();
}

function postJson(address: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  return send(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    ...withSignal(signal),
  });
}

async function post<T>(address: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return (await postJson(address, body, signal)).json();
}

export interface Measured {
  product: string;
  collection: string;
  fill: string[];
}

const job = (id: string): string => `/api/jobs/${encodeURIComponent(id)}`;

export const fetchConfig = (): Promise<Config> => get("/api/config");

export async function findPlaces(
  text: string,
  language: string,
  signal: AbortSignal,
): Promise<Candidate[]> {
  const query = new URLSearchParams({ q: text, lang: language });
  return (await get<{ candidates: Candidate[] }>(`/api/find?${query}`, signal)).candidates;
}

export async function findCrs(text: string, signal: AbortSignal): Promise<CrsChoice[]> {
  const query = new URLSearchParams({ q: text });
  return (await get<{ crs_choices: CrsChoice[] }>(`/api/crs?${query}`, signal)).crs_choices;
}

export const describeArea = (area: Area, signal: AbortSignal): Promise<DescribedArea> =>
  post("/api/area", area, signal);

export async function uploadArea(
  file: Blob,
  name: string,
  signal: AbortSignal,
  layer?: string,
): Promise<UploadedArea> {
  const query = new URLSearchParams({ name, ...(layer === undefined ? {} : { layer }) });
  const options = { method: "POST", body: file, signal };
  return (await send(`/api/areas?${query}`, options)).json();
}

export const fetchEstimate = (request: ExtractRequest, signal: AbortSignal): Promise<Estimate> =>
  post("/api/estimate", request, signal);

export const fetchSurveys = (request: ExtractRequest, signal: AbortSignal): Promise<Surveys> =>
  post("/api/surveys", request, signal);

/** A picture of the area. */
export async function fetchPreview(request: ExtractRequest, signal: AbortSignal): Promise<Blob> {
  return (await postJson("/api/preview", request, signal)).blob();
}

export const fetchOutlines = (collection: string): Promise<GeoJSON.FeatureCollection> =>
  get(`/api/outlines?${new URLSearchParams({ collection })}`);

export const fetchHeight = (
  [lon, lat]: Position,
  measured: Measured,
  signal: AbortSignal,
): Promise<Height> => post("/api/height", { lon, lat, ...measured }, signal);

export const fetchProfile = (
  line: Position[],
  measured: Measured,
  signal: AbortSignal,
): Promise<Profile> => post("/api/profile", { line, ...measured }, signal);

export const startJob = (request: ExtractRequest): Promise<Job> => post("/api/jobs", request);

export async function cancelJob(id: string): Promise<void> {
  await postJson(`${job(id)}/cancel`, {});
}

export const repeatJob = (id: string, newest: boolean): Promise<Job> =>
  post(`${job(id)}/again`, { newest });

export async function deleteJob(id: string): Promise<void> {
  await send(job(id), { method: "DELETE" });
}

export const fetchView = (id: string, product: string): Promise<View> =>
  get(`${job(id)}/view/${encodeURIComponent(product)}`);

export const pictureAddress = (id: string, product: string, language: string): string =>
  `${job(id)}/view/${encodeURIComponent(product)}.png?${new URLSearchParams({ lang: language })}`;

/** The file of an uploaded or drawn area, which the commands read. */
export const areaFileAddress = (id: string): string =>
  `/api/areas/${encodeURIComponent(id)}/area.geojson`;

export const fileAddress = (id: string, name: string): string =>
  `${job(id)}/files/${encodeURIComponent(name)}`;
