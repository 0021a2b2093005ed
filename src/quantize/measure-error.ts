/** How far quantized values are from the float network's, as sums that can be added up sample by sample. */

/** 10·log10 of signal over error power; null when there is no error at all. */
export class ErrorSum {
  signal = 0;
  error = 0;
  count = 0;

  add(expected: ArrayLike<number>, actual: ArrayLike<number>): void {
    for (let i = 0; i < expected.length; i++) {
      const value = expected[i] as number;
      const difference = value - (actual[i] as number);
      this.signal += value * value;
      this.error += difference * difference;
    }
    this.count += expected.length;
  }

  /** @param scale of the int8 codes in `actual` */
  addCodes(expected: Float32Array, actual: ArrayLike<number>, scale: number, zeroPoint: number): void {
    for (let i = 0; i < expected.length; i++) {
      const value = expected[i] as number;
      const difference = value - scale * ((actual[i] as number) - zeroPoint);
      this.signal += value * value;
      this.error += difference * difference;
    }
    this.count += expected.length;
  }

  get sqnrDb(): number | null {
    if (this.error === 0) return null;
    return this.signal === 0 ? 0 : 10 * Math.log10(this.signal / this.error);
  }
}
