/** The address bar's part after `#`: the task and its body, so that a link shows the same. No server ever sees it. */

import type { Body } from "./types";

export interface Asked {
  task: string;
  body: Body | null;
}

export function read(hash: string): Asked {
  const [task = "", text] = hash.slice(1).split(/=(.*)/s);
  try {
    return { task, body: text ? JSON.parse(decodeURIComponent(text)) : null };
  } catch {
    return { task, body: null };
  }
}

export function written({ task, body }: Asked): string {
  return `#${task}` + (body ? `=${encodeURIComponent(JSON.stringify(body))}` : "");
}
