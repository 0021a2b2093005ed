import { describe, expect, it } from 'vitest';
import type { ArtifactManifest, WireTensor } from '../../../src/artifact/manifest.js';
import {
  parseManifest,
  parseManifestText,
  serialiseManifest,
  splitFacts,
} from '../../../src/artifact/parse-manifest.js';
import { canonicalJson, computeSplitId, type SplitFacts } from '../../../src/artifact/split-id.js';
import type { IsplitError } from '../../../src/core/errors.js';
import type { CodecSpec } from '../../../src/wire/codecs/codec.js';
import { exampleManifest, sha256 } from './built-manifest.js';

function problemsOf(json: unknown): readonly { code: string; message: string }[] {
  try {
    parseManifest(json, 'manifest.json');
  } catch (error) {
    return (error as IsplitError).all;
  }
  return [];
}

describe('manifest.json', () => {
  it('survives writing and reading', () => {
    const manifest = exampleManifest();
    const text = serialiseManifest(manifest);
    expect(parseManifestText(text, 'manifest.json')).toEqual(manifest);
    expect(serialiseManifest(parseManifestText(text, 'manifest.json'))).toBe(text);
  });
  it('lists files in one order, whatever order they were made in', () => {
    const { files } = exampleManifest();
    const reversed = Object.fromEntries(Object.entries(files).reverse());
    expect(serialiseManifest(exampleManifest({ files: reversed }))).toBe(serialiseManifest(exampleManifest()));
  });
  it('reports every violation at once', () => {
    const broken = {
      ...exampleManifest(),
      schemaVersion: 2,
      cut: '',
      classes: ['one'],
      wire: [{ ...exampleManifest().wire[0], bytes: 13, scale: 0 }],
      surprise: true,
    };
    const messages = problemsOf(broken).map((p) => p.message);
    expect(problemsOf(broken).every((p) => p.code === 'E_MANIFEST_INVALID')).toBe(true);
    for (const path of ['schemaVersion', 'cut', 'classes', 'wire.0.scale', 'document'])
      expect(messages.join('\n')).toContain(`manifest.json: ${path}:`);
  });
  it('says that wire bytes are not those of the shape', () => {
    const wire = exampleManifest().wire.map((w) => ({ ...w, bytes: 13 }));
    expect(problemsOf(exampleManifest({ wire }))[0]?.message).toMatch(
      /wire\.0\.bytes: is 13, the largest payload of shape and codec has 12 B/,
    );
  });
  const RANS: CodecSpec = {
    id: 'rans',
    bits: 1,
    precision: 8,
    tableOfChannel: [0, 1, 0],
    tables: [
      [255, 1],
      [100, 156],
    ],
  };
  const withCodec = (codec: unknown, more: object = { bits: 1, bytes: 2 }): unknown =>
    exampleManifest({ wire: exampleManifest().wire.map((w) => ({ ...w, ...more, codec })) as WireTensor[] });
  it.each([
    [
      { id: 'packed', bits: 4 },
      { bits: 4, bytes: 6 },
    ],
    [RANS, { bits: 1, bytes: 2 }],
  ])('accepts the codec %j', (codec, more) => {
    expect(problemsOf(withCodec(codec, more))).toEqual([]);
  });
  it.each([
    ['raw', {}, 'codec'],
    [{ id: 'zip' }, {}, 'codec.id'],
    [{ id: 'packed', bits: 3 }, {}, 'codec.bits'],
    [{ id: 'packed', bits: 1, more: 1 }, {}, 'codec'],
    [{ id: 'packed', bits: 1 }, { bits: 2, bytes: 2 }, 'bits'],
    [{ id: 'packed', bits: 1 }, { bits: 1, bytes: 3 }, 'bytes'],
    [RANS, { bits: 1, bytes: 12 }, 'bytes'],
    [{ ...RANS, tableOfChannel: [0, 1] }, {}, 'codec.tableOfChannel'],
    [{ ...RANS, tableOfChannel: [0, 1, 2] }, {}, 'codec.tableOfChannel'],
    [{ ...RANS, tableOfChannel: [0, 0, 0] }, {}, 'codec.tables.1'],
    [
      {
        ...RANS,
        tables: [
          [255, 1],
          [100, 155],
        ],
      },
      {},
      'codec.tables.1',
    ],
    [
      {
        ...RANS,
        tables: [
          [256, 0],
          [100, 156],
        ],
      },
      {},
      'codec.tables.0.1',
    ],
    [
      {
        ...RANS,
        tables: [
          [255, 1],
          [99.5, 156.5],
        ],
      },
      {},
      'codec.tables.1.0',
    ],
    [
      {
        ...RANS,
        tables: [
          [255, 1],
          [100, 100, 56],
        ],
      },
      {},
      'codec.tables.1',
    ],
    [{ ...RANS, tables: [] }, {}, 'codec.tables'],
    [{ ...RANS, tables: Array(300).fill([255, 1]) }, {}, 'codec.tables'],
    [{ ...RANS, precision: 31 }, {}, 'codec.precision'],
    [{ ...RANS, precision: 0 }, {}, 'codec.precision'],
  ])('refuses the codec %j with %j', (codec, more, where) => {
    const problems = problemsOf(withCodec(codec, { bits: 1, bytes: 2, ...more }));
    expect(problems.map(({ code }) => code)).toContain('E_MANIFEST_INVALID');
    expect(problems.map(({ message }) => message.split(': ')[1])).toContain(`wire.0.${where}`);
  });
  it('lets only the last wire tensor vary in length', () => {
    const [first] = exampleManifest().wire as [WireTensor];
    const coded = { ...first, codec: RANS, bits: 1, bytes: 2 } as const;
    const other = { ...first, id: 'add2' };
    expect(problemsOf(exampleManifest({ cut: 'add2+pool1', wire: [other, coded] }))).toEqual([]);
    const messages = problemsOf(exampleManifest({ cut: 'pool1+add2', wire: [coded, other] })).map((p) => p.message);
    expect(messages).toEqual([
      expect.stringContaining('wire.0.codec.id: is rans, which only the last tensor may have'),
    ]);
  });
  it('does not take a cut that is not what is sent', () => {
    expect(problemsOf(exampleManifest({ cut: 'pool2' }))).toMatchObject([
      { code: 'E_MANIFEST_INVALID', message: 'manifest.json: cut is "pool2", but what is sent is "pool1"' },
    ]);
    for (const cut of ['input', 'output', 'pool1']) expect(problemsOf(exampleManifest({ cut }))).toEqual([]);
    const second = { ...exampleManifest().wire[0], id: 'add2' } as WireTensor;
    const wire = [...exampleManifest().wire, second];
    expect(problemsOf(exampleManifest({ cut: 'pool1+add2', wire }))).toEqual([]);
  });
  it('names a violation of the preprocessing block', () => {
    const preprocessing = { ...exampleManifest().preprocessing, std: [0] };
    expect(problemsOf({ ...exampleManifest(), preprocessing })).toMatchObject([{ code: 'E_PREPROCESS_SPEC' }]);
  });
  it.each(['../secret', '/etc/passwd', 'a/../../b', 'a//b', '.', 'a/..', 'C:\\x', ''])(
    'keeps files inside the folder: %j',
    (name) => {
      const manifest = exampleManifest();
      const files = { ...manifest.files, [name]: sha256('x') };
      expect(problemsOf({ ...manifest, files })).toMatchObject([{ code: 'E_MANIFEST_INVALID' }]);
    },
  );
  it('accepts files in folders and names with dots', () => {
    const files = { ...exampleManifest().files, 'tail-tfjs/group1-shard1of1.bin': sha256('x'), '..a/.b': sha256('y') };
    expect(problemsOf(exampleManifest({ files }))).toEqual([]);
  });
  it('notices a changed splitId', () => {
    const manifest: ArtifactManifest = { ...exampleManifest(), splitId: sha256('other') };
    expect(problemsOf(manifest)[0]?.message).toContain('splitId is');
  });
  it('is JSON, not nested without end', () => {
    expect(() => parseManifestText('{', 'manifest.json')).toThrow(/manifest\.json is not JSON/);
    expect(() => parseManifestText('['.repeat(10_000), 'manifest.json')).toThrow(/nested more than/);
  });
});

