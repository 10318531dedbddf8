// A row of the stream of detections.
export interface Detection {
  id: string;
  cursor: string;
  query: string;
  version?: number;
  sink: string;
  time?: string;
  change?: string;
  columns: unknown;
  events?: Array<{ variable?: string; table: string; partition: number; offset: number }> | null;
}
