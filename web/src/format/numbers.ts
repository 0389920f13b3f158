/** Numbers as people of the language write them. */

const BYTES = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

export interface Formats {
  bytes(count: number): string;
  area(squareKilometres: number): string;
  duration(seconds: number): string;
  percent(percent: number): string;
  distance(metres: number): string;
  number(value: number, digits?: number): string;
  position(at: readonly [lon: number, lat: number]): string;
  count(value: number): string;
  time(iso: string): string;
}

/** Digits after the point, so that three of all digits count. */
const digitsFor = (value: number): number => {
  const size = Math.abs(value);
  if (size >= 100 || size === 0) return 0;
  return size >= 10 ? 1 : 2;
};

export function createFormats(language: string): Formats {
  const locale = `${language}-CA`;
  const cached = new Map<string, Intl.NumberFormat>();
  const write = (value: number, options: Intl.NumberFormatOptions): string => {
    const key = JSON.stringify(options);
    const format = cached.get(key) ?? new Intl.NumberFormat(locale, options);
    cached.set(key, format);
    return format.format(value);
  };
  const unit = (value: number, name: string, digits = digitsFor(value)): string =>
    write(value, { style: "unit", unit: name, maximumFractionDigits: digits });
  const long = (value: number, name: string, digits = 0): string =>
    write(value, {
      style: "unit",
      unit: name,
      unitDisplay: "long",
      maximumFractionDigits: digits,
    });
  const number = (value: number, digits = 2): string =>
    write(value, { maximumFractionDigits: digits });
  const list = language === "fr" ? "\u00a0;" : ","; // French has commas in its numbers
  const times = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  return {
    number,
    bytes(count) {
      const step = count < 1 ? 0 : Math.min(4, Math.floor(Math.log10(count) / 3));
      return unit(count / 1000 ** step, BYTES[step] ?? "byte");
    },
    area: (value) => `${number(value, value < 0.1 ? 4 : digitsFor(value))}\u00a0km²`,
    duration(seconds) {
      if (seconds < 60) return long(Math.max(1, Math.round(seconds)), "second");
      if (seconds < 3600) return long(Math.round(seconds / 60), "minute");
      return long(seconds / 3600, "hour", 1);
    },
    percent(value) {
      const digits = value > 99 ? 2 : value < 1 ? 1 : 0;
      const shown = Math.floor(value * 10 ** digits) / 10 ** digits; // 99.999 is not all
      return write(shown / 100, { style: "percent", maximumFractionDigits: digits });
    },
    distance: (value) => (value < 1000 ? unit(value, "meter", 0) : unit(value / 1000, "kilometer")),
    position([lon, lat]) {
      const degrees = (value: number, sign: string) =>
        `${number(Math.abs(value), 5)}°\u00a0${sign}`;
      const west = language === "fr" ? "O" : "W";
      return `${degrees(lat, lat < 0 ? "S" : "N")}${list} ${degrees(lon, lon < 0 ? west : "E")}`;
    },
    count: (value) => number(value, 0),
    time: (iso) => times.format(new Date(iso)),
  };
}
