// Made from the server's description by go test ./internal/e2e/page -run Types -rewrite. Do not edit.

export interface Routes {
  'DELETE /v1/backtests/{id}': { input: { path: { 'id': string }; }; answer: unknown };
  'DELETE /v1/queries/{name}': { input: { path: { 'name': string }; }; answer: unknown };
  'DELETE /v1/queries/{name}/instances/{id}': { input: { path: { 'name': string; 'id': string }; query?: { 'reason'?: string }; }; answer: Instance };
  'DELETE /v1/queries/{name}/shadow': { input: { path: { 'name': string }; }; answer: unknown };
  'GET /v1/backtests': { input: { }; answer: Array<Backtest> | null };
  'GET /v1/backtests/{id}': { input: { path: { 'id': string }; }; answer: Backtest };
  'GET /v1/instances': { input: { query?: { 'query'?: Array<string> | null; 'key'?: string; 'waits_for'?: string; 'reached'?: string; 'before'?: string; 'after'?: string; 'limit'?: number }; }; answer: AllInstances };
  'GET /v1/queries': { input: { query?: { 'after'?: string; 'limit'?: number }; }; answer: Array<Info> | null };
  'GET /v1/queries/{name}': { input: { path: { 'name': string }; }; answer: Info };
  'GET /v1/queries/{name}/automaton': { input: { path: { 'name': string }; }; answer: Automata };
  'GET /v1/queries/{name}/detections': { input: { path: { 'name': string }; query?: { 'after'?: string; 'limit'?: number }; }; answer: Detections };
  'GET /v1/queries/{name}/graph': { input: { path: { 'name': string }; }; answer: Graph };
  'GET /v1/queries/{name}/shadow': { input: { path: { 'name': string }; }; answer: ShadowInfo };
  'GET /v1/queries/{name}/status': { input: { path: { 'name': string }; }; answer: Status };
  'GET /v1/queries/{name}/versions': { input: { path: { 'name': string }; }; answer: Array<Version> | null };
  'GET /v1/queries/{name}/why': { input: { path: { 'name': string }; query?: { 'key'?: string; 'detection'?: string; 'from'?: string; 'to'?: string; 'limit'?: number }; }; answer: Report };
  'GET /v1/tables': { input: { query?: { 'after'?: string; 'limit'?: number }; }; answer: Array<Table> | null };
  'GET /v1/tables/{name}/sample': { input: { path: { 'name': string }; query?: { 'rows'?: number; 'from'?: 'latest' | 'earliest' }; }; answer: TableSample };
  'POST /v1/backtests': { input: { body: BacktestRequest; }; answer: Backtest };
  'POST /v1/language/complete': { input: { body: Place; }; answer: CompletionList };
  'POST /v1/language/diagnose': { input: { body: Draft; }; answer: Diagnosis };
  'POST /v1/language/explain': { input: { body: Draft; }; answer: ExplainedText };
  'POST /v1/language/format': { input: { body: Draft; }; answer: Layout };
  'POST /v1/language/hover': { input: { body: Place; }; answer: Meaning };
  'POST /v1/queries': { input: { body: Submission; }; answer: Outcome };
  'POST /v1/queries/{name}/instances/{id}/events': { input: { path: { 'name': string; 'id': string }; body: Raise; }; answer: Raised };
  'POST /v1/queries/{name}/pause': { input: { path: { 'name': string }; }; answer: unknown };
  'POST /v1/queries/{name}/replace': { input: { path: { 'name': string }; body: Replacement; }; answer: ReplaceAnswer };
  'POST /v1/queries/{name}/resume': { input: { path: { 'name': string }; }; answer: unknown };
  'POST /v1/queries/{name}/shadow': { input: { path: { 'name': string }; body: NewShadow; }; answer: ShadowInfo };
  'POST /v1/queries/{name}/shadow/promote': { input: { path: { 'name': string }; }; answer: Info };
  'POST /v1/tables/{name}/events': { input: { path: { 'name': string }; body: unknown; }; answer: Posted };
  'POST /v1/tests': { input: { body: RuleTests; }; answer: TestResults };
}

export interface Problem {
  'detail'?: string;
  'diagnostics'?: Array<Diagnostic> | null;
  'errors'?: Array<ErrorDetail> | null;
  'instance'?: string;
  'status'?: number;
  'title'?: string;
  'type'?: string;
}

