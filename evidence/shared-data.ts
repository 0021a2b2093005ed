import { existsSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../src/core/package-root.js';

const root = path.resolve(packageRoot(), process.env.ISPLIT_TEST_DATA ?? '../shared/data');

/** A file of the shared test data. */
export function sharedData(relativePath: string): string {
  return path.join(root, relativePath);
}

/** For Evidence.missing. */
export function missingSharedData(): string | undefined {
  return existsSync(path.join(root, 'models'))
    ? undefined
    : 'needs the shared test data: set ISPLIT_TEST_DATA to its folder';
}
