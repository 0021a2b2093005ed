/** The TFLite reader: float32 and int8 networks with one subgraph. */
import { throwIfAborted } from '../../src/core/context.js';
import type { FormatReader } from '../format.js';
import { decodeTflite } from './decode.js';
import { readClassNames } from './label-file.js';
import { parseTflite } from './parse.js';
import { FILE_IDENTIFIER } from './schema.js';

export const tfliteReader: FormatReader = {
  id: 'tflite',
  label: 'TFLite',

  claims({ bytes }) {
    return bytes.length >= 8 && [...FILE_IDENTIFIER].every((c, i) => bytes[4 + i] === c.charCodeAt(0));
  },

  async read(file, ctx) {
    const model = parseTflite(file.bytes);
    throwIfAborted(ctx);
    const graph = decodeTflite(model, file.name.replace(/\.(tflite|lite)$/i, ''), file.bytes.byteLength);
    const maker = model.description
      .replace(/[^\x20-\x7e]+/g, ' ')
      .trim()
      .slice(0, 80);
    const warnings: string[] = [];
    const classNames = model.metadata.includes('TFLITE_METADATA')
      ? readClassNames(file.bytes, graph, warnings)
      : undefined;
    return {
      graph,
      description: `TFLite ${model.version}${maker ? ` (${maker.replace(/\.$/, '')})` : ''}`,
      ...(classNames ? { classNames } : {}),
      warnings,
    };
  },
};
