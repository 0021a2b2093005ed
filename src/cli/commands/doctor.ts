import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { createEngine, ENGINE_CHOICES, type EngineChoice } from '../../engines/index.js';
import { VERSION } from '../../sdk.js';
import { litert } from '../../verify/runtimes/litert.js';
import { nodeTflite } from '../../verify/runtimes/node-tflite.js';
import type { Runtime } from '../../verify/runtimes/runtime.js';
import { tfjsTflite } from '../../verify/runtimes/tfjs-tflite.js';
import { tfjsTfliteNode } from '../../verify/runtimes/tfjs-tflite-node.js';
import { tfliteMicro } from '../../verify/runtimes/tflite-micro.js';
import { defineCommand, runAction } from '../command.js';
import type { RawOptions } from '../values.js';

interface Check {
  readonly name: string;
  readonly state: 'ok' | 'missing';
  /** Version or what was found. */
  readonly found: string;
  readonly usedFor: string;
  /** What to type when it is missing. */
  readonly remedy: string | null;
  /** Without it analyze cannot run at all. */
  readonly required: boolean;
}

const run = promisify(execFile);

export function doctorCommand(): Command {
  const command = defineCommand('doctor', 'what is installed, what is missing, what to type', [
    'doctor',
    'doctor --json',
  ]);
  return command.action((raw: RawOptions) =>
    runAction(raw, async ({ terminal }) => {
      const checks = [
        checkNode(),
        ...(await checkEngines()),
        await checkPackage('sharp', 'pictures'),
        ...(await Promise.all(VERIFICATION_RUNTIMES.map(checkRuntime))),
        ...(await checkTools()),
        checkSerialPorts(),
      ];
      const width = Math.max(...checks.map((c) => c.name.length));
      const found = Math.max(...checks.map((c) => c.found.length));
      terminal.result({ version: VERSION, checks }, () =>
        checks
          .map((c) =>
            `${c.name.padEnd(width)}  ${c.state.padEnd(7)}  ${c.found.padEnd(found)}  ${c.usedFor}${c.remedy ? `   ${c.remedy}` : ''}`.trimEnd(),
          )
          .join('\n'),
      );
      return checks.some((c) => c.required && c.state === 'missing') ? 6 : 0;
    }),
  );
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > 20 || (major === 20 && minor >= 12);
  return {
    name: 'node',
    state: ok ? 'ok' : 'missing',
    found: process.versions.node,
    usedFor: 'everything',
    remedy: ok ? null : 'install Node 20.12 or newer',
    required: true,
  };
}

const ENGINE_REMEDIES: Readonly<Record<EngineChoice, string>> = {
  onnx: 'ONNXRUNTIME_NODE_INSTALL=skip npm install',
  tfjs: 'npm install',
  'tfjs-node': 'npm run setup:tfjs-node',
  'tfjs-wasm': 'npm install',
  'tfjs-cpu': 'npm install',
};

async function checkEngines(): Promise<Check[]> {
  const checks: Check[] = [];
  for (const choice of ENGINE_CHOICES.filter((c) => c !== 'tfjs')) {
    const usedFor = choice === 'onnx' ? 'default engine' : 'optional engine';
    try {
      const engine = await createEngine(choice);
      checks.push({
        name: choice,
        state: 'ok',
        found: engine.description,
        usedFor,
        remedy: null,
        required: choice === 'onnx',
      });
    } catch {
      checks.push({
        name: choice,
        state: 'missing',
        found: '',
        usedFor,
        remedy: ENGINE_REMEDIES[choice],
        required: choice === 'onnx',
      });
    }
  }
  return checks;
}

async function checkPackage(name: string, usedFor: string): Promise<Check> {
  try {
    await import(name);
    return { name, state: 'ok', found: packageVersion(name), usedFor, remedy: null, required: false };
  } catch {
    return { name, state: 'missing', found: '', usedFor, remedy: 'npm install', required: false };
  }
}

/** Version from the package's own manifest, found upwards from its entry point. */
function packageVersion(name: string): string {
  let folder = path.dirname(createRequire(import.meta.url).resolve(name));
  while (!existsSync(path.join(folder, 'package.json')) && path.dirname(folder) !== folder)
    folder = path.dirname(folder);
  return (JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version?: string }).version ?? '';
}

