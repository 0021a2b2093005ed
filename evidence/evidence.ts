/** A figure that docs quote, and the command that makes it. */
export interface Evidence {
  readonly name: string;
  readonly summary: string;
  /** Why it cannot run here, or undefined. */
  missing?(): string | undefined;
  /** Names of parts that can be measured alone; absent: it is measured as a whole. */
  parts?(): readonly string[];
  /**
   * @param chosen parts to measure again, all of them among `parts`; none = all
   * @returns what is stored as docs/evidence/<name>.json: no dates, no paths of the machine
   */
  run(report: (line: string) => void, chosen?: readonly string[]): Promise<object>;
}

/** Why these parts cannot be chosen; undefined when they can. */
export function refuseParts({ name, parts }: Evidence, chosen: readonly string[]): string | undefined {
  if (chosen.length === 0) return undefined;
  if (!parts) return `${name} has no parts to choose: ${chosen.join(', ')}`;
  const known = parts();
  const unknown = chosen.filter((part) => !known.includes(part));
  return unknown.length === 0 ? undefined : `${name} has no ${unknown.join(', ')}; it has ${known.join(', ')}`;
}
