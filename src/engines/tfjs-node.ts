import util from 'node:util';

/**
 * Loads the optional package @tensorflow/tfjs-node, which registers its backend with tfjs.
 * @throws what the package throws when it is absent or its native library is
 */
export async function importTfjsNode(): Promise<void> {
  // libtensorflow greets on stderr otherwise.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  // Gone in Node 23; tfjs-node 4.22 still calls it.
  const legacy = util as unknown as Record<string, unknown>;
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  // Not a literal: the package is optional, and type checking must not need it.
  const name: string = '@tensorflow/tfjs-node';
  await import(name);
}
