/** Statistics over importance curves. */

/** Strict local maxima (an end counts against its one neighbour) plus the global maximum; NaN is never one. */
export function localMaxima(values: ArrayLike<number>): boolean[] {
  const at = (i: number): number =>
    i < 0 || i >= values.length || Number.isNaN(values[i]) ? Number.NEGATIVE_INFINITY : (values[i] as number);
  const peaks = Array.from(values, (v, i) => !Number.isNaN(v) && v > at(i - 1) && v > at(i + 1));
  let best = -1;
  Array.from(values).forEach((v, i) => {
    if (!Number.isNaN(v) && (best < 0 || v > at(best))) best = i;
  });
  if (best >= 0) peaks[best] = true;
  return peaks;
}

/** Pearson correlation of the pairs in which both are finite; NaN for fewer than two or without spread. */
export function pearson(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const pairs = Array.from(x, (v, i) => [v, y[i] as number] as const).filter(
    ([a, b]) => Number.isFinite(a) && Number.isFinite(b),
  );
  const n = pairs.length;
  if (n < 2) return Number.NaN;
  const mx = pairs.reduce((s, [a]) => s + a, 0) / n;
  const my = pairs.reduce((s, [, b]) => s + b, 0) / n;
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (const [a, b] of pairs) {
    xy += (a - mx) * (b - my);
    xx += (a - mx) ** 2;
    yy += (b - my) ** 2;
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : Number.NaN;
}

/** Average ranks (1-based; ties share their mean rank). */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort(
    (a, b) => (values[a] as number) - (values[b] as number),
  );
  const out = new Float64Array(values.length);
  for (let i = 0; i < order.length; ) {
    let j = i;
    while (j + 1 < order.length && values[order[j + 1] as number] === values[order[i] as number]) j++;
    for (let k = i; k <= j; k++) out[order[k] as number] = (i + j) / 2 + 1;
    i = j + 1;
  }
  return out;
}

/** Spearman rank correlation. */
export function spearman(x: ArrayLike<number>, y: ArrayLike<number>): number {
  return pearson(ranks(x), ranks(y));
}

/** Indices from best to worst; NaN last, equals in their given order. */
export function orderDescending(values: ArrayLike<number>): number[] {
  const key = (i: number): number => (Number.isNaN(values[i]) ? Number.NEGATIVE_INFINITY : (values[i] as number));
  return Array.from({ length: values.length }, (_, i) => i).sort((a, b) =>
    key(b) === key(a) ? a - b : key(b) - key(a),
  );
}