export interface Instance {
  'complete'?: boolean;
  'expires'?: string;
  'id': string;
  'key': Record<string, unknown>;
  'measures': Record<string, unknown>;
  'none_of'?: Array<string> | null;
  'pattern'?: string;
  'rows': Array<InstanceRow> | null;
  'since': string;
  'stage': number;
  'waits_for'?: Array<string> | null;
}

export interface Backtest {
  'created': string;
  'ended'?: string;
  'error'?: string;
  'id': string;
  'progress'?: BacktestProgress;
  'report'?: BacktestReport;
  'request': BacktestRequest;
  'started'?: string;
  'state': 'queued' | 'running' | 'done' | 'failed';
}

export interface AllInstances {
  'instances': Array<QueryInstance> | null;
  'next'?: string;
  'not_listed'?: Array<NotListed> | null;
  'partial'?: boolean;
  'total': number;
}

export interface Info {
  'created': string;
  'error'?: string;
  'name': string;
  'params'?: Record<string, string>;
  'rule'?: Record<string, string>;
  'sql': string;
  'state': 'recovering' | 'running' | 'finished' | 'stopped' | 'failed' | 'paused';
  'version': number;
}

export interface Automata {
  'at': string;
  'partial'?: boolean;
  'patterns': Array<AutomatonView> | null;
}

export interface Detections {
  'detections': Array<Detection> | null;
  'gaps'?: Array<Gap> | null;
  'next': string;
}

export interface Graph {
  'at': string;
  'blocked_ms': number;
  'cut'?: boolean;
  'edges': Array<GraphEdge> | null;
  'held_back_by'?: string;
  'nodes': Array<GraphNode> | null;
  'watermark'?: string;
}

export interface ShadowInfo {
  'behind': number;
  'comparison'?: Comparison;
  'error'?: string;
  'from': string;
  'hint'?: string;
  'name': string;
  'phase': 'catching-up' | 'caught-up' | 'comparing' | 'failed';
  'promote'?: boolean;
  'query': Status;
  'version': Version;
}

export interface Status {
  'durability': DurabilityStatus;
  'error'?: string;
  'failure'?: FailureStatus;
  'held_back_by'?: string;
  'hint'?: string;
  'name': string;
  'next_output'?: NextStatus;
  'operators'?: Array<OperatorStatus> | null;
  'partitions': Array<PartitionStatus> | null;
  'rejected'?: Record<string, number>;
  'rule'?: Record<string, string>;
  'shadow'?: string;
  'sinks': Array<SinkStatus> | null;
  'sources'?: Array<SourceStatus> | null;
  'state': string;
  'steps': number;
  'version'?: number;
  'watermark'?: string;
}

export interface Version {
  'by'?: string;
  'created': string;
  'number': number;
  'params'?: Record<string, string>;
  'settings'?: Record<string, string>;
  'sql': string;
  'state'?: string;
}

export interface Report {
  'patterns': Array<Pattern> | null;
  'query': string;
  'version'?: number;
}

export interface Table {
  'added'?: Array<string> | null;
  'behind'?: Array<string> | null;
  'columns': Array<Column> | null;
  'missing'?: Array<string> | null;
  'name': string;
  'note'?: string;
  'options': Record<string, string>;
  'unknown'?: Array<UnknownField> | null;
  'watermark'?: string;
}

export interface TableSample {
  'incomplete'?: boolean;
  'rows': Array<SampleRow> | null;
  'table': string;
}

export interface BacktestRequest {
  'against'?: string;
  'amount'?: string;
  'by'?: string;
  'from'?: string;
  'label'?: string;
  'limit'?: number;
  'params'?: Record<string, string>;
  'query'?: string;
  'sql'?: string;
  'to'?: string;
}

export interface Place {
  'params'?: Record<string, string>;
  'position': number;
  'sql': string;
}

export interface CompletionList {
  'items': Array<CompletionItem> | null;
  'replace': Range;
}

export interface Draft {
  'params'?: Record<string, string>;
  'sql': string;
}

export interface Diagnosis {
  'findings': Array<Finding> | null;
}

export interface ExplainedText {
  'findings': Array<Finding> | null;
  'queries': Array<Explanation> | null;
}

export interface Layout {
  'sql': string;
}

export interface Meaning {
  'doc'?: string;
  'kind'?: 'table' | 'view' | 'column' | 'variable' | 'function' | 'keyword' | 'option' | 'setting';
  'title'?: string;
  'word'?: Range;
}

export interface Submission {
  'file'?: string;
  'from_savepoint'?: string;
  'name'?: string;
  'params'?: Record<string, string>;
  'sinks'?: 'refuse' | 'deduplicate' | 'redeliver';
  'sql': string;
}

