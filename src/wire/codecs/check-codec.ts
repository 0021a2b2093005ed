import { type CodecSpec, MAX_PRECISION, MAX_TABLES, WIRE_CODE_BITS } from './codec.js';

/** What is wrong with a codec, and where in its spec. */
export interface CodecProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/**
 * Everything that must hold for a spec whose fields have the right types, so that encoder and decoder cannot be led astray.
 * @param shape of the wire tensor, last axis channels
 */
export function listCodecProblems(spec: CodecSpec, shape: readonly number[]): CodecProblem[] {
  const problems: CodecProblem[] = [];
  const add = (path: readonly (string | number)[], message: string): void => {
    problems.push({ path, message });
  };
  if (spec.id === 'raw') return problems;
  if (!WIRE_CODE_BITS.includes(spec.bits)) add(['bits'], `is ${spec.bits}, not ${WIRE_CODE_BITS.join(', ')}`);
  if (spec.id === 'packed') return problems;
  const { bits, precision, tableOfChannel, tables } = spec;
  const channels = shape.at(-1) ?? 0;
  if (!Number.isInteger(precision) || precision < bits || precision > MAX_PRECISION) {
    add(['precision'], `is ${precision}, not an integer from ${bits} to ${MAX_PRECISION}`);
    return problems;
  }
  if (tables.length < 1 || tables.length > Math.min(channels, MAX_TABLES)) {
    add(['tables'], `has ${tables.length} tables for ${channels} channels; at most ${MAX_TABLES} are read`);
    return problems;
  }
  if (tableOfChannel.length !== channels) {
    add(['tableOfChannel'], `names tables of ${tableOfChannel.length} channels, the tensor has ${channels}`);
  }
  const used = new Set(tableOfChannel);
  for (const table of used) {
    if (!Number.isInteger(table) || table < 0 || table >= tables.length) {
      add(['tableOfChannel'], `names table ${table}, there are ${tables.length}`);
    }
  }
  for (const [t, table] of tables.entries()) {
    if (!used.has(t)) add(['tables', t], 'serves no channel');
    const wrong = findTableProblem(table, bits, precision);
    if (wrong !== undefined) add(['tables', t], wrong);
  }
  return problems;
}

function findTableProblem(table: readonly number[], bits: number, precision: number): string | undefined {
  const [codes, total] = [2 ** bits, 2 ** precision];
  if (table.length !== codes) return `has ${table.length} frequencies for ${codes} codes`;
  if (table.some((f) => !Number.isInteger(f) || f < 1 || f > total)) {
    return `has a frequency that is no integer from 1 to ${total}`;
  }
  const sum = table.reduce((a, b) => a + b, 0);
  return sum === total ? undefined : `adds up to ${sum} and not to ${total}`;
}
