import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FlatbufferView, type TableView } from '../../converters/tflite/flatbuffer-view.js';
import { tfliteReader } from '../../converters/tflite/index.js';
import { FIELDS } from '../../converters/tflite/schema.js';
import { writeTflite } from '../../converters/tflite/write.js';
import { itNeeding, oraclePython, pythonOracle } from '../support/shared-data.js';
import { buildInt8, ONE_OP_CASES, type OneOpCase } from './tflite-cases.js';
import { nodeTflite, type RuntimeAnswer, runInNodeTflite, runInPython } from './tflite-runtimes.js';

const GRAPH = buildInt8(ONE_OP_CASES.find((c) => c.name === 'dense') as OneOpCase);
const NAMES = ['cat', 'chien, noir', 'Käuzchen', 'two\nlines  of text '];
const PLAIN = writeTflite(GRAPH);
const LABELLED = writeTflite(GRAPH, { classNames: NAMES });

const read = (bytes: Uint8Array) => {
  const sibling = () => Promise.reject(new Error('a TFLite file has no siblings'));
  return tfliteReader.read({ name: 'labelled.tflite', bytes, sibling }, {});
};

describe('class names in a written file', () => {
  it('come back from our reader, each as one line', async () => {
    const { classNames, warnings } = await read(LABELLED);
    expect(warnings).toEqual([]);
    expect(classNames).toEqual(['cat', 'chien, noir', 'Käuzchen', 'two lines of text']);
    expect((await read(PLAIN)).classNames).toBeUndefined();
  });

  it('are announced by TFLite metadata: one label file along the axis of output 0', () => {
    const root = new FlatbufferView(LABELLED).root();
    const [entry] = root.tables(FIELDS.Model.metadata, 'metadata', 10);
    expect(entry?.string(FIELDS.Metadata.name, 'name')).toBe('TFLITE_METADATA');
    const buffers = root.tables(FIELDS.Model.buffers, 'buffers', 100);
    const buffer = buffers[entry?.uint32(FIELDS.Metadata.buffer) as number] as TableView;
    const content = buffer.bytes(FIELDS.Buffer.data, 'data') as Uint8Array;
    expect(new TextDecoder().decode(content.subarray(4, 8))).toBe('M001');
    const model = new FlatbufferView(content.slice()).root();
    // ModelMetadata.subgraph_metadata, SubGraphMetadata.output_tensor_metadata, TensorMetadata.associated_files.
    const [subgraph] = model.tables(3, 'subgraphs', 10) as [TableView];
    const inputs = subgraph.tables(2, 'inputs', 10).map((t) => t.string(0, 'name'));
    const [output, ...more] = subgraph.tables(3, 'outputs', 10) as [TableView];
    expect([inputs, output.string(0, 'name'), more.length]).toEqual([['image'], 'layer', 0]);
    const [file] = output.tables(6, 'files', 10) as [TableView];
    expect([file.string(0, 'name'), file.int8(2)]).toEqual(['labels.txt', 2]);
    expect(model.string(7, 'version')).toBe('1.0.0');
  });

  itNeeding([pythonOracle], 'lie stored in a zip archive that Python opens', () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'isplit-labels-'));
    try {
      const file = path.join(folder, 'labelled.tflite');
      writeFileSync(file, LABELLED);
      const script =
        'import json, sys, zipfile\n' +
        'z = zipfile.ZipFile(sys.argv[1])\n' +
        'assert z.testzip() is None\n' +
        'print(json.dumps([[i.filename, i.compress_type, i.date_time, z.read(i).decode()] for i in z.infolist()]))';
      const run = spawnSync(oraclePython() as string, ['-c', script, file], { encoding: 'utf8' });
      expect(run.stderr).toBe('');
      expect(JSON.parse(run.stdout)).toEqual([
        ['labels.txt', 0, [1980, 1, 1, 0, 0, 0], 'cat\nchien, noir\nKäuzchen\ntwo lines of text\n'],
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  itNeeding([pythonOracle, nodeTflite], 'disturb no interpreter', () => {
    const inputs = [Int8Array.of(1, -128, 127, 0, 50, -60)];
    const [plain, labelled] = runInPython([PLAIN, LABELLED].map((model) => ({ model, inputs })));
    const [oldPlain, oldLabelled] = runInNodeTflite([PLAIN, LABELLED].map((model) => ({ model, inputs })));
    expect(Object.values(plain as object).every((answer: RuntimeAnswer) => 'outputs' in answer)).toBe(true);
    expect(labelled).toEqual(plain);
    expect(oldPlain).toHaveProperty('outputs');
    expect(oldLabelled).toEqual(oldPlain);
  });

  it('do not depend on the time zone', () => {
    const zone = process.env.TZ;
    try {
      for (const tz of ['Pacific/Auckland', 'America/Los_Angeles']) {
        process.env.TZ = tz;
        expect(Buffer.compare(writeTflite(GRAPH, { classNames: NAMES }), LABELLED)).toBe(0);
      }
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });
});
