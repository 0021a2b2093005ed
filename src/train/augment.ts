import { createRandom } from '../core/random.js';

export interface Augmentation {
  /** Mirror left and right, every second time. */
  readonly flip?: boolean;
  /** A window of the picture's size out of the picture with this many pixels put around it: it moves by at most as many each way. */
  readonly shift?: number;
  /** What is put around it: zeros (in the network's own units) or the nearest pixel of the edge (default). */
  readonly padding?: 'zero' | 'edge';
  /**
   * Every second picture of a batch is a mixture with the next one, by a share drawn evenly; so are its labels. Source: Zhang et al.,
   * "mixup: Beyond Empirical Risk Minimization", ICLR 2018. For learning from a teacher: Beyer et al., "Knowledge distillation: A good
   * teacher is patient and consistent", CVPR 2022.
   */
  readonly mix?: boolean;
}

export interface Placement {
  readonly flip: boolean;
  /** Rows and columns of the source that the picture starts later (negative: earlier). */
  readonly down: number;
  readonly right: number;
}

/** Of so many pictures of a batch, the first stays alone. */
export const MIXED_TOGETHER = 2;

/** Share of the next picture in every picture of a batch: 0 in the first and every second one after it, which stay alone. */
export function drawMixtures(seed: number, epoch: number, samples: Uint32Array): number[] {
  return Array.from(samples, (sample, i) =>
    i % MIXED_TOGETHER === 0 ? 0 : createRandom(mixSeeds(seed, epoch, sample, MIX_STREAM)).next(),
  );
}

/** Apart from where a picture is placed. */
const MIX_STREAM = 1;

/**
 * Every row becomes (1 − share) of itself and `share` of the next row, the last one's next being the first.
 * @param rows `shares.length` rows of equal length, changed in place
 */
export function mixRows(rows: Float32Array, shares: readonly number[]): void {
  const size = rows.length / shares.length;
  const first = rows.slice(0, size);
  shares.forEach((share, i) => {
    if (share === 0) return;
    const next = i + 1 < shares.length ? rows.subarray((i + 1) * size, (i + 2) * size) : first;
    for (let k = 0; k < size; k++) {
      const at = i * size + k;
      rows[at] = (1 - share) * (rows[at] as number) + share * (next[k] as number);
    }
  });
}

export interface PictureShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** How one sample is changed in one epoch: depends on these three alone, so order of batches and resuming do not matter. */
export function drawPlacement(augmentation: Augmentation, seed: number, epoch: number, sample: number): Placement {
  const { flip = false, shift = 0 } = augmentation;
  const random = createRandom(mixSeeds(seed, epoch, sample));
  const mirrored = random.next() < 0.5;
  const draw = (): number => random.int(2 * shift + 1) - shift;
  return { flip: flip && mirrored, down: draw(), right: draw() };
}

/**
 * Writes one picture (height, width, channels), row-major, to another place, moved and mirrored.
 * @param from where it begins in `source` @param to where it begins in `target`
 */
export function placePicture(
  source: Float32Array,
  from: number,
  target: Float32Array,
  to: number,
  shape: PictureShape,
  placement: Placement,
  padding: Augmentation['padding'] = 'edge',
): void {
  const { height, width, channels } = shape;
  const { flip, down, right } = placement;
  if (!flip && down === 0 && right === 0) {
    target.set(source.subarray(from, from + height * width * channels), to);
    return;
  }
  const within = (at: number, size: number): number => Math.min(Math.max(at, 0), size - 1);
  for (let y = 0; y < height; y++) {
    const row = y + down;
    const outside = padding === 'zero' && (row < 0 || row >= height);
    const rowStart = from + within(row, height) * width * channels;
    for (let x = 0; x < width; x++) {
      const at = to + (y * width + x) * channels;
      const column = (flip ? width - 1 - x : x) + right;
      if (outside || (padding === 'zero' && (column < 0 || column >= width))) {
        target.fill(0, at, at + channels);
        continue;
      }
      const start = rowStart + within(column, width) * channels;
      for (let c = 0; c < channels; c++) target[at + c] = source[start + c] as number;
    }
  }
}

/** One seed of several numbers: each is mixed in with its own round of the finaliser of MurmurHash3 (public domain, A. Appleby). */
export function mixSeeds(...numbers: readonly number[]): number {
  let h = 0x9747b28c;
  for (const n of numbers) {
    h = (Math.imul(h ^ n, 0x85ebca6b) + 0x9e3779b9) | 0;
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
  }
  return h >>> 0;
}