describe('splitId', () => {
  const facts = splitFacts(exampleManifest());
  const [wire] = facts.wire;
  if (!wire) throw new Error('the example has a wire tensor');
  it('is the sha256 of the facts in canonical JSON', () => {
    const text =
      '{"classes":["cat","dog"],' +
      `"head":"${sha256('head')}",` +
      '"preprocessing":{"channels":1,"colour":"grey","crop":{"kind":"none"},"height":8,"mean":[0],"resize":"none","std":[255],"version":1,"width":8},' +
      '"splitIdVersion":1,' +
      `"tail":"${sha256('tail')}",` +
      '"wire":[{"bits":8,"bytes":12,"codec":{"id":"raw"},"dtype":"int8","id":"pool1","scale":0.0625,"shape":[2,2,3],"zeroPoint":-128}]}';
    expect(computeSplitId(facts)).toBe(sha256(text));
  });
  it.each([
    ['head', { ...facts, headSha256: null }],
    ['tail', { ...facts, tailSha256: sha256('another') }],
    ['scale', { ...facts, wire: [{ ...wire, scale: 0.125 }] }],
    ['codec tables', { ...facts, wire: [{ ...wire, codec: { id: 'packed', bits: 4 } }] } as SplitFacts],
    ['zero point', { ...facts, wire: [{ ...wire, zeroPoint: 0 }] }],
    ['order of classes', { ...facts, classes: ['dog', 'cat'] }],
    ['preprocessing', { ...facts, preprocessing: { ...facts.preprocessing, mean: [1] } }],
  ])('changes with the %s', (_what, changed) => {
    expect(computeSplitId(changed)).not.toBe(computeSplitId(facts));
  });
  it('does not depend on what is not agreed on: budgets, accuracy, other files', () => {
    const other = exampleManifest({ accuracy: null, budgets: { asked: {}, met: {} }, seed: 7 });
    const files = { ...other.files, 'report.html': sha256('report') };
    expect(exampleManifest({ ...other, files }).splitId).toBe(exampleManifest().splitId);
  });
  it('sorts keys at every depth', () => {
    expect(canonicalJson({ b: [{ y: 1, x: null }], a: 'z' })).toBe('{"a":"z","b":[{"x":null,"y":1}]}');
  });
});
