/** What is kept of the values of one tensor: exact bounds and a histogram that widens as it goes, so that one pass is enough. */

/** Bins on each side of zero. A value's bin is at most 1/512 of the largest magnitude wide, a quarter of an int8 step over both signs. */
const BINS_PER_SIDE = 1024;

export class ValueHistogram {
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  /** Values that are exactly zero: the most frequent value after relu, and always represented exactly. */
  zeros = 0;
  /** All values that were counted, the zeros included. */
  count = 0;
  /** Counts of the non-zero values: bin i holds (i − BINS_PER_SIDE) · width ≤ v < (i + 1 − BINS_PER_SIDE) · width. */
  readonly bins = new Uint32Array(2 * BINS_PER_SIDE);
  /** A power of two; 0 while only zeros were seen. */
  width = 0;

  /**
   * Values that are not finite are a defect of the network; the bounds show them.
   * @param stride every stride-th value goes into the histogram; the bounds are of all
   */
  add(values: Float32Array, stride = 1): void {
    let min = this.min;
    let max = this.max;
    for (let i = 0; i < values.length; i++) {
      const v = values[i] as number;
      if (v < min) min = v;
      if (v > max) max = v;
    }
    this.min = min;
    this.max = max;
    const counted = Math.ceil(values.length / stride);
    this.count += counted;
    this.#fit(Math.max(Math.abs(min), Math.abs(max)));
    if (this.width === 0) {
      this.zeros += counted;
      return;
    }
    const { bins } = this;
    const perWidth = 1 / this.width;
    let zeros = 0;
    for (let i = 0; i < values.length; i += stride) {
      const v = values[i] as number;
      if (v === 0) zeros++;
      else {
        // Truncating a shifted, positive number is a floor, and much cheaper.
        const bin = (v * perWidth + BINS_PER_SIDE) | 0;
        bins[bin] = (bins[bin] as number) + 1;
      }
    }
    this.zeros += zeros;
  }

  /** Widens the bins, by doubling, until `magnitude` has one. */
  #fit(magnitude: number): void {
    if (!(magnitude > 0) || !Number.isFinite(magnitude)) return;
    if (this.width === 0) this.width = 2 ** (Math.floor(Math.log2(magnitude)) + 1) / BINS_PER_SIDE;
    while (magnitude >= this.width * BINS_PER_SIDE) {
      const old = this.bins.slice();
      this.bins.fill(0);
      for (let i = 0; i < old.length; i++) {
        const merged = Math.floor((i - BINS_PER_SIDE) / 2) + BINS_PER_SIDE;
        this.bins[merged] = (this.bins[merged] as number) + (old[i] as number);
      }
      this.width *= 2;
    }
  }

  /** Middle of a bin, within the bounds that were seen. */
  centre(bin: number): number {
    return Math.min(this.max, Math.max(this.min, (bin + 0.5 - BINS_PER_SIDE) * this.width));
  }
}
