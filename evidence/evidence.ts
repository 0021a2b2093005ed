/** A figure that docs quote, and the command that makes it. */
export interface Evidence {
  readonly name: string;
  readonly summary: string;
  /** Why it cannot run here, or undefined. */
  missing?(): string | undefined;
  /**
   * @param chosen parts to measure again, of evidence that has parts; none = all
   * @returns what is stored as docs/evidence/<name>.json: no dates, no paths of the machine
   */
  run(report: (line: string) => void, chosen?: readonly string[]): Promise<object>;
}
