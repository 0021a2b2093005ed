/** manifest.json: what `build` left in a folder, and what head and tail must agree on. docs/manifest.md has it field by field. */
import type { PreprocessSpec } from '../preprocess/spec.js';
import type { CodecSpec, WireBits } from '../wire/codecs/codec.js';

export const MANIFEST_FILE = 'manifest.json';

/** One tensor that crosses the link. real = scale · (q − zeroPoint). */
export interface WireTensor {
  /** Cut tensor id. */
  readonly id: string;
  /** Without the batch. */
  readonly shape: readonly number[];
  readonly dtype: 'int8';
  readonly scale: number;
  readonly zeroPoint: number;
  /** How the int8 values, row-major NHWC, become a payload. A code is value + 128. */
  readonly codec: CodecSpec;
  /** The values are −128 … −129 + 2^bits; 8 for `raw`. */
  readonly bits: WireBits;
  /** Of the largest payload; every payload of `raw` and `packed` has them. */
  readonly bytes: number;
}

export interface ManifestAccuracy {
  readonly full: number;
  readonly splitFloat: number;
  readonly splitInt8: number;
  readonly intervals: Readonly<Record<'full' | 'splitFloat' | 'splitInt8', readonly [number, number]>>;
  readonly samples: number;
  /** `test`: data given as test data; `held-out`: a seeded part of the build's own data, kept from every choice. */
  readonly on: 'test' | 'held-out';
  readonly data: { readonly name: string; readonly sha256: string };
}

export interface ArtifactManifest {
  readonly schemaVersion: 1;
  readonly tool: { readonly name: 'isplit-edge'; readonly version: string };
  readonly seed: number;
  /** sha256 over head, tail, wire tensors, classes and preprocessing, 64 hex digits. Frames carry its beginning. */
  readonly splitId: string;
  readonly model: {
    readonly name: string;
    readonly format: string;
    readonly description: string;
    readonly sha256: string;
  };
  /** Cut id; `input` (no head: the quantized input is sent) and `output` (no tail but dequantizing) are the two ends. */
  readonly cut: string;
  /** What stands at the cut, `conv1x1-s4-c24-b4`: the wire tensor is then `<cut>/wire`; null for the cut's own values. */
  readonly bottleneck: string | null;
  readonly classes: readonly string[];
  readonly preprocessing: PreprocessSpec;
  /** Quantization of the head's input; with `preprocessing` it gives the u8 → int8 map. */
  readonly input: { readonly shape: readonly number[]; readonly scale: number; readonly zeroPoint: number };
  readonly wire: readonly WireTensor[];
  readonly device: {
    readonly id: string;
    readonly link: string;
    readonly template: string;
    readonly kernelLibrary: string;
  } | null;
  readonly budgets: {
    /** As asked, bytes, MACs and microseconds. */
    readonly asked: Readonly<Record<string, number>>;
    /** What the head takes. `*Estimate` fields are estimates. */
    readonly met: Readonly<Record<string, number>>;
  };
  readonly arena: {
    /** Planned offline by us. */
    readonly plannedBytes: number;
    /** What TFLite-Micro is predicted to report, lowest and highest. */
    readonly tfliteMicroBytes: readonly [number, number] | null;
  };
  readonly operators: readonly string[];
  readonly accuracy: ManifestAccuracy | null;
  /** Calibration: how many samples of which data. */
  readonly calibration: { readonly samples: number; readonly data: { readonly name: string; readonly sha256: string } };
  /** sha256 of every other file, by path with `/`, sorted. */
  readonly files: Readonly<Record<string, string>>;
}
