import { fileURLToPath } from 'node:url';

/** Folder of the installed package: holds devices/, models/, firmware-templates/. This file runs from src/core or dist/src/core. */
export function packageRoot(): string {
  const up = import.meta.url.includes('/dist/src/core/') ? '../../../' : '../../';
  return fileURLToPath(new URL(up, import.meta.url));
}
