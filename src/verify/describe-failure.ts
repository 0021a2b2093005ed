/** Operator versions by what made them necessary in our files. */
const NEEDED_FOR: Readonly<Record<string, string>> = {
  'FULLY_CONNECTED 12': 'fully connected weights with a scale per output channel',
};

/** A runtime's failure in fewer words where it is one that old runtimes end with: an operator version they do not have. */
export function describeFailure(failure: string): string {
  const found = /Didn't find op for builtin opcode '(\w+)' version '(\d+)'/.exec(failure);
  if (!found) return failure;
  const operator = `${found[1]} version ${found[2]}`;
  const why = NEEDED_FOR[`${found[1]} ${found[2]}`];
  return `refused: too old for ${operator}${why === undefined ? '' : ` (${why})`}`;
}
