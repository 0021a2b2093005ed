/** The statements of emit-c.ts: every part of the definition in apply.ts and geometry.ts as C, and only the parts that a spec needs. */
import { cropWindow, FRACTION_BITS } from './geometry.js';
import type { Int8Map } from './normalise.js';
import { MAX_PICTURE_SIDE, type PreprocessSpec, type ResizeMode } from './spec.js';

/** Size of a picture that is known when the code is generated. */
export interface SourceSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

const ONE = 1 << FRACTION_BITS;

/** Equal sizes are copied by every way to resize. */
function resizeMode(spec: PreprocessSpec, picture: SourceSize | undefined): ResizeMode {
  if (!picture) return spec.resize;
  const window = cropWindow(spec, picture.height, picture.width);
  return window.height === spec.height && window.width === spec.width ? 'none' : spec.resize;
}

/** The u8 → int8 table, where there is one. */
export function emitConstants(spec: PreprocessSpec, map: Int8Map, prefix: string): string[] {
  if (map.kind === 'offset') return [];
  const perChannel = map.channels > 1;
  const rows = (from: number, indent: string): string[] =>
    Array.from({ length: 16 }, (_, r) => {
      const entries = Array.from(map.table.subarray(from + 16 * r, from + 16 * r + 16), (v) => String(v).padStart(4));
      return `${indent}${entries.join(',')},`;
    });
  const name = `${prefix}_int8_of`;
  if (!perChannel) return [`static const int8_t ${name}[256] = {`, ...rows(0, '  '), '};', ''];
  const channels = Array.from({ length: spec.channels }, (_, c) => ['  {', ...rows(256 * c, '    '), '  },']);
  return [`static const int8_t ${name}[${spec.channels}][256] = {`, ...channels.flat(), '};', ''];
}

/** Types and functions that the way to resize needs. */
export function emitParts(spec: PreprocessSpec, picture: SourceSize | undefined): string[] {
  const mode = resizeMode(spec, picture);
  if (mode === 'none') return [];
  return mode === 'nearest' ? WALK : [...WALK, ...BLEND];
}

const WALK = [
  '/* Steps through floor((first + i * step) / unit), i = 0, 1, ..., without dividing again. */',
  'struct walk {',
  '  int32_t at, rest, step, step_rest, unit;',
  '};',
  '',
  'static struct walk walk_from(int32_t first, int32_t step, int32_t unit) {',
  '  struct walk w;',
  '  w.at = first / unit;',
  '  w.rest = first % unit;',
  '  if (w.rest < 0) { /* C rounds towards zero */',
  '    w.rest += unit;',
  '    w.at--;',
  '  }',
  '  w.step = step / unit;',
  '  w.step_rest = step % unit;',
  '  w.unit = unit;',
  '  return w;',
  '}',
  '',
  'static void walk_on(struct walk *w) {',
  '  w->at += w->step;',
  '  w->rest += w->step_rest;',
  '  if (w->rest >= w->unit) {',
  '    w->rest -= w->unit;',
  '    w->at++;',
  '  }',
  '}',
  '',
];

const BLEND = [
  `/* The pixels around a position in 1/${ONE} pixel on an axis, and how far it is from the lower one. */`,
  'struct between {',
  '  uint32_t low, high, fraction;',
  '};',
  '',
  'static struct between find_between(int32_t position, uint32_t size) {',
  `  const uint32_t last = (size - 1u) << ${FRACTION_BITS};`,
  '  uint32_t p = position < 0 ? 0u : (uint32_t)position;',
  '  struct between b;',
  '  if (p > last) p = last;',
  `  b.low = p >> ${FRACTION_BITS};`,
  '  b.high = b.low + 1u < size ? b.low + 1u : b.low;',
  `  b.fraction = p & ${ONE - 1}u;`,
  '  return b;',
  '}',
  '',
  'struct corners {',
  '  const uint8_t *upper_left, *upper_right, *lower_left, *lower_right;',
  '  uint32_t x, y;',
  '};',
  '',
  '/* Channel k between four pixels; every sum is below 2^31. */',
  'static uint32_t blend(const struct corners *c, size_t k) {',
  `  const uint32_t upper = c->upper_left[k] * (${ONE}u - c->x) + c->upper_right[k] * c->x;`,
  `  const uint32_t lower = c->lower_left[k] * (${ONE}u - c->x) + c->lower_right[k] * c->x;`,
  `  return (upper * (${ONE}u - c->y) + lower * c->y + ${1 << (2 * FRACTION_BITS - 1)}u) >> ${2 * FRACTION_BITS};`,
  '}',
  '',
];

