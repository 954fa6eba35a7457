export interface Parameters {
  readonly machines: number;
  readonly clusterSize: number;
  readonly latencyMs: readonly [least: number, most: number];
  readonly saveMs: readonly [least: number, most: number];
  readonly netTicktimeMs: number;
  readonly skewMs: number;
}
