import type { Words } from "./en.ts";

const PRODUCTS = {
  dtm: "product_dtm",
  dsm: "product_dsm",
  chm: "product_chm",
  "dtm-hillshade": "product_dtm_hillshade",
  "dtm-slope": "product_dtm_slope",
  "dtm-aspect": "product_dtm_aspect",
  "dsm-hillshade": "product_dsm_hillshade",
  "dsm-slope": "product_dsm_slope",
  "dsm-aspect": "product_dsm_aspect",
} as const;

const COLLECTIONS = {
  "1m": "collection_1m",
  "2m": "collection_2m",
  "30m": "collection_30m",
} as const;

const UNITS: Record<string, string> = { metre: "m", degree: "°", percent: "%" };

/** The name of a product in the words of the page; one that they lack keeps the server's. */
export const productName = (product: string, words: Words): string =>
  product in PRODUCTS ? words[PRODUCTS[product as keyof typeof PRODUCTS]] : product;

export const collectionName = (collection: string, words: Words): string =>
  collection in COLLECTIONS
    ? words[COLLECTIONS[collection as keyof typeof COLLECTIONS]]
    : collection;

/** A number with the sign of its unit. */
export function withUnit(number: string, unit: string | null): string {
  const sign = UNITS[unit ?? ""] ?? unit ?? "";
  return sign === "°" ? `${number}${sign}` : `${number}\u00a0${sign}`.trim();
}
