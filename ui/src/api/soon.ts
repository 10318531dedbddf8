// Routes that a server of this version may lack; without them a view says so.
import './schema';

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
    'GET /v1/tables/{name}/sample': { input: { path: { name: string }; query?: { rows?: number; from?: 'latest' | 'earliest' } }; answer: TableSample };
  }
}
