import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { z } from 'zod';
import type { ErrorCode } from '../core/error-codes.js';
import { fail, Problems } from '../core/errors.js';
import { parseJson } from '../core/json.js';
import { findNearestNames } from '../core/nearest-names.js';
import { packageRoot } from '../core/package-root.js';
import { type DeviceProfile, deviceSchema, type GatewayProfile, gatewaySchema } from './device-schema.js';
import { type LinkProfile, linkSchema } from './link-schema.js';
import { findUnsourcedNumbers } from './sourced.js';

/** One kind of profile: where its files lie, how they are checked, what goes wrong with them. */
interface Catalogue<T> {
  readonly noun: string;
  readonly command: string;
  readonly folder: string;
  readonly schema: z.ZodType<T>;
  readonly invalid: ErrorCode;
  readonly unknown: ErrorCode;
  /** Rules between fields and other files that a schema cannot express. */
  readonly check: (profile: T, add: (jsonPath: string, message: string) => void) => void;
}

interface Named {
  readonly id: string;
  readonly aliases: readonly string[];
}

const links: Catalogue<LinkProfile> = {
  noun: 'link',
  command: 'isplit-edge links',
  folder: 'devices/links',
  schema: linkSchema,
  invalid: 'E_LINK_INVALID',
  unknown: 'E_LINK_UNKNOWN',
  check: () => {},
};

const gateways: Catalogue<GatewayProfile> = {
  noun: 'gateway',
  command: 'isplit-edge devices',
  folder: 'devices/gateways',
  schema: gatewaySchema,
  invalid: 'E_DEVICE_INVALID',
  unknown: 'E_DEVICE_UNKNOWN',
  check: () => {},
};

const devices: Catalogue<DeviceProfile> = {
  noun: 'device',
  command: 'isplit-edge devices',
  folder: 'devices',
  schema: deviceSchema,
  invalid: 'E_DEVICE_INVALID',
  unknown: 'E_DEVICE_UNKNOWN',
  check: (device, add) => {
    if (!device.links.includes(device.defaultLink)) {
      add('$.defaultLink', `"${device.defaultLink}" is not among its links (${device.links.join(', ')})`);
    }
    const known = listProfiles(links).map((link) => link.id);
    device.links.forEach((id, i) => {
      if (!known.includes(id) && !isPath(id)) add(`$.links[${i}]`, `"${id}" is not a link this version knows`);
    });
    if (!device.memory.some((region) => region.mayHold.includes('arena'))) {
      add('$.memory', 'no region may hold the arena');
    }
    if (!device.memory.some((region) => region.mayHold.includes('weights'))) {
      add('$.memory', 'no region may hold the weights');
    }
  },
};

/** Everything that is wrong with a document, one problem a JSON path; a valid document is returned. */
function parseProfile<T>(catalogue: Catalogue<T>, document: unknown, origin: string): T {
  const problems = new Problems();
  const add = (jsonPath: string, message: string): void => {
    problems.add(
      catalogue.invalid,
      `${origin}: ${jsonPath}: ${message}`,
      { file: origin, path: jsonPath },
      `Compare with \`${catalogue.command}\` and ${catalogue.folder}/${catalogue.noun}.schema.json; every number needs a source.`,
    );
  };
  const parsed = catalogue.schema.safeParse(document);
  if (!parsed.success) for (const issue of parsed.error.issues) add(formatJsonPath(issue.path), issue.message);
  // Missing sources inside known objects are schema issues already; this catches what the schema let pass.
  if (parsed.success) for (const where of findUnsourcedNumbers(document)) add(where, 'a number without a source');
  if (parsed.success) catalogue.check(parsed.data, add);
  problems.throwIfAny();
  return (parsed as { data: T }).data;
}

/** `$.memory[0].bytes.value` from the path segments of a schema issue. */
export function formatJsonPath(segments: readonly PropertyKey[]): string {
  return segments.reduce<string>((text, s) => text + (typeof s === 'number' ? `[${s}]` : `.${String(s)}`), '$');
}

function readJson(file: string, code: ErrorCode, noun: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    return fail(code, `cannot read the ${noun} file ${file}: ${reason}`, { file, reason }, 'Check the path.');
  }
  if (text.length > 1_000_000) {
    fail(code, `${file} has ${text.length} characters; a ${noun} file has a few thousand`, { file, size: text.length });
  }
  try {
    return parseJson(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    return fail(
      code,
      `${file} is not JSON: ${(error as Error).message}`,
      { file },
      'Check commas, quotes and brackets.',
    );
  }
}

