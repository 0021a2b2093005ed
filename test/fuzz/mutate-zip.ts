/** Changes to a .keras archive: its headers, and the configuration and HDF5 file that lie in it. */
import { unzipSync, zipSync } from 'fflate';
import { changeSite, type FuzzFile, type Mutator, memoize, pick, readInteger, type Site } from './fuzz-file.js';
import { BYTE_MUTATORS } from './mutate-bytes.js';
import { HDF5_MUTATORS } from './mutate-hdf5.js';
import { type JsonSlot, jsonMutators } from './mutate-json.js';

const findSites = memoize((bytes: Uint8Array): readonly Site[] => {
  const sites: Site[] = [];
  const fields = (kind: string, at: number, sizes: readonly number[]): void => {
    let next = at;
    for (const size of sizes) {
      sites.push({ kind, at: next, size });
      next += size;
    }
  };
  const end = bytes.length - 22;
  fields('end of directory', end, [4, 2, 2, 2, 2, 4, 4, 2]);
  let at = readInteger(bytes, end + 16, 4);
  for (let i = 0; i < readInteger(bytes, end + 10, 2); i++) {
    fields('directory entry', at, [4, 2, 2, 2, 2, 2, 2, 4, 4, 4, 2, 2, 2, 2, 2, 4, 4]);
    sites.push({ kind: 'directory entry', at: at + 46, size: 1 });
    fields('local header', readInteger(bytes, at + 42, 4), [4, 2, 2, 2, 2, 2, 4, 4, 4, 2, 2]);
    at += 46 + readInteger(bytes, at + 28, 2) + readInteger(bytes, at + 30, 2) + readInteger(bytes, at + 32, 2);
  }
  return sites;
});

const unzip = memoize((bytes: Uint8Array): Readonly<Record<string, Uint8Array>> => unzipSync(bytes));

/** No times in the archive: the same mutant on every day. */
const ZIP_OPTIONS = { level: 1, mtime: new Date(1980, 0, 2) } as const;

function member(name: string): {
  read(file: FuzzFile): Uint8Array | undefined;
  write(file: FuzzFile, to: Uint8Array): FuzzFile;
} {
  return {
    read: (file) => unzip(file.bytes)[name],
    write: (file, content) => ({ ...file, bytes: zipSync({ ...unzip(file.bytes), [name]: content }, ZIP_OPTIONS) }),
  };
}

const weights = member('model.weights.h5');
const config = member('config.json');
const configSlot: JsonSlot = {
  read: (file) => new TextDecoder().decode(config.read(file)),
  write: (file, text) => config.write(file, new TextEncoder().encode(text)),
};

const inWeights = (mutators: readonly Mutator[]): readonly Mutator[] =>
  mutators.map(({ kind, structural, apply }) => ({
    kind: `zip/${kind}`,
    structural,
    apply(file, random) {
      const bytes = weights.read(file);
      const changed = bytes && apply({ bytes, siblings: {} }, random);
      return changed && weights.write(file, changed.bytes);
    },
  }));

export const ZIP_MUTATORS: readonly Mutator[] = [
  ...['end of directory', 'directory entry', 'local header'].map(
    (kind): Mutator => ({
      kind: `zip: ${kind}`,
      structural: true,
      apply: (file, random) =>
        changeSite(
          file,
          findSites(file.bytes).filter((site) => site.kind === kind),
          random,
        ),
    }),
  ),
  {
    kind: 'zip: member missing or exchanged',
    structural: true,
    apply(file, random) {
      const files = { ...unzip(file.bytes) };
      const name = pick(Object.keys(files), random) as string;
      const other = pick(Object.keys(files), random) as string;
      if (name === other) delete files[name];
      else files[name] = files[other] as Uint8Array;
      return { ...file, bytes: zipSync(files, ZIP_OPTIONS) };
    },
  },
  ...inWeights(HDF5_MUTATORS),
  ...inWeights(BYTE_MUTATORS),
  ...jsonMutators(configSlot),
];