export interface Outcome {
  'answers'?: Array<Answer> | null;
  'dropped'?: Array<string> | null;
  'paused'?: Array<string> | null;
  'pinned'?: Array<string> | null;
  'queries': Array<string> | null;
  'shadows'?: Array<string> | null;
  'warnings'?: Array<Diagnostic> | null;
}

export interface Raise {
  'table'?: string;
  'values'?: Record<string, unknown>;
}

export interface Raised {
  'event'?: EventRef;
  'table': string;
}

export interface Replacement {
  'dry_run'?: boolean;
  'file'?: string;
  'from'?: string;
  'mapping'?: Record<string, string>;
  'mode'?: 'keep' | 'drop' | 'replay';
  'params'?: Record<string, string>;
  'settings'?: Record<string, string>;
  'sql': string;
  'version'?: number;
}

export interface ReplaceAnswer {
  'advice': 'keep' | 'replay' | 'drop';
  'done': boolean;
  'notes'?: Array<string> | null;
  'operators': Array<Kept> | null;
  'query': string;
  'reasons'?: Array<ReplaceReason> | null;
  'replay_from'?: string;
  'replaying'?: boolean;
  'version': number;
  'warnings'?: Array<Diagnostic> | null;
}

export interface NewShadow {
  'file'?: string;
  'from'?: string;
  'params'?: Record<string, string>;
  'promote'?: boolean;
  'sql': string;
}

export interface Posted {
  'count': number;
  'events': Array<EventRef> | null;
  'received': string;
  'table': string;
}

export interface RuleTests {
  'sql': string;
  'tests': string;
}

export interface TestResults {
  'covered': Array<CoveredPattern> | null;
  'failed': number;
  'passed': number;
  'results': Array<TestResult> | null;
}

export interface Diagnostic {
  'code': string;
  'column': number;
  'end': number;
  'hint'?: string;
  'line': number;
  'message': string;
  'severity': 'error' | 'warning';
  'start': number;
}

export interface ErrorDetail {
  'location'?: string;
  'message'?: string;
  'value'?: unknown;
}

export interface InstanceRow {
  'offset'?: number;
  'partition'?: number;
  'table'?: string;
  'time': string;
  'variable': string;
}

export interface BacktestProgress {
  'detections': number;
  'eta_seconds': number;
  'part': 'labels' | 'after' | 'before';
  'partitions': number;
  'partitions_ended': number;
  'rows': number;
  'seconds': number;
  'share': number;
}

export interface BacktestReport {
  'after': BacktestVersion;
  'appear': BacktestDifference;
  'before'?: BacktestVersion;
  'by'?: string;
  'change': BacktestDifference;
  'days': Array<BacktestPart> | null;
  'disappear': BacktestDifference;
  'same': number;
  'segments'?: Array<BacktestPart> | null;
}

export interface QueryInstance {
  'complete'?: boolean;
  'expires'?: string;
  'id': string;
  'key': Record<string, unknown>;
  'measures': Record<string, unknown>;
  'none_of'?: Array<string> | null;
  'pattern'?: string;
  'query': string;
  'rows': Array<InstanceRow> | null;
  'since': string;
  'stage': number;
  'waits_for'?: Array<string> | null;
}

export interface NotListed {
  'query': string;
  'reason': string;
}

export interface AutomatonView {
  'cut'?: boolean;
  'name'?: string;
  'open': number;
  'pattern': string;
  'stage': number;
  'states': Array<StateView> | null;
  'variables': Array<VariableView> | null;
}

export interface Detection {
  'change'?: '-U' | '+U' | '-D';
  'columns': unknown;
  'cursor': string;
  'events'?: Array<DetectedEvent> | null;
  'id': string;
  'left_out'?: number;
  'query': string;
  'rule'?: Record<string, string>;
  'sink': string;
  'time'?: string;
  'version'?: number;
}

export interface Gap {
  'missed'?: number;
  'query': string;
  'reason': 'evicted' | 'restarted' | 'rate';
  'sink'?: string;
}

export interface GraphEdge {
  'from': string;
  'operators'?: Array<string> | null;
  'rows': number;
  'to': string;
}

