import { expect, it } from 'vitest';
import { type Requirement, skipWithout } from '../../support/shared-data.js';

const missingTool: Requirement = { name: 'x', install: 'y', kind: 'tool', available: () => false };
const missingData: Requirement = { ...missingTool, kind: 'data' };

it('skips without a tool, but fails with CI=true', () => {
  const before = process.env.CI;
  try {
    delete process.env.CI;
    expect(skipWithout(missingTool)).toBe(true);
    process.env.CI = 'true';
    expect(() => skipWithout(missingTool)).toThrow(/x is missing: y/);
    expect(skipWithout(missingData)).toBe(true);
    expect(skipWithout({ ...missingTool, available: () => true })).toBe(false);
  } finally {
    if (before === undefined) delete process.env.CI;
    else process.env.CI = before;
  }
});
