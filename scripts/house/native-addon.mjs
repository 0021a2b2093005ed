import { existsSync } from 'node:fs';
import path from 'node:path';
import { isOnPath, npmCommand, repositoryRoot, runForeground } from './run-command.mjs';

/** Exit code of `something is missing`. */
export const exitToolMissing = 6;

/** Says on stderr which build tools are missing; @returns 0, or the exit code of a missing tool. */
export function requireBuildTools(what) {
  const lacking = ['make', 'g++'].filter((command) => !isOnPath(command));
  for (const command of lacking) console.error(`${what}: ${command} is missing: apt-get install ${command}`);
  return lacking.length > 0 ? exitToolMissing : 0;
}

/** Puts the files of optional packages into node_modules without running their install scripts. */
export async function fetchOptionalPackages(what, folders) {
  if (folders.every((folder) => existsSync(folder))) return 0;
  console.log(`${what}: fetching the package`);
  const [command, args] = npmCommand(
    'install',
    '--ignore-scripts',
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  );
  const code = await runForeground(command, args, { stdio: ['ignore', 2, 2] });
  if (code === 0 && !folders.every((folder) => existsSync(folder))) {
    console.error(`${what}: npm left the optional package out; is \`optional\` in the npm config \`omit\`?`);
    return exitToolMissing;
  }
  return code;
}

/** Environment in which an addon is compiled against the Node headers of this machine, else against downloaded ones. */
export function addonBuildEnvironment(what) {
  const env = { ...process.env, npm_config_build_from_source: 'true' };
  const headers = findNodePrefix();
  if (headers !== undefined) env.npm_config_nodedir = headers;
  else console.log(`${what}: Node headers not found beside node; node-gyp will try to download them`);
  const nodeGyp = findNodeGyp();
  if (nodeGyp !== undefined) env.npm_config_node_gyp = nodeGyp;
  return env;
}

/** Said when a compilation failed. */
export const addonBuildHint =
  'apt-get install g++ make libnode-dev, or set npm_config_nodedir to the prefix of include/node';

/** A prefix whose include/node holds Node headers (Node-API keeps its ABI, so any version does); undefined when there is none. */
function findNodePrefix() {
  const beside = path.resolve(path.dirname(process.execPath), '..');
  const candidates = [
    process.env.npm_config_nodedir,
    process.config.variables.node_prefix,
    beside,
    '/usr/local',
    '/usr',
  ];
  return candidates.find((prefix) => prefix && existsSync(path.join(prefix, 'include/node/node_api.h')));
}

/** node-gyp as npm bundles it; npm also announces it in the environment of its scripts. */
export function findNodeGyp() {
  const npmFolders = [
    process.env.npm_execpath && path.resolve(path.dirname(process.env.npm_execpath), '..'),
    path.resolve(path.dirname(process.execPath), '../lib/node_modules/npm'),
    '/usr/share/nodejs/npm',
  ];
  const bundled = npmFolders.filter(Boolean).map((npm) => path.join(npm, 'node_modules/node-gyp/bin/node-gyp.js'));
  const beside = path.join(repositoryRoot, 'node_modules/node-gyp/bin/node-gyp.js');
  return [process.env.npm_config_node_gyp, ...bundled, beside].find((file) => file && existsSync(file));
}
