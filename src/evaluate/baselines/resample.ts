import type { Picture } from '../../preprocess/picture.js';

/** Zero crossings on either side. */
const LOBES = 3;

/** Which source pixels make one target pixel, and how much each counts; weights add up to 1. */
interface Tap {
  readonly first: number;
  readonly weights: Float64Array;
}

/**
 * Resizes with Lanczos' windowed sinc of three lobes, pixel centres aligned; the kernel is widened when it shrinks, so that nothing
 * aliases. Rows first, then columns, rounded once.
 */
export function resample(picture: Picture, height: number, width: number): Picture {
  if (picture.height === height && picture.width === width) return picture;
  const { channels } = picture;
  const columns = makeTaps(picture.width, width);
  const rows = makeTaps(picture.height, height);
  const across = new Float64Array(picture.height * width * channels);
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < width; x++) {
      const { first, weights } = columns[x] as Tap;
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        const from = (y * picture.width + first) * channels + c;
        for (let k = 0; k < weights.length; k++)
          sum += (weights[k] as number) * (picture.data[from + k * channels] as number);
        across[(y * width + x) * channels + c] = sum;
      }
    }
  }
  const data = new Uint8Array(height * width * channels);
  const row = width * channels;
  for (let y = 0; y < height; y++) {
    const { first, weights } = rows[y] as Tap;
    for (let i = 0; i < row; i++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++)
        sum += (weights[k] as number) * (across[(first + k) * row + i] as number);
      data[y * row + i] = Math.min(255, Math.max(0, Math.round(sum)));
    }
  }
  return { data, height, width, channels };
}

const known = new Map<string, readonly Tap[]>();

function makeTaps(from: number, to: number): readonly Tap[] {
  const key = `${from}>${to}`;
  const found = known.get(key);
  if (found) return found;
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const taps = Array.from({ length: to }, (_, i): Tap => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - LOBES * stretch));
    const last = Math.min(from - 1, Math.ceil(centre + LOBES * stretch) - 1);
    const weights = Float64Array.from({ length: last - first + 1 }, (_, k) =>
      lanczos((first + k + 0.5 - centre) / stretch),
    );
    const sum = weights.reduce((total, w) => total + w, 0);
    return { first, weights: weights.map((w) => w / sum) };
  });
  known.set(key, taps);
  return taps;
}

function lanczos(x: number): number {
  if (x === 0) return 1;
  if (Math.abs(x) >= LOBES) return 0;
  const t = Math.PI * x;
  return (LOBES * Math.sin(t) * Math.sin(t / LOBES)) / (t * t);
}
