/** Texts of a request and of an answer. */

import type { Json } from "./types";

/** One value or a list, as a list. */
export function listed(value: Json | undefined): Json[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** How an input is named in a drawing: a text, a pair, token ids, or an expression of words. */
export function name(value: Json): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.every((each) => typeof each === "number") ? value.join(" ") : value.map(String).join(" / ");
  if (value && typeof value === "object" && ("positive" in value || "negative" in value)) return expression(value);
  if (value && typeof value === "object") return Object.values(value).map(String).join(" / ");
  return String(value);
}

function expression({ positive, negative }: { [key: string]: Json }): string {
  return [listed(positive).join(" + "), ...listed(negative).map((word) => `− ${word}`)].join(" ").trim();
}

/** The server counts characters as Python does, by code point; JavaScript counts UTF-16 units. */
export function characters(text: string): string[] {
  return Array.from(text);
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** A number without a minus before zeros. */
export function decimal(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text;
}

export function cut(text: string, longest: number): string {
  const letters = characters(text);
  return letters.length > longest ? `${letters.slice(0, longest).join("")}…` : text;
}

/** Of pieces that are drawn one by one, where `dir="auto"` would go by the first alone; special tokens are Latin. */
export function direction(pieces: string[]): "ltr" | "rtl" {
  const text = pieces.filter((each) => !/^\[\w+\]$/.test(each)).join("");
  return /^\P{L}*[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u.test(text) ? "rtl" : "ltr";
}