const isPath = (idOrPath: string): boolean => /[/\\]/.test(idOrPath) || /\.json$/i.test(idOrPath);

/** The catalogue is shared by everyone in the process: whoever wants to change a profile takes a copy. */
function freezeDeep(value: unknown): void {
  if (value === null || typeof value !== 'object' || Object.isFrozen(value)) return;
  Object.freeze(value);
  Object.values(value).forEach(freezeDeep);
}

const cache = new Map<string, readonly Named[]>();

/** All profiles of a folder, sorted by id. Read once a process: the files belong to the package. */
function listProfiles<T extends Named>(catalogue: Catalogue<T>): readonly T[] {
  const cached = cache.get(catalogue.folder);
  if (cached !== undefined) return cached as readonly T[];
  const folder = path.join(packageRoot(), catalogue.folder);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.json') && !name.endsWith('.schema.json'))
    .sort();
  const profiles = files.map((name) => {
    const origin = `${catalogue.folder}/${name}`;
    const profile = parseProfile(
      catalogue,
      readJson(path.join(folder, name), catalogue.invalid, catalogue.noun),
      origin,
    );
    if (`${profile.id}.json` !== name)
      fail(catalogue.invalid, `${origin}: $.id: "${profile.id}" differs from the file name`);
    return profile;
  });
  profiles.sort((a, b) => (a.id < b.id ? -1 : 1));
  profiles.forEach(freezeDeep);
  cache.set(catalogue.folder, profiles);
  return profiles;
}

function loadProfile<T extends Named>(catalogue: Catalogue<T>, idOrPath: string): T {
  if (isPath(idOrPath)) {
    return parseProfile(catalogue, readJson(idOrPath, catalogue.invalid, catalogue.noun), path.basename(idOrPath));
  }
  const all = listProfiles(catalogue);
  const wanted = idOrPath.toLowerCase();
  const found = all.find((p) => p.id === wanted || p.aliases.includes(wanted));
  if (found !== undefined) return found;
  const nearest = findNearestNames(idOrPath, [...all.map((p) => p.id), ...all.flatMap((p) => p.aliases)]);
  return fail(
    catalogue.unknown,
    `there is no ${catalogue.noun} "${idOrPath}"${nearest.length > 0 ? `; did you mean ${nearest.join(', ')}?` : ''}`,
    { [catalogue.noun]: idOrPath, nearest, known: all.map((p) => p.id) },
    `\`${catalogue.command}\` lists them; a file of your own is given by its path, ./my-${catalogue.noun}.json.`,
  );
}

/** The device profiles of the package, sorted by id. @throws IsplitError E_DEVICE_INVALID */
export const listDevices = (): readonly DeviceProfile[] => listProfiles(devices);

/**
 * A device by id, by alias (case ignored) or by the path of a JSON file (anything with a slash or ending in .json).
 * @throws IsplitError E_DEVICE_UNKNOWN with the nearest names; E_DEVICE_INVALID with every problem of the file
 */
export const loadDevice = (idOrPath: string): DeviceProfile => loadProfile(devices, idOrPath);

/** The link profiles of the package, sorted by id. @throws IsplitError E_LINK_INVALID */
export const listLinks = (): readonly LinkProfile[] => listProfiles(links);

/**
 * A link by id, alias or path.
 * @throws IsplitError E_LINK_UNKNOWN with the nearest names; E_LINK_INVALID with every problem of the file
 */
export const loadLink = (idOrPath: string): LinkProfile => loadProfile(links, idOrPath);

/** The gateway profiles of the package, sorted by id. @throws IsplitError E_DEVICE_INVALID */
export const listGateways = (): readonly GatewayProfile[] => listProfiles(gateways);

/** The machine that runs the tail, by id, alias or path. @throws IsplitError E_DEVICE_UNKNOWN, E_DEVICE_INVALID */
export const loadGateway = (idOrPath = 'x64-2cpu'): GatewayProfile => loadProfile(gateways, idOrPath);

/** Checks a document that did not come from a file. @throws IsplitError E_DEVICE_INVALID with every problem */
export const parseDevice = (document: unknown, origin: string): DeviceProfile =>
  parseProfile(devices, document, origin);

/** Checks a document that did not come from a file. @throws IsplitError E_LINK_INVALID with every problem */
export const parseLink = (document: unknown, origin: string): LinkProfile => parseProfile(links, document, origin);
