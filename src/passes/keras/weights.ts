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
  if (named.some((v) => v === undefined)) {
    // Without any names, what follows the variables that matter is a layer's bookkeeping (the count of Normalization).
    const unnamed = found.length > specs.length && found.every((v) => v.name === '');
    if (unnamed || found.length === specs.length) chosen = found.slice(0, specs.length);
  }
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

/** A variable with its full name, cut at the slashes and without `:0`: [scope…, layer, variable]. */
export interface ScopedVariable {
  readonly parts: readonly string[];
  readonly variable: KerasVariable;
}

/** Parts of a variable's full name. */
export function scopeParts(name: string): string[] {
  return name.replace(/:\d+$/, '').split('/');
}

/** Variables by the name of the layer around them: a network has thousands of both. */
export function groupByLayer(all: readonly ScopedVariable[]): ReadonlyMap<string, readonly ScopedVariable[]> {
  const groups = new Map<string, ScopedVariable[]>();
  for (const scoped of all) {
    const layer = scoped.parts.at(-2);
    if (layer === undefined) continue;
    const group = groups.get(layer);
    if (group) group.push(scoped);
    else groups.set(layer, [scoped]);
  }
  return groups;
}

/**
 * Variables of the layer at `path` among those of several layers. Keras 2 leaves out the names of models around a layer or
 * writes other scopes, so only the layer's own name must agree; of several such layers the one whose scope agrees
 * longest with the path, and has the least left over, is taken.
 */
export function variablesInScope(all: readonly ScopedVariable[], path: readonly string[]): KerasVariable[] {
  let best = -1;
  let found: KerasVariable[] = [];
  for (const { parts, variable } of all) {
    const scope = parts.slice(0, -1);
    let n = 0;
    while (n < scope.length && n < path.length && scope.at(-1 - n) === path.at(-1 - n)) n++;
    if (n === 0) continue;
    const score = n * 1000 - (scope.length - n);
    if (score > best) {
      best = score;
      found = [];
    }
    if (score === best) found.push(variable);
  }
  return found;
}
