/** Samples of artifacts: the `n`-th of `t` parts, so that `t` verifications read everything exactly once. */

/** `n` of `t`: 1 ≤ n ≤ t. */
export interface Sample {
  readonly n: number;
  readonly t: number;
}

/** Checks whether the artifact with this digest is in the sample. */
export const isDrawn = ({ n, t }: Sample, sha256: string): boolean =>
  Number.parseInt(sha256.slice(0, 12), 16) % t === n - 1;