export interface GraphNode {
  'busy_ms': number;
  'bytes': number;
  'dropped'?: number;
  'id': string;
  'key'?: Array<string> | null;
  'keys'?: number;
  'kind': 'source' | 'stage' | 'sink';
  'lag': number;
  'partial_matches'?: number;
  'pattern'?: boolean;
  'paused'?: number;
  'pressure': number;
  'rows_in': number;
  'rows_out': number;
  'title': string;
  'units': number;
  'waiting_rows'?: number;
  'watermark'?: string;
}

export interface Comparison {
  'changed': number;
  'columns': Array<ColumnChanges> | null;
  'days': Array<DayOutcomes> | null;
  'differences': Array<Difference> | null;
  'error'?: string;
  'only_new': number;
  'only_old': number;
  'same': number;
  'since': string;
  'uncompared': number;
  'waiting_new': number;
  'waiting_old': number;
}

export interface DurabilityStatus {
  'durable_step': number;
  'kept': boolean;
  'last_commit'?: string;
  'last_snapshot'?: string;
  'snapshot_bytes': number;
  'state_bytes'?: number;
  'step': number;
}

export interface FailureStatus {
  'at': string;
  'next_restart'?: string;
  'panic'?: boolean;
  'restarts': number;
  'where'?: string;
}

export interface NextStatus {
  'clock'?: string;
  'needs'?: Array<string> | null;
  'others'?: number;
  'reason': string;
  'stage': number;
  'watermark'?: string;
}

export interface OperatorStatus {
  'budget_bytes'?: number;
  'bytes': number;
  'cold_keys'?: number;
  'keys': number;
  'loaded_keys'?: number;
  'lookup'?: LookupStatus;
  'partial_matches': number;
  'rows': number;
  'shards': number;
  'spilled_keys'?: number;
  'stage': number;
  'state_reads'?: number;
  'waiting_rows': number;
  'withheld_rows'?: number;
}

export interface PartitionStatus {
  'end': number;
  'ended': boolean;
  'files'?: FilesStatus;
  'filtered': number;
  'idle': boolean;
  'lag': number;
  'late': number;
  'newest'?: string;
  'partition': number;
  'paused'?: boolean;
  'position': number;
  'rejects': number;
  'rows': number;
  'table': string;
  'watermark'?: string;
}

export interface SinkStatus {
  'acknowledged': number;
  'calls'?: CallStatus;
  'newest'?: string;
  'queued_bytes': number;
  'rows': number;
  'table': string;
  'warnings'?: WarningStatus;
}

export interface SourceStatus {
  'advice'?: string;
  'alignment'?: string;
  'delay'?: string;
  'difference'?: DifferenceStatus;
  'disorder'?: DisorderStatus;
  'late': number;
  'newest'?: string;
  'table': string;
  'warnings'?: WarningStatus;
}

export interface Pattern {
  'cut'?: boolean;
  'key': Record<string, unknown>;
  'matches': Array<Match> | null;
  'misses': Array<Miss> | null;
  'open': Array<Miss> | null;
  'others'?: number;
  'rows': number;
  'stage': number;
}

export interface Column {
  'computed'?: boolean;
  'metadata'?: string;
  'name': string;
  'not_null'?: boolean;
  'type': string;
}

export interface UnknownField {
  'name': string;
  'type'?: string;
}

export interface SampleRow {
  'columns'?: unknown;
  'offset': number;
  'partition': number;
  'record'?: string;
  'rejected'?: string;
  'time'?: string;
}

export interface CompletionItem {
  'detail'?: string;
  'doc'?: string;
  'kind': 'keyword' | 'table' | 'view' | 'column' | 'variable' | 'function' | 'option' | 'value' | 'setting' | 'type';
  'label': string;
}

export interface Range {
  'column': number;
  'end': number;
  'from': number;
  'line': number;
  'start': number;
  'to': number;
}

export interface Finding {
  'code': string;
  'column': number;
  'end': number;
  'from': number;
  'hint'?: string;
  'line': number;
  'message': string;
  'severity': 'error' | 'warning';
  'start': number;
  'to': number;
}

export interface Explanation {
  'patterns'?: Array<PatternExplanation> | null;
  'query': string;
  'text': string;
}

export interface Answer {
  'columns'?: Array<string> | null;
  'rows'?: Array<Array<string> | null> | null;
  'text'?: string;
}

export interface EventRef {
  'href': string;
  'id': string;
}

export interface Kept {
  'operator': string;
  'stage': number;
  'state': 'kept' | 'moved' | 'lost';
}

export interface ReplaceReason {
  'column'?: number;
  'line'?: number;
  'remedy'?: string;
  'text': string;
  'variable'?: string;
}

