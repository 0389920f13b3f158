import type { Position } from "../api/types.ts";
import * as pen from "./pen.ts";

/** The part of a map that drawing needs. */
export interface Canvas {
  element: HTMLElement;
  size(): [width: number, height: number];
  toPosition(x: number, y: number): Position;
  toPixel(at: Position): [x: number, y: number];
  panBy(x: number, y: number): void;
  /** What dragging and clicking do: move the map, click points while dragging moves, or drag a box. */
  setMode(mode: "move" | "click" | "drag"): void;
}

export interface Listeners {
  onSketch(sketch: GeoJSON.FeatureCollection): void;
  onCursor(pixel: [x: number, y: number] | null): void;
  onPoint(count: number, at: Position): void;
  onDrawn(drawn: pen.Drawn): void;
  onCancelled(): void;
}

export interface DrawingTool {
  start(shape: pen.Drawing["shape"]): void;
  undo(): void;
  finish(): void;
  stop(): void;
  readonly canFinish: boolean;
}

const CLICK_PIXELS = 5; // a pointer that moves less has clicked
const STEP_PIXELS = 8;
const LARGE_STEP_PIXELS = 48;
const MARGIN_PIXELS = 40; // nearer to the edge, the map moves instead of the cursor

const ARROWS: Record<string, [x: number, y: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Draws boxes, polygons and lines on a map, by pointer, finger or keyboard. */
export function createDrawing(canvas: Canvas, listeners: Listeners): DrawingTool {
  let drawing: pen.Drawing | null = null;
  let pressed: { x: number; y: number; id: number } | null = null;
  let cursor: [x: number, y: number] | null = null;

  const show = () => listeners.onSketch(drawing ? pen.sketch(drawing) : pen.EMPTY);

  function stop(): void {
    drawing = null;
    pressed = null;
    cursor = null;
    canvas.setMode("move");
    listeners.onCursor(null);
    show();
  }

  function finish(): void {
    const drawn = drawing && pen.finish(drawing);
    if (!drawn) return;
    stop();
    listeners.onDrawn(drawn);
  }

  function place(at: Position): void {
    if (!drawing) return;
    drawing = pen.place(drawing, at);
    show();
    listeners.onPoint(drawing.points.length, at);
    if (drawing.shape === "box" && pen.canFinish(drawing)) finish();
    if (drawing?.shape === "point") again();
  }

  /** Points are measured one after another, until the tool is put away. */
  function again(): void {
    const drawn = drawing && pen.finish(drawing);
    drawing = pen.begin("point");
    show();
    if (drawn) listeners.onDrawn(drawn);
  }

  function undo(): void {
    if (!drawing) return;
    drawing = pen.undo(drawing);
    show();
  }

  function cancel(): void {
    if (!drawing) return;
    stop();
    listeners.onCancelled();
  }

  const pixelOf = (event: MouseEvent): [x: number, y: number] => {
    const { left, top } = canvas.element.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };

  canvas.element.addEventListener("pointerdown", (event) => {
    if (!drawing || event.button !== 0 || !event.isPrimary) return;
    const [x, y] = pixelOf(event);
    pressed = { x, y, id: event.pointerId };
    if (drawing.shape === "box") {
      canvas.element.setPointerCapture(event.pointerId);
      if (drawing.points.length === 0) place(canvas.toPosition(x, y));
    }
  });

  canvas.element.addEventListener("pointermove", (event) => {
    if (!drawing || !event.isPrimary) return;
    drawing = pen.hover(drawing, canvas.toPosition(...pixelOf(event)));
    show();
  });

  canvas.element.addEventListener("pointerup", (event) => {
    if (!drawing || pressed?.id !== event.pointerId) return;
    const [x, y] = pixelOf(event);
    const moved = Math.hypot(x - pressed.x, y - pressed.y) > CLICK_PIXELS;
    pressed = null;
    const dragged = drawing.shape === "box" ? moved : !moved;
    const second = drawing.shape === "box" && drawing.points.length === 1 && secondClick(x, y);
    if (dragged || second) place(canvas.toPosition(x, y));
  });

  /** A click elsewhere than the first corner of a box. */
  function secondClick(x: number, y: number): boolean {
    const first = drawing?.points[0];
    if (!first) return false;
    const [u, v] = canvas.toPixel(first);
    return Math.hypot(x - u, y - v) > CLICK_PIXELS;
  }

  canvas.element.addEventListener("dblclick", (event) => {
    if (!drawing) return;
    event.preventDefault();
    finish();
  });

  function moveCursor([dx, dy]: [number, number], large: boolean): void {
    const [width, height] = canvas.size();
    const step = large ? LARGE_STEP_PIXELS : STEP_PIXELS;
    const [x, y] = cursor ?? [width / 2, height / 2];
    const next: [number, number] = [x + dx * step, y + dy * step];
    const inside =
      next[0] > MARGIN_PIXELS &&
      next[1] > MARGIN_PIXELS &&
      next[0] < width - MARGIN_PIXELS &&
      next[1] < height - MARGIN_PIXELS;
    if (inside) cursor = next;
    else {
      cursor = [x, y];
      canvas.panBy(dx * step, dy * step);
    }
    listeners.onCursor(cursor);
    if (drawing) drawing = pen.hover(drawing, canvas.toPosition(...cursor));
    show();
  }

  function placeCursor(): void {
    if (!drawing) return;
    const [width, height] = canvas.size();
    cursor ??= [width / 2, height / 2];
    listeners.onCursor(cursor);
    const before = drawing.points.length;
    place(canvas.toPosition(...cursor));
    if (drawing && drawing.points.length === before) finish(); // Enter again where the last point is
  }

  canvas.element.addEventListener(
    "keydown",
    (event) => {
      if (!drawing) return;
      const arrow = ARROWS[event.key];
      if (arrow) moveCursor(arrow, event.shiftKey);
      else if (event.key === "Enter" || event.key === " ") placeCursor();
      else if (event.key === "Backspace") undo();
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
    { capture: true },
  );

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") cancel();
  });

  return {
    start(shape) {
      stop();
      drawing = pen.begin(shape);
      canvas.setMode(shape === "box" ? "drag" : "click");
    },
    undo,
    finish,
    stop,
    get canFinish() {
      return drawing !== null && pen.canFinish(drawing);
    },
  };
}
