/** Evidence that is measured part by part: what is not measured again is kept. */
import { readFileSync } from 'node:fs';

export interface RowSource<T> {
  /** Of the evidence: its file is docs/evidence/<name>.json. */
  readonly name: string;
  /** All there are, in their order. */
  readonly ids: readonly string[];
  /** None = all. */
  readonly chosen: readonly string[];
  /** @param earlier what an earlier run found */
  measure(id: string, earlier: T | undefined): Promise<T>;
}

/** @returns rows by the order of `ids`: those chosen anew, others as they stand in the file when the last one is done */
export async function renewRows<T extends { readonly id: string }>({
  name,
  ids,
  chosen,
  measure,
}: RowSource<T>): Promise<readonly T[]> {
  const renewed = new Map<string, T>();
  for (const id of ids.filter((one) => chosen.length === 0 || chosen.includes(one))) {
    const earlier = readRows<T>(name).find((row) => row.id === id);
    renewed.set(id, await measure(id, earlier));
  }
  const kept = readRows<T>(name);
  return ids.flatMap((id) => renewed.get(id) ?? kept.find((row) => row.id === id) ?? []);
}

function readRows<T>(name: string): readonly T[] {
  try {
    const text = readFileSync(new URL(`../docs/evidence/${name}.json`, import.meta.url), 'utf8');
    return (JSON.parse(text) as { readonly rows: readonly T[] }).rows;
  } catch {
    return [];
  }
}
