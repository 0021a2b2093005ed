#!/usr/bin/env node
/** npm run build, also before packing: compiles into an empty dist/. With `--if-changed` only when the sources changed. */
import { buildDist, ensureDist } from './house/dist-build.mjs';

process.exitCode = await (process.argv.includes('--if-changed') ? ensureDist() : buildDist());
