import { renderPerformancePage } from '../bench/performance-page.js';
import { renderEvidencePage } from '../evidence/page.js';
import { studyPages } from '../evidence/study-page.js';
import { renderCommandsPage } from '../src/cli/commands-page.js';
import { createProgram } from '../src/cli/program.js';
import { renderErrorsPage } from '../src/core/errors-page.js';
import { JSON_SCHEMA_FILES, listDevices, listLinks, renderDevicesPage } from '../src/devices/index.js';
import { renderSupportedOpsPage } from '../src/ops/supported-ops-page.js';
import { VERSION } from '../src/sdk.js';
import { emitFormatHeader } from '../src/wire/emit-format-header.js';

/** A file that is made from tables in the code, so that it cannot disagree with them. */
export interface GeneratedPage {
  /** From the root of the repository. */
  readonly path: string;
  render(): string | Promise<string>;
}

/** One row a file. */
export const GENERATED_PAGES: readonly GeneratedPage[] = [
  { path: 'docs/commands.md', render: () => renderCommandsPage(createProgram(VERSION)) },
  { path: 'docs/devices.md', render: () => renderDevicesPage(listDevices(), listLinks()) },
  { path: 'docs/errors.md', render: renderErrorsPage },
  { path: 'docs/evidence.md', render: renderEvidencePage },
  { path: 'docs/performance.md', render: renderPerformancePage },
  ...studyPages(),
  { path: 'docs/supported-ops.md', render: renderSupportedOpsPage },
  { path: 'firmware-templates/common/isplit_wire_format.h', render: emitFormatHeader },
  ...Object.entries(JSON_SCHEMA_FILES).map(([path, render]) => ({ path, render })),
];
