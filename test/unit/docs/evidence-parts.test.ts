import { describe, expect, it } from 'vitest';
import { refuseParts } from '../../../evidence/evidence.js';
import { EVIDENCE } from '../../../evidence/registry.js';

const load = async (name: string) => (EVIDENCE[name] as NonNullable<(typeof EVIDENCE)[string]>)();

describe('parts of evidence', () => {
  it.each([
    ['study', 'ic_resnet8'],
    ['trained-networks', 'resnet8-chest'],
  ])('%s can be measured in part', async (name, part) => {
    const evidence = await load(name);
    expect(refuseParts(evidence, [part])).toBeUndefined();
    expect(refuseParts(evidence, [part, 'nonsense'])).toMatch(`${name} has no nonsense; it has `);
    // The listing names parts that are there.
    expect(evidence.parts?.().some((known) => evidence.summary.includes(known))).toBe(true);
  });

  it('others are measured as a whole', async () => {
    const evidence = await load('engines');
    expect(refuseParts(evidence, ['nonsense'])).toBe('engines has no parts to choose: nonsense');
    expect(refuseParts(evidence, [])).toBeUndefined();
  });
});
