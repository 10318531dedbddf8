// Calls of the API. What goes in and out of a route is in schema.ts, which is
// made from the server's own description.
import type { Diagnostic, Problem, Routes } from './schema';

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Partial<Problem>,
  ) {
    super(problem.detail || problem.title || `the server answers ${status}`);
  }

  get diagnostics(): Diagnostic[] {
    return this.problem.diagnostics ?? [];
  }
}

type Input<R extends keyof Routes> = Routes[R] extends { input: infer I } ? I : never;
type Answer<R extends keyof Routes> = Routes[R] extends { answer: infer A } ? A : never;

interface Plain {
  path?: Record<string, string>;
  query?: Record<string, string | number | boolean | string[] | null | undefined>;
  body?: unknown;
}

export function address(route: string, input: Plain): { method: string; url: string } {
  const [method = 'GET', pattern = ''] = route.split(' ', 2);
  const url = pattern.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(input.path?.[name] ?? ''));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input.query ?? {})) {
    for (const v of Array.isArray(value) ? value : [value ?? '']) if (v !== '') query.append(name, String(v));
  }
  const text = query.toString();
  return { method, url: text ? `${url}?${text}` : url };
}

export async function call<R extends keyof Routes>(route: R, input: Input<R>, signal?: AbortSignal): Promise<Answer<R>> {
  return (await request(route, input as Plain, signal)) as Answer<R>;
}

async function request(route: string, input: Plain, signal?: AbortSignal): Promise<unknown> {
  const { method, url } = address(route, input);
  const init: RequestInit = { method, signal: signal ?? null, headers: { Accept: 'application/json' } };
  if (input.body !== undefined) {
    const text = typeof input.body === 'string'; // lines of events
    init.body = text ? (input.body as string) : JSON.stringify(input.body);
    init.headers = { ...init.headers, 'Content-Type': text ? 'application/x-ndjson' : 'application/json' };
  }
  const response = await fetch(url, init).catch((e: unknown) => {
    if (signal?.aborted) throw e;
    throw new ApiError(0, { detail: 'The server does not answer. It may be stopped, or the network is down.' });
  });
  const text = await response.text();
  const json = /json/.test(response.headers.get('Content-Type') ?? '') && text !== '';
  if (!response.ok) throw new ApiError(response.status, json ? (JSON.parse(text) as Problem) : { detail: text.slice(0, 500) });
  return json ? JSON.parse(text) : text;
}

/** explain says what an error means for the user. */
export function explain(error: unknown): string {
  if (error instanceof ApiError && error.status === 401) return 'You are not logged in, or the login has ended.';
  return error instanceof Error ? error.message : String(error);
}