/** The function itself. */
export function emitFunction(
  spec: PreprocessSpec,
  map: Int8Map,
  prefix: string,
  picture: SourceSize | undefined,
): string[] {
  const P = prefix.toUpperCase();
  const mode = resizeMode(spec, picture);
  const size = picture ? '' : ' uint32_t height, uint32_t width, uint32_t channels,';
  const channels = picture ? `${picture.channels}u` : spec.colour === 'none' ? `${spec.channels}u` : 'channels';
  const colour = emitColour(spec, map, prefix, picture?.channels, mode === 'bilinear' ? blended : plain);
  const window = emitWindow(spec, P, picture);
  return [
    `int ${prefix}_preprocess(const uint8_t *picture,${size} size_t row_stride, int8_t *input) {`,
    ...indent([
      ...window.declarations,
      ...colour.declarations,
      ...loopDeclarations(mode),
      ...window.checks,
      ...emitLoops(spec, mode, window, channels, colour.statements),
      `return ${P}_PREPROCESS_OK;`,
    ]),
    '}',
  ];
}

interface WindowCode {
  readonly declarations: readonly string[];
  readonly checks: readonly string[];
  /** C expressions of type uint32_t. */
  readonly top: string;
  readonly left: string;
  readonly height: string;
  readonly width: string;
}

/** Crop window: constants for pictures of a known size, else checks and the arithmetic of cropWindow. */
function emitWindow(spec: PreprocessSpec, P: string, picture: SourceSize | undefined): WindowCode {
  if (picture) {
    const { top, left, height, width } = cropWindow(spec, picture.height, picture.width);
    return {
      declarations: [],
      checks: [`if (row_stride < ${picture.width * picture.channels}u) return ${P}_PREPROCESS_STRIDE;`],
      top: `${top}u`,
      left: `${left}u`,
      height: `${height}u`,
      width: `${width}u`,
    };
  }
  const accepted = spec.colour === 'none' ? `channels != ${spec.channels}u` : 'channels != 1u && channels != 3u';
  const sizes = ['height < 1u', 'width < 1u', `height > ${MAX_PICTURE_SIDE}u`, `width > ${MAX_PICTURE_SIDE}u`].join(
    ' || ',
  );
  const checks = [
    `if (${sizes}) return ${P}_PREPROCESS_SIZE;`,
    `if (${accepted}) return ${P}_PREPROCESS_CHANNELS;`,
    `if (row_stride < (size_t)width * channels) return ${P}_PREPROCESS_STRIDE;`,
  ];
  const { crop } = spec;
  const [H, W] = [`${spec.height}u`, `${spec.width}u`];
  const refuse = (condition: string): string => `if (${condition}) return ${P}_PREPROCESS_SIZE;`;
  if (crop.kind === 'box') {
    checks.push(refuse(`height < ${crop.top + crop.height}u || width < ${crop.left + crop.width}u`));
    const [top, left, height, width] = [crop.top, crop.left, crop.height, crop.width].map((v) => `${v}u`);
    return { declarations: [], checks, top, left, height, width } as WindowCode;
  }
  if (crop.kind === 'none') {
    if (spec.resize === 'none') checks.push(refuse(`height != ${H} || width != ${W}`));
    return { declarations: [], checks, top: '0u', left: '0u', height: 'height', width: 'width' };
  }
  if (spec.resize === 'none') {
    checks.push(refuse(`height < ${H} || width < ${W}`));
    return { declarations: [], checks, top: `(height - ${H}) / 2u`, left: `(width - ${W}) / 2u`, height: H, width: W };
  }
  const scaled = (side: string): string[] =>
    crop.perMille === 1000 ? [] : [`${side} = ${side} * ${crop.perMille}u / 1000u;`];
  checks.push(
    `/* The largest window of ${spec.height}:${spec.width}. */`,
    `if (width * ${H} > height * ${W}) {`,
    '  rows = height;',
    `  columns = height * ${W} / ${H};`,
    '} else {',
    '  columns = width;',
    `  rows = width * ${H} / ${W};`,
    '}',
    ...scaled('rows'),
    ...scaled('columns'),
    'if (rows < 1u) rows = 1u;',
    'if (columns < 1u) columns = 1u;',
  );
  return {
    declarations: ['uint32_t rows, columns; /* of the window */'],
    checks,
    top: '(height - rows) / 2u',
    left: '(width - columns) / 2u',
    height: 'rows',
    width: 'columns',
  };
}

function loopDeclarations(mode: ResizeMode): string[] {
  const common = ['const uint8_t *first;', 'uint32_t i, j;'];
  if (mode === 'none') return common;
  return [...common, 'struct walk y, x, x_first;', ...(mode === 'bilinear' ? ['struct corners at;'] : [])];
}

