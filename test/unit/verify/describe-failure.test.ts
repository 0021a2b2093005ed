import { expect, it } from 'vitest';
import { describeFailure } from '../../../src/verify/describe-failure.js';

it('an operator version that is too new is said in few words, everything else as it came', () => {
  const old =
    "refused: Failed to create Interpreter (ERROR: Didn't find op for builtin opcode 'FULLY_CONNECTED' version '12'";
  expect(describeFailure(old)).toBe(
    'refused: too old for FULLY_CONNECTED version 12 (fully connected weights with a scale per output channel)',
  );
  expect(describeFailure("Didn't find op for builtin opcode 'PAD' version '4'. An older")).toBe(
    'refused: too old for PAD version 4',
  );
  expect(describeFailure('crashed with SIGSEGV')).toBe('crashed with SIGSEGV');
});
