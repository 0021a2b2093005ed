/**
 * Who may import whom. docs/architecture.md shows the same as a picture; `npm run lint` checks it, type imports included.
 *
 * The chain, lowest first. A room imports every room on the lines above its own, never its own line's peers.
 */
const CHAIN = [
  ['core'],
  ['ir'],
  ['ops'],
  ['passes', 'memory', 'autodiff'],
  ['converters'],
  ['engines'],
  ['data'],
  ['train'],
  ['quantize'],
  ['cost'],
  ['analyze', 'verify', 'bottleneck'],
  ['plan', 'evaluate'],
  ['report'],
  ['pipeline'],
  ['sdk'],
  ['cli'],
];

/** Rooms beside the chain: what they import. Every room of the chain above core imports those of BESIDE_FOR_ALL. */
const BESIDE = {
  devices: ['core'],
  preprocess: ['core'],
  wire: ['core'],
  artifact: ['core', 'devices', 'preprocess', 'wire'],
  firmware: ['core', 'devices', 'preprocess', 'wire', 'artifact'],
  flash: ['core', 'devices', 'wire'],
  // The gateway installs without the compiler: never quantize, analyze or pipeline.
  tail: ['core', 'ir', 'ops', 'converters/onnx', 'engines', 'wire', 'artifact'],
  simulate: ['core', 'ir', 'ops', 'converters/tflite', 'quantize', 'data', 'wire', 'artifact'],
  models: ['core', 'ir', 'ops'],
};
const BESIDE_FOR_ALL = ['devices', 'preprocess', 'wire', 'artifact'];

/** What only the composition root and the command line may import besides. */
const FOR_SDK = ['firmware', 'flash', 'tail', 'simulate', 'models'];
const FOR_CLI = ['firmware', 'flash', 'tail', 'simulate'];

/** Rooms that may touch files, processes, sockets and serial ports. Readers get opened files handed in. */
const OUTSIDE_WORLD = ['sdk', 'cli', 'data', 'devices', 'artifact', 'verify', 'firmware', 'flash', 'tail', 'simulate'];
const OUTSIDE_MODULES =
  '^(node:)?(fs|child_process|cluster|net|tls|dgram|dns|http|https|http2)(/|$)|node_modules/(serialport|@serialport|mqtt|aedes|ws)/';

/** Room → rooms it may import: the table from which the rules below are made. */
function allowedRooms() {
  const allowed = { ...BESIDE };
  const lower = [];
  for (const peers of CHAIN) {
    const beside = peers.includes('core') ? [] : BESIDE_FOR_ALL;
    for (const room of peers) {
      const extra = room === 'sdk' ? FOR_SDK : room === 'cli' ? FOR_CLI : [];
      allowed[room] = [...lower, ...beside, ...extra];
    }
    lower.push(...peers);
  }
  return allowed;
}

/** Regular expression of a room's files; `converters/onnx` is one format with the contract of all. */
function pathOf(room) {
  if (room === 'sdk') return '^src/sdk(\\.ts$|/)';
  if (room === 'models') return '^models/';
  if (room === 'converters') return '^converters/';
  if (room.startsWith('converters/')) return `^converters/([^/]+\\.ts$|${room.split('/')[1]}/)`;
  return `^src/${room}/`;
}

const ALLOWED = allowedRooms();
const anyOf = (paths) => `(${paths.join('|')})`;
const ALL_OURS = '^(src|converters|models)/';

const roomRules = Object.entries(ALLOWED).map(([room, rooms]) => ({
  name: `${room}-imports`,
  comment: `${room} may import: ${rooms.join(', ') || 'nothing of ours'}.`,
  severity: 'error',
  from: { path: pathOf(room) },
  to: { path: ALL_OURS, pathNot: anyOf([room, ...rooms].map(pathOf)) },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: 'room-unknown',
      comment: 'A folder of src/ that the table at the top of .dependency-cruiser.cjs does not have.',
      severity: 'error',
      from: { path: '^src/', pathNot: anyOf(Object.keys(ALLOWED).map(pathOf)) },
      to: {},
    },
    {
      name: 'converter-imports-converter',
      comment:
        'Formats do not know one another; what they share lives in ir, passes and memory, their contract in format.ts.',
      severity: 'error',
      from: { path: '^converters/([^/]+)/' },
      to: { path: '^converters/([^/]+/|index\\.ts$)', pathNot: '^converters/$1/' },
    },
    {
      name: 'outside-world',
      comment: `Files, processes, sockets and serial ports are touched only by: ${OUTSIDE_WORLD.join(', ')}.`,
      severity: 'error',
      from: { path: ALL_OURS, pathNot: anyOf(OUTSIDE_WORLD.map(pathOf)) },
      to: { path: OUTSIDE_MODULES },
    },
    { name: 'circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'unresolvable',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^@tensorflow/tfjs-node$' },
    },
    {
      name: 'not-shipped',
      comment: 'What is published must not need tests, scripts or development dependencies.',
      severity: 'error',
      from: { path: ALL_OURS },
      to: { path: '^(test|scripts|bench)/' },
    },
    {
      name: 'dev-dependency',
      comment: 'A development dependency is not there once the package is installed.',
      severity: 'error',
      from: { path: ALL_OURS },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: 'node_modules/@types/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Type imports count: a type is knowledge of the room it comes from.
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