/** Rows and columns of the input, with `pixel` or `at` where the colour's statements want it. */
function emitLoops(
  spec: PreprocessSpec,
  mode: ResizeMode,
  window: WindowCode,
  channels: string,
  statements: readonly string[],
): string[] {
  const start = `first = ${['picture', ...steps(window.top, 'row_stride'), ...steps(window.left, channels)].join(' + ')};`;
  if (mode === 'none') {
    return [
      start,
      `for (i = 0; i < ${spec.height}u; i++) {`,
      '  const uint8_t *pixel = first + (size_t)i * row_stride;',
      `  for (j = 0; j < ${spec.width}u; j++) {`,
      ...indent(statements, 2),
      `    pixel += ${channels};`,
      '  }',
      '}',
    ];
  }
  const walk = mode === 'nearest' ? walkNearest : walkBilinear;
  const row =
    mode === 'nearest'
      ? ['const uint8_t *row = first + (size_t)y.at * row_stride;']
      : [
          `const struct between v = find_between(y.at, ${window.height});`,
          'const uint8_t *upper = first + (size_t)v.low * row_stride;',
          'const uint8_t *lower = first + (size_t)v.high * row_stride;',
          'at.y = v.fraction;',
        ];
  const column =
    mode === 'nearest'
      ? [`const uint8_t *pixel = row + (size_t)x.at * ${channels};`]
      : [
          `const struct between h = find_between(x.at, ${window.width});`,
          `at.upper_left = upper + (size_t)h.low * ${channels};`,
          `at.upper_right = upper + (size_t)h.high * ${channels};`,
          `at.lower_left = lower + (size_t)h.low * ${channels};`,
          `at.lower_right = lower + (size_t)h.high * ${channels};`,
          'at.x = h.fraction;',
        ];
  return [
    start,
    `y = ${walk(window.height, spec.height)};`,
    `x_first = ${walk(window.width, spec.width)};`,
    `for (i = 0; i < ${spec.height}u; i++) {`,
    ...indent(row),
    '  x = x_first;',
    `  for (j = 0; j < ${spec.width}u; j++) {`,
    ...indent([...column, ...statements], 2),
    '    walk_on(&x);',
    '  }',
    '  walk_on(&y);',
    '}',
  ];
}

/** Offset of a window that begins at `from`. */
function steps(from: string, step: string): string[] {
  return from === '0u' ? [] : [`(size_t)${/^\d+u$/.test(from) ? from : `(${from})`} * ${step}`];
}

/** The walk of nearestIndices; `size` is a number of pixels in C. */
function walkNearest(size: string, target: number): string {
  const known = Number.parseInt(size, 10);
  if (known > 0) return `walk_from(${known}, ${2 * known}, ${2 * target})`;
  return `walk_from((int32_t)${size}, (int32_t)${size} * 2, ${2 * target})`;
}

/** The walk of bilinearAxis, without its two clamps. */
function walkBilinear(size: string, target: number): string {
  const known = Number.parseInt(size, 10);
  if (known > 0) return `walk_from(${(known - target) * ONE + target}, ${known * 2 * ONE}, ${2 * target})`;
  return `walk_from(((int32_t)${size} - ${target}) * ${ONE} + ${target}, (int32_t)${size} * ${2 * ONE}, ${2 * target})`;
}

type Sample = (channel: string) => string;
const plain: Sample = (k) => `pixel[${k}]`;
const blended: Sample = (k) => `blend(&at, ${k})`;

interface ColourCode {
  readonly declarations: readonly string[];
  /** Write one pixel of the input. */
  readonly statements: readonly string[];
}

/** @param channels of the picture when they are known */
function emitColour(
  spec: PreprocessSpec,
  map: Int8Map,
  prefix: string,
  channels: number | undefined,
  sample: Sample,
): ColourCode {
  const put = (value: string, channel: string): string => {
    if (map.kind === 'offset') {
      const sign = map.offset < 0 ? '-' : '+';
      return `*input++ = (int8_t)((int32_t)${value} ${sign} ${Math.abs(map.offset)});`;
    }
    return `*input++ = ${prefix}_int8_of${map.channels > 1 ? `[${channel}]` : ''}[${value}];`;
  };
  const simple = (statements: readonly string[]): ColourCode => ({ declarations: [], statements });
  if (spec.colour === 'none') {
    if (spec.channels === 1) return simple([put(sample('0'), '0')]);
    return {
      declarations: ['size_t k;'],
      statements: [`for (k = 0; k < ${spec.channels}u; k++) ${put(sample('k'), 'k')}`],
    };
  }
  if (spec.colour === 'grey') {
    if (channels === 1) return simple([put(sample('0'), '0')]);
    const grey = `(19595u * ${sample('0')} + 38470u * ${sample('1')} + 7471u * ${sample('2')} + 32768u) >> 16`;
    const value = channels === 3 ? grey : `channels == 1u ? ${sample('0')} : (${grey})`;
    return simple([`const uint32_t grey = ${value};`, put('grey', '0')]);
  }
  if (channels === 1) {
    return simple([`const uint32_t grey = ${sample('0')};`, ...['0', '1', '2'].map((c) => put('grey', c))]);
  }
  const order = channels === 3 ? ['0', '1', '2'] : ['0', 'step', '2u * step'];
  const from = spec.colour === 'rgb' ? order : order.toReversed();
  return {
    declarations:
      channels === 3 ? [] : ['const size_t step = channels == 3u ? 1u : 0u; /* grey: the byte three times */'],
    statements: from.map((k, c) => put(sample(k), String(c))),
  };
}

function indent(lines: readonly string[], levels = 1): string[] {
  return lines.map((line) => '  '.repeat(levels) + line);
}