/** What `verify` runs heads in, one row a package. */
const VERIFICATION_RUNTIMES: readonly { readonly name: string; readonly usedFor: string; readonly runtime: Runtime }[] =
  [
    { name: 'TFLite-Micro wheel', usedFor: 'bit-exact verification', runtime: tfliteMicro },
    { name: 'node-tflite', usedFor: 'bit-exact verification (child process)', runtime: nodeTflite },
    { name: 'tfjs-tflite-node', usedFor: 'verification (child process)', runtime: tfjsTfliteNode },
    { name: 'tfjs-tflite wasm', usedFor: 'verification (child process)', runtime: tfjsTflite },
    { name: 'LiteRT wheel', usedFor: 'verification, XNNPACK and reference', runtime: litert },
  ];

/** Loads a runtime as `verify` would, in a process that ends again. */
async function checkRuntime({ name, usedFor, runtime }: (typeof VERIFICATION_RUNTIMES)[number]): Promise<Check> {
  const session = await runtime.open({ timeoutMs: 60_000, ctx: {} });
  const base = { name, usedFor, required: false };
  if ('missing' in session) return { ...base, state: 'missing', found: '', remedy: runtime.install };
  session.close();
  return { ...base, state: 'ok', found: session.version ?? '', remedy: null };
}

interface Tool {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** First group is shown. */
  readonly version: RegExp;
  readonly usedFor: string;
  readonly remedy: string;
}

const TOOLS: readonly Tool[] = [
  {
    name: 'mosquitto',
    command: ['mosquitto', '-h'],
    version: /mosquitto version (\S+)/,
    usedFor: 'broker',
    remedy: 'apt-get install mosquitto',
  },
  {
    name: 'arm-none-eabi-gcc',
    command: ['arm-none-eabi-gcc', '--version'],
    version: /\) (\d[\d.]*)/,
    usedFor: 'Cortex-M firmware',
    remedy: 'apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi',
  },
  {
    name: 'riscv64-unknown-elf-gcc',
    command: ['riscv64-unknown-elf-gcc', '--version'],
    version: /\) (\d[\d.]*)/,
    usedFor: 'RISC-V firmware',
    remedy: 'apt-get install gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf',
  },
  {
    name: 'qemu-system-arm',
    command: ['qemu-system-arm', '--version'],
    version: /version (\S+)/,
    usedFor: 'emulated Cortex-M7',
    remedy: 'apt-get install qemu-system-arm',
  },
  {
    name: 'qemu-system-riscv32',
    command: ['qemu-system-riscv32', '--version'],
    version: /version (\S+)/,
    usedFor: 'emulated RV32',
    remedy: 'apt-get install qemu-system-misc',
  },
  {
    name: 'edgetpu_compiler',
    command: ['edgetpu_compiler', '--version'],
    version: /version (\S+)/,
    usedFor: 'Edge TPU mapping',
    remedy: 'coral.ai/docs/edgetpu/compiler (x86-64 only)',
  },
];

async function checkTools(): Promise<Check[]> {
  const checks = await Promise.all(TOOLS.map(checkTool));
  const idf = process.env.IDF_PATH;
  const found = idf !== undefined && existsSync(idf);
  checks.push({
    name: 'ESP-IDF',
    state: found ? 'ok' : 'missing',
    found: found ? 'IDF_PATH' : '',
    usedFor: 'building esp-idf firmware',
    remedy: found ? null : 'IDF_PATH is not set; install ESP-IDF 5.1 or newer',
    required: false,
  });
  return checks;
}

async function checkTool(tool: Tool): Promise<Check> {
  const [file, ...args] = tool.command;
  let output = '';
  try {
    const { stdout, stderr } = await run(file, args, { timeout: 10_000 });
    output = stdout + stderr;
  } catch (error) {
    // Some tools print their version and exit with an error.
    const failed = error as { stdout?: string; stderr?: string };
    output = `${failed.stdout ?? ''}${failed.stderr ?? ''}`;
  }
  const version = tool.version.exec(output)?.[1];
  return version === undefined
    ? { name: tool.name, state: 'missing', found: '', usedFor: tool.usedFor, remedy: tool.remedy, required: false }
    : { name: tool.name, state: 'ok', found: version, usedFor: tool.usedFor, remedy: null, required: false };
}

function checkSerialPorts(): Check {
  const ports = existsSync('/dev')
    ? readdirSync('/dev')
        .filter((name) => /^(ttyUSB|ttyACM|cu\.usb)/.test(name))
        .sort()
    : [];
  return {
    name: 'serial ports',
    state: ports.length > 0 ? 'ok' : 'missing',
    found: ports.length > 0 ? ports.map((p) => `/dev/${p}`).join(' ') : 'none',
    usedFor: 'flashing and monitoring a board',
    remedy: ports.length > 0 ? null : 'plug a board in',
    required: false,
  };
}
