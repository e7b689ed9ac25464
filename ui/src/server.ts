/** Asks the archive that served the page. */

import type { Ask, Reply } from "./types";

const STAGES = ["decode", "tokenize", "forward", "postprocess", "encode"];
export const BASE = location.pathname.replace(/\/ui\/?$/, "");

/** Kept while the page is open, and nowhere else. */
let key = "";

export function useKey(given: string): void {
  key = given.trim();
}

export function hasKey(): boolean {
  return key !== "";
}

/** Sends a task's body, or looks at an address where there is none. */
export const ask: Ask = async (task, body, signal) => {
  const headers: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
  if (body) headers["content-type"] = "application/json";
  const begin = performance.now();
  try {
    const text = body && JSON.stringify(body);
    const response = await fetch(`${BASE}/${task}`, { method: body ? "POST" : "GET", headers, body: text, signal });
    const value = parsed(await response.text());
    return { status: response.status, value, total: performance.now() - begin, ...measured(response.headers) };
  } catch {
    const error = "no answer: the server cannot be reached, or was stopped";
    return { status: 0, value: { error }, total: performance.now() - begin, ...measured(new Headers()) };
  }
};

function measured(headers: Headers): Pick<Reply, "stages" | "tokens" | "truncated" | "cached"> {
  const number = (name: string) => Number(headers.get(name) ?? 0);
  return {
    stages: STAGES.map((stage) => [stage, number(`x-${stage}-time`)]),
    tokens: number("x-tokens"),
    truncated: number("x-truncated"),
    cached: number("x-cached"),
  };
}

/** Whatever stands between may answer with something else than JSON. */
function parsed(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return { error: text.slice(0, 500) };
  }
}

/** The server's own words; Java's and a gateway's errors have other keys. */
export function words(reply: Reply): string {
  const { value } = reply;
  const found = value?.error ?? value?.message ?? value?.detail;
  return typeof found === "string" ? found : JSON.stringify(value);
}
