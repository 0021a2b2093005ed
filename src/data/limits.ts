/** What is accepted of untrusted data files. Everything is streamed; these bound time, disk tricks and single buffers. */
export const DATA_LIMITS = {
  /** One sample, decoded or raw. */
  sampleBytes: 256 * 1024 * 1024,
  /** One encoded picture (file or archive member). */
  pictureFileBytes: 128 * 1024 * 1024,
  /** Pixels of one decoded picture. */
  picturePixels: 64_000_000,
  /** Label files, label maps, class name files: read whole. */
  textBytes: 256 * 1024 * 1024,
  /** Header of a npy array. */
  npyHeaderBytes: 64 * 1024,
  /** Members of an archive, files of a folder. */
  entries: 5_000_000,
  /** Nesting of folders. */
  folderDepth: 32,
  samples: 2 ** 31 - 1,
  /** A decompressed stream past `bombFloorBytes` may not exceed `bombRatio` times what was read. Real sets: below 20. */
  bombRatio: 400,
  bombFloorBytes: 64 * 1024 * 1024,
} as const;
