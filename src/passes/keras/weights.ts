/** Variables of Keras layers, wherever they are stored. The keras and the tfjs reader implement it. */
export interface KerasVariable {
  /** Last part of the variable's name (`kernel`), or '' where the file only has an order. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Row-major values. @throws IsplitError E_MODEL_CORRUPT */
  read(): Float32Array;
}

export interface KerasWeights {
  /** Variables of a layer in the order Keras saved them; the path is [nested model…, layer]. */
  of(path: readonly string[]): readonly KerasVariable[];
}

/** What a layer expects: any of these names, in this shape. */
export interface VariableSpec {
  readonly names: readonly string[];
  readonly shape: readonly number[];
}

/**
 * Finds each spec by name, or by position when the file has no names (or only unknown ones) and the count fits.
 * @returns the variables in the order of the specs, or the reason why not
 */
export function matchVariables(
  found: readonly KerasVariable[],
  specs: readonly VariableSpec[],
): readonly KerasVariable[] | string {
  const named = specs.map((spec) => found.find((v) => spec.names.includes(v.name)));
  let chosen: readonly (KerasVariable | undefined)[] = named;
  if (named.some((v) => v === undefined) && found.length === specs.length) chosen = found;
  const missing = specs.filter((_, i) => chosen[i] === undefined).map((spec) => spec.names[0]);
  if (missing.length > 0) {
    const has = found.map((v) => v.name || '?').join(', ') || 'none';
    return `the file has no ${missing.join(', ')} for it (it has ${has})`;
  }
  for (const [i, spec] of specs.entries()) {
    const variable = chosen[i] as KerasVariable;
    if (variable.shape.length !== spec.shape.length || variable.shape.some((d, k) => d !== spec.shape[k])) {
      return `${spec.names[0]} has the shape [${variable.shape}] instead of [${spec.shape}]`;
    }
  }
  return chosen as readonly KerasVariable[];
}
