/** A figure that docs quote, and the command that makes it. */
export interface Evidence {
  readonly name: string;
  readonly summary: string;
  /** Why it cannot run here, or undefined. */
  missing?(): string | undefined;
  /** @returns what is stored as docs/evidence/<name>.json: no dates, no paths of the machine */
  run(report: (line: string) => void): Promise<object>;
}
