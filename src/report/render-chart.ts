import type { View as VegaView } from 'vega';
import type { TopLevelSpec } from 'vega-lite';
import { fail } from '../core/errors.js';

/**
 * Draws a Vega-Lite chart as SVG text. The same specification gives the same bytes on every machine: text is measured by
 * Vega's estimate and not by a canvas with whatever fonts are installed, and ids are counted from zero for every chart.
 * @throws IsplitError E_INTERNAL when Vega reports an error
 */
export async function renderChart(spec: TopLevelSpec, label: string): Promise<string> {
  // Heavy, and only a report needs them.
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')]);
  const errors: string[] = [];
  const logger = makeLogger(errors);
  makeRepeatable(vega);
  const compiled = vegaLite.compile(spec, { logger }).spec;
  const view: VegaView = new vega.View(vega.parse(compiled), {
    renderer: 'none',
    logger,
    // Nothing is fetched: data stand in the specification.
    loader: { ...vega.loader(), load: () => Promise.reject(new Error('charts load nothing')) },
  });
  try {
    const svg = await view.toSVG();
    if (errors.length > 0) fail('E_INTERNAL', `the chart "${label}" could not be drawn: ${errors[0]}`, { errors });
    return describeSvg(svg, label);
  } finally {
    view.finalize();
  }
}

/** Parts of Vega that its types leave out. */
interface UntypedVega {
  readonly textMetrics: { canvas(use: boolean): void };
  resetSVGDefIds(): void;
}

function makeRepeatable(vega: object): void {
  const { textMetrics, resetSVGDefIds } = vega as UntypedVega;
  textMetrics.canvas(false);
  resetSVGDefIds();
}

type Logger = NonNullable<ConstructorParameters<typeof VegaView>[1]>['logger'] & object;

/** Warnings of Vega are about style and go nowhere; errors are kept. */
function makeLogger(errors: string[]): Logger {
  let level = 1;
  const logger = {
    level(value?: number): unknown {
      if (value === undefined) return level;
      level = value;
      return logger;
    },
    error(...parts: readonly unknown[]): unknown {
      errors.push(parts.map(String).join(' '));
      return logger;
    },
    warn: (): unknown => logger,
    info: (): unknown => logger,
    debug: (): unknown => logger,
  };
  return logger as unknown as Logger;
}

/** One label for the picture instead of one a mark: the tables beside it hold the figures. */
function describeSvg(svg: string, label: string): string {
  const text = label.replace(/[&<>"]/g, '');
  return svg.replace(/^<svg /, `<svg role="img" aria-label="${text}" `);
}
