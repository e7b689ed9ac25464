/** What passes between the server, the form and the drawings. */

import type { ComponentChild } from "preact";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Body = { [key: string]: Json };

/** The part of `info` that the page reads. */
export interface Info {
  model: string;
  version: string;
  task: string;
  tasks: string[];
  runtime: string;
  dtype: string;
  labels: string[];
  dimensions: number;
  mask: string | null;
  limits: { max_length: number; max_texts: number };
}

/** An answer, or what the server says of a request that failed. */
export interface Reply {
  status: number;
  value: any;
  /** Milliseconds as the browser saw them. */
  total: number;
  /** Milliseconds of each stage in the worker; see the response headers `x-<stage>-time`. */
  stages: [name: string, milliseconds: number][];
  tokens: number;
  truncated: number;
  /** Sequences that the worker had computed before. */
  cached: number;
}

/** The server computes nothing for a request that is aborted before its turn. */
export type Ask = (task: string, body?: Body, signal?: AbortSignal) => Promise<Reply>;

/** What a drawing gets. */
export interface Drawn {
  body: Body;
  answer: any;
  info: Info;
  ask: Ask;
  /** Shows another request in the form, and sends it. */
  send: (body: Body) => void;
}

/** How a task is shown: requests to begin with, the keys that come first in its form, and what draws its answer. */
export interface View {
  examples: Record<string, Body>;
  keys?: string[];
  draw: (given: Drawn) => ComponentChild;
}
