import { readFileSync } from 'node:fs';
import { type BuildResult, renderBuild } from './build-table.js';
import { type ImportanceResult, renderImportance } from './importance-table.js';
import { type ProbeResult, renderProbe } from './probe-table.js';
import { renderTrain, type TrainResult } from './train-table.js';

interface MemoryEvidence {
  readonly command: string;
  readonly samples: number;
  readonly layers: number;
  readonly peakRssBytes: number;
}

function load<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')) as T;
}

/** docs/performance.md: figures from bench/results and docs/evidence. */
export function renderPerformancePage(): string {
  const memory = load<MemoryEvidence>('docs/evidence/vgg16-memory.json');
  return `# Performance

<!-- Generated from bench/results/*.json and docs/evidence/*.json by \`npm run docs\`; do not edit. -->

## One importance pass

\`npm run bench -- importance\` · CUI at every layer output of one batch: forward, one backward pass, Grad-CAM reduced to a number
per image and layer. All sides get the same network (seeded, batch norms folded), pictures and threads. PyTorch reduces in
gradient hooks, its weights need no gradient, nothing below the first layer output is differentiated, and its waiting threads
sleep (\`OMP_WAIT_POLICY=passive\`, which on a busy machine is the faster setting), as ours do. Stock TensorFlow.js uses its own ops and autodiff.

${renderImportance(load<ImportanceResult>('bench/results/importance.json'))}

The machine was shared with other programs: minima are the figures to trust, and single ratios near 1 are ties.

### Where our time goes

Profiled with onnxruntime's own profiler, sums of the fastest run of each kernel, before the changes below:

- VGG16: 85 to 92 % is convolution; the two wide dense layers at 224 pixels 8 %; max-pool with indices and the scatter of its
  gradient 4 %. The rest, Grad-CAM and masks included, is under 4 %.
- ResNet-50: 71 % convolution, 6 % changes between onnxruntime's blocked and plain layouts, 5 % transposed convolutions (gradient of
  strided 1×1), 5 % the one max-pool with indices.
- MobileNetV1-0.25: a third convolution; the rest spreads over layout changes, masks, transposed depthwise convolutions and means.

### What was tried

| idea | outcome |
|---|---|
| mask of relu and relu6 as one HardSigmoid with a steep slope instead of Greater and Cast | kept: one pass instead of two, the product stays in the blocked layout, curve unchanged bit for bit on MobileNet |
| waiting threads sleep instead of spinning | kept: on the busy machine medians 2.0 to 2.5 times better on ResNet-50 and MobileNet, 1.05 on VGG16-64; minima differ by noise; a quiet machine was not measured |
| gradient of strided convolution as zero insertion (Pad) and stride-1 convolution | rejected: 1.1 to 4 times slower than ConvTranspose in all but the smallest of nine layers |
| without the blocked layout (optimisation level \`extended\`) | rejected: minima 12 % slower on ResNet-50 and VGG16-64 |
| denormals as zero | left out: minima 1 to 20 % better on ResNet-50 and VGG16-64, up to 2.4 times on MobileNet, but with spreads as large in the same runs; undecided |
| gradients stop at the first layer output | there from the start: the picture's gradient is never computed |

## Probes

\`npm run bench -- probe\` · One analysis with a wire budget: the importance pass, then for every single-tensor cut the shapes that meet the
budget, the projection, and the frozen tail's accuracy. Much of a probe is the same for few samples as for many: with few, the ratio is highest.

${renderProbe(load<ProbeResult>('bench/results/probe.json'))}

## Building a head, running it

\`npm run bench -- build\` · Both sides start from the loaded network and the same calibration samples in memory and end with the bytes of
the int8 file; imports and loading are apart. TensorFlow's converter calibrates by minimum and maximum; ours measures the error of several
ranges per tensor, equalises layers and corrects biases where that helps, on as many samples. Inference is one record after the other on one
thread, random inputs, against the TFLite-Micro interpreter of PyPI (reference kernels, x86-64); the outputs are compared byte by byte.

${renderBuild(load<BuildResult>('bench/results/build.json'))}

## A training step

\`npm run bench -- train\` · Stage 2 of a split: the network is cut, a bottleneck (3×3 convolution of stride 2 to 8 channels, relu6, 4 bits,
transposed convolution back) stands in the cut, the head is frozen, everything behind it is learnt. A step is forward pass, cross entropy and
distillation from given logits, gradients, Adam. All sides get the same network (seeded, batch norms folded), batch and threads, and their
losses of the first two steps agree within 1 %; pictures are in memory. PyTorch records nothing before the cut. tfjs-node runs TensorFlow.js's own ops, autodiff
and Adam on the native library that \`npm run setup:tfjs-node\` installs, which is newer and faster than the one it downloads itself.

${renderTrain(load<TrainResult>('bench/results/train.json'))}

### What was tried

Processor time of one thread, which other programs hardly touch; onnxruntime, AVX-512.

| idea | outcome |
|---|---|
| learnt 3×3 convolutions, their input and filter gradients as Winograd's minimal filtering, tiles of 4 (2 where 4 do not fit) | kept from about 80 channels on: 97 to 52 ms (256 channels, 16×16, batch 32), 100 to 44 ms (512, 8×8), 25 to 17 ms (512, 4×4, tiles of 2); largest error 1e-5 of the largest value with tiles of 4, 1e-6 with tiles of 2. At 128 channels, 32×32, a tie; at 32 to 64 channels slower |
| the same for frozen filters | left out: onnxruntime's blocked convolution takes constant filters, and inference keeps its last bits |
| input gradient of stride 1 as convolution with the filter rotated in every step instead of ConvTranspose | kept: 149 to 105 ms (512 channels, 8×8), rotation included |
| filter gradient from slices with the channels innermost instead of the positions | kept: 12 to 18 % off at 16 to 64 channels |
| filter gradient as one product over all kernel positions, or as a dilated convolution | rejected: up to 40 % slower, and up to twice as slow |
| outputs written into given arrays | kept: no copy of the parameters and moments, and nothing for the garbage collector |
| waiting threads spin | rejected for training as well: on a busy machine a third more processor time |
| the batch in as many parts as threads, each part's gradients in a session and thread of its own, one update from their mean | kept up to 2 million learnt values, where the loss is a mean over samples. By the clock, 2 threads: resnet8-32, batch 100, 94 to 59 ms; mobilenet_v2-0.35-96, batch 32, 121 to 75 ms; mobilenet_v1-0.25-96, 64 to 43 ms. Every part transforms all filters: the tail of vgg16-64 with 1.4 million values takes 6 % more processor time than whole, with 3.8 million 14 %, with 8.5 million 21 % and also longer by the clock (577 to 686 ms) |
| both parts as one graph, run by onnxruntime's parallel executor | rejected: 1.5 to 2 times the processor time, and slower than one thread |

## Memory

\`npm run evidence -- vgg16-memory\` · \`isplit-edge ${memory.command}\`: ${memory.samples} pictures, ${memory.layers} layers, peak resident set
${(memory.peakRssBytes / 1e9).toFixed(2)} GB. The weights alone are 0.54 GB and are held three times while the engine compiles: as the graph's arrays, in the
serialised ONNX model, and by onnxruntime.
`;
}
