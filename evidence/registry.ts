/** Evidence: figures that docs quote, each made by one committed command. One file and one line each. */
import type { Evidence } from './evidence.js';

export const EVIDENCE: Readonly<Record<string, () => Promise<Evidence>>> = {
  arena: async () => (await import('./arena.js')).arena,
  'bit-exact-files': async () => (await import('./bit-exact-files.js')).bitExactFiles,
  bottlenecks: async () => (await import('./bottlenecks.js')).bottlenecks,
  builds: async () => (await import('./builds.js')).builds,
  engines: async () => (await import('./engines.js')).engines,
  'entropy-codec': async () => (await import('./entropy-codec.js')).entropyCodec,
  examples: async () => (await import('./examples.js')).examples,
  'fashion-cnn-accuracy': async () => (await import('./fashion-cnn-accuracy.js')).fashionCnnAccuracy,
  'fuzz-run': async () => (await import('./fuzz-run.js')).fuzzRun,
  'fuzz-readers': async () => (await import('./fuzz-readers.js')).fuzzReaders,
  'model-counts': async () => (await import('./model-counts.js')).modelCounts,
  'picture-baselines': async () => (await import('./picture-baselines.js')).pictureBaselines,
  'preprocess-c': async () => (await import('./preprocess-c.js')).preprocessC,
  quantization: async () => (await import('./quantization.js')).quantization,
  'reproducible-builds': async () => (await import('./reproducible-builds.js')).reproducibleBuilds,
  runtimes: async () => (await import('./runtimes.js')).runtimes,
  'sample-count': async () => (await import('./sample-count.js')).sampleCount,
  study: async () => (await import('./study.js')).study,
  tails: async () => (await import('./tails.js')).tails,
  'trained-networks': async () => (await import('./trained-networks.js')).trainedNetworks,
  'two-links': async () => (await import('./two-links.js')).twoLinks,
  'vgg16-memory': async () => (await import('./vgg16-memory.js')).vgg16Memory,
  'vgg16-splits': async () => (await import('./vgg16-splits.js')).vgg16Splits,
};