export interface CoveredPattern {
  'missing'?: Array<string> | null;
  'query': string;
  'seen': number;
  'stage': number;
  'total': number;
}

export interface TestResult {
  'failures'?: Array<string> | null;
  'millis': number;
  'name': string;
  'passed': boolean;
}

export interface BacktestVersion {
  'detections': number;
  'rows': number;
  'score'?: BacktestScore;
  'seconds': number;
}

export interface BacktestDifference {
  'count': number;
  'first'?: Array<BacktestExample> | null;
}

export interface BacktestPart {
  'after': number;
  'appear': number;
  'before': number;
  'change': number;
  'disappear': number;
  'name': string;
}

export interface StateView {
  'match'?: string;
  'open': number;
  'steps': Array<StepInfo> | null;
}

export interface VariableView {
  'condition': string;
  'name': string;
  'rows': number;
  'waiting': number;
}

export interface DetectedEvent {
  'conditions'?: Array<DetectedCondition> | null;
  'detection'?: string;
  'offset': number;
  'partition': number;
  'table'?: string;
  'time'?: string;
  'variable'?: string;
}

export interface ColumnChanges {
  'column': string;
  'rows': number;
}

export interface DayOutcomes {
  'changed': number;
  'day': string;
  'only_new': number;
  'only_old': number;
  'same': number;
}

export interface Difference {
  'columns'?: Array<string> | null;
  'id': string;
  'kind': 'only_old' | 'only_new' | 'changed';
  'new'?: unknown;
  'old'?: unknown;
  'table': string;
  'time'?: string;
}

export interface LookupStatus {
  'errors': number;
  'failed': number;
  'hits': number;
  'misses': number;
  'table': string;
}

export interface FilesStatus {
  'bytes': number;
  'files': number;
  'read': number;
  'skipped': number;
}

export interface CallStatus {
  'breaker'?: string;
  'calls': number;
  'failures': number;
  'last_error'?: string;
  'refused': number;
}

export interface WarningStatus {
  'at': string;
  'count': number;
  'last': string;
}

export interface DifferenceStatus {
  'added'?: Array<string> | null;
  'looked_at': number;
  'missing'?: Array<string> | null;
  'more'?: boolean;
  'schemas'?: number;
  'text': string;
  'unknown'?: Array<FieldStatus> | null;
}

export interface DisorderStatus {
  'max': number;
  'p50': number;
  'p90': number;
  'p99': number;
  'p999': number;
  'rows': number;
}

export interface Match {
  'ids': Array<string> | null;
  'rows': Array<Row> | null;
  'time': string;
  'timed_out'?: boolean;
}

export interface Miss {
  'cause': 'row' | 'forbidden' | 'time' | 'skipped' | 'open';
  'ended'?: string;
  'ended_by'?: Row;
  'nearest'?: Array<Row> | null;
  'none_of'?: Array<string> | null;
  'rows': Array<Row> | null;
  'waited_for'?: Array<string> | null;
}

export interface PatternExplanation {
  'name'?: string;
  'samples'?: Samples;
  'stage': number;
  'states': Array<StateInfo> | null;
}

export interface BacktestScore {
  'detections': number;
  'found': number;
  'found_worth'?: number;
  'labelled': number;
  'precision': number;
  'recall': number;
  'right': number;
  'worth'?: number;
}

export interface BacktestExample {
  'before'?: unknown;
  'id': string;
  'row'?: unknown;
  'time'?: string;
}

export interface StepInfo {
  'condition': string;
  'notes'?: Array<string> | null;
  'step': string;
  'to': number;
}

export interface DetectedCondition {
  'text': string;
  'values'?: Record<string, unknown>;
}

export interface FieldStatus {
  'name': string;
  'offset': number;
  'partition': number;
  'records': number;
  'schema'?: number;
  'type'?: string;
}

export interface Row {
  'conditions'?: Array<Condition> | null;
  'detection'?: string;
  'offset': number;
  'partition': number;
  'table'?: string;
  'time': string;
  'variable'?: string;
}

export interface Samples {
  'accepts': Array<Sample> | null;
  'notes'?: Array<string> | null;
  'rejects': Array<Sample> | null;
}

export interface StateInfo {
  'match'?: string;
  'steps': Array<StepInfo> | null;
}

export interface Condition {
  'error'?: string;
  'holds': boolean;
  'text': string;
  'values'?: Record<string, unknown>;
}

export interface Sample {
  'note'?: string;
  'rows': Array<string> | null;
}
