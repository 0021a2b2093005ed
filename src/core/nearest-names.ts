/** Longer names are compared by their beginning: what was typed may come from a file of any size. */
const MAX_COMPARED = 100;

/** Levenshtein distance, case ignored. */
function editDistance(a: string, b: string): number {
  const s = a.slice(0, MAX_COMPARED).toLowerCase();
  const t = b.slice(0, MAX_COMPARED).toLowerCase();
  let row = Array.from({ length: t.length + 1 }, (_, i) => i);
  for (let i = 1; i <= s.length; i++) {
    const next = [i];
    for (let j = 1; j <= t.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (s[i - 1] === t[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[t.length] ?? 0;
}

/**
 * The names most like what was typed: those that contain it or are contained in it, then by edit distance.
 * @returns at most `count` names, none when nothing is close
 */
export function findNearestNames(typed: string, names: readonly string[], count = 4): string[] {
  const scored = names.map((name) => {
    const a = name.toLowerCase();
    const b = typed.toLowerCase();
    const contains = b.length >= 2 && (a.includes(b) || b.includes(a));
    return { name, score: editDistance(typed, name) - (contains ? 100 : 0) };
  });
  // More than half of the letters must be right.
  const limit = Math.max(2, typed.length / 2);
  return scored
    .filter((s) => s.score < limit)
    .sort((x, y) => x.score - y.score || (x.name < y.name ? -1 : 1))
    .slice(0, count)
    .map((s) => s.name);
}
