import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModelData } from '../../converters/c/model-data.js';
import { IsplitError } from '../../src/core/errors.js';
import { createRandom } from '../../src/core/random.js';
import { commandTool, itNeeding } from '../support/shared-data.js';

/** Every byte value, and a length that fills no line. */
function someModel(): Uint8Array {
  const random = createRandom(4);
  return Uint8Array.from({ length: 1003 }, (_, i) => (i < 256 ? i : random.int(256)));
}

/** Prints the array; fails when it is not aligned or the two lengths differ. */
const MAIN = `#include <stdint.h>
#include <stdio.h>
#include "some_model.h"
int main(void) {
    if ((uintptr_t)some_model % 16 != 0) return 2;
    if (some_model_len != SOME_MODEL_LEN || sizeof some_model != SOME_MODEL_LEN) return 3;
    return fwrite(some_model, 1, some_model_len, stdout) == some_model_len ? 0 : 4;
}
`;

describe('a model as a C array', () => {
  const model = someModel();
  const options = { symbol: 'some_model', splitId: 'ab'.repeat(32), sha256: 'cd'.repeat(32) };
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'isplit-model-data-'));
    const { source, header } = writeModelData(model, options);
    writeFileSync(path.join(folder, 'some_model.c'), source);
    writeFileSync(path.join(folder, 'some_model.h'), header);
    writeFileSync(path.join(folder, 'main.c'), MAIN);
    writeFileSync(path.join(folder, 'main.cc'), MAIN);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const STRICT = ['-Wall', '-Wextra', '-Werror', '-pedantic'];
  const run = (command: string, args: readonly string[]) => {
    const done = spawnSync(command, args, { cwd: folder });
    expect(done.stderr.toString()).toBe('');
    expect([command, ...args, done.status]).toEqual([command, ...args, 0]);
    return done.stdout;
  };

  const gcc = commandTool('gcc', 'apt-get install gcc');
  const clang = commandTool('clang', 'apt-get install clang');
  const gxx = commandTool('g++', 'apt-get install g++');

  for (const [compiler, requirement] of [
    ['gcc', gcc],
    ['clang', clang],
  ] as const) {
    for (const standard of ['c99', 'c11']) {
      itNeeding([requirement], `${compiler} -std=${standard}: no warning, aligned, the same bytes`, () => {
        run(compiler, [`-std=${standard}`, ...STRICT, 'some_model.c', 'main.c', '-o', `${compiler}-${standard}`]);
        expect(Uint8Array.from(run(`./${compiler}-${standard}`, []))).toEqual(model);
      });
    }
  }

  itNeeding([gcc, gxx], 'a C++ program links the C object, and the source compiles as C++', () => {
    run('gcc', ['-std=c99', ...STRICT, '-c', 'some_model.c', '-o', 'model.o']);
    run('g++', ['-std=c++11', ...STRICT, 'main.cc', 'model.o', '-o', 'mixed']);
    expect(Uint8Array.from(run('./mixed', []))).toEqual(model);
    run('g++', ['-std=c++17', ...STRICT, '-x', 'c++', 'some_model.c', 'main.cc', '-o', 'pure']);
    expect(Uint8Array.from(run('./pure', []))).toEqual(model);
  });

  itNeeding([gcc], 'a compiler that cannot align says what to define', () => {
    const strange = ['-std=c99', '-U__GNUC__', '-c', 'some_model.c', '-o', 'strange.o'];
    const refused = spawnSync('gcc', strange, { cwd: folder, encoding: 'utf8' });
    expect(refused.stderr).toMatch(/define SOME_MODEL_ALIGNED: what aligns an array to 16 bytes/);
    run('gcc', ['-DSOME_MODEL_ALIGNED=__attribute__((aligned(16)))', ...strange]);
  });

  it('says which split it belongs to, and is the same every time', () => {
    const { source, header } = writeModelData(model, options);
    for (const text of [source, header]) {
      expect(text).toContain(`split id  ${options.splitId}`);
      expect(text).toContain(`sha256    ${options.sha256}`);
    }
    expect(writeModelData(model.slice(), options)).toEqual({ source, header });
  });

  it.each(['', '9a', 'Model', '_model', 'a__b', 'a-b', 'a b', 'int', 'template', 'x*/y', 'a'.repeat(28)])(
    'refuses to call an array "%s"',
    (symbol) => {
      let code: string | undefined;
      try {
        writeModelData(model, { symbol });
      } catch (error) {
        if (error instanceof IsplitError) code = error.code;
      }
      expect(code).toBe('E_USAGE');
    },
  );

  it('refuses a digest that could end its comment', () => {
    expect(() => writeModelData(model, { splitId: '*/ int x;' })).toThrow(/no digest/);
  });
});
