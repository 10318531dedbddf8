// Routes that a server of this version may lack; without them a view says so.
import './schema';

export interface TestResult {
  name: string;
  passed: boolean;
  failures?: string[] | null;
  millis: number;
}

export interface CoveredPattern {
  query: string;
  stage: number;
  seen: number;
  total: number;
  missing?: string[] | null;
}

export interface TestResults {
  passed: number;
  failed: number;
  results: TestResult[] | null;
  covered: CoveredPattern[] | null;
}

export interface Replacement {
  sql: string;
  mode?: 'keep' | 'drop' | 'replay';
  dry_run?: boolean;
}

export interface ReplaceAnswer {
  query: string;
  version: number;
  done: boolean;
  advice: 'keep' | 'replay' | 'drop';
  replay_from?: string;
  operators: Array<{ stage: number; operator: string; state: 'kept' | 'moved' | 'lost' }> | null;
  reasons?: Array<{ text: string; variable?: string; remedy?: string; line?: number }> | null;
  notes?: string[] | null;
}

export interface SampleRow {
  partition: number;
  offset: number;
  time?: string;
  columns?: Record<string, unknown>;
  rejected?: string;
  record?: string;
}

export interface TableSample {
  table: string;
  rows: SampleRow[] | null;
  incomplete?: boolean;
}

declare module './schema' {
  interface Routes {
    'POST /v1/tests': { input: { body: { sql: string; tests: string } }; answer: TestResults };
    'POST /v1/queries/{name}/replace': { input: { path: { name: string }; body: Replacement }; answer: ReplaceAnswer };
    'GET /v1/tables/{name}/sample': { input: { path: { name: string }; query?: { rows?: number; from?: 'latest' | 'earliest' } }; answer: TableSample };
  }
}
