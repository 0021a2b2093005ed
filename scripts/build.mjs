#!/usr/bin/env node
/** npm run build, also before packing: compiles into an empty dist/. */
import { buildDist } from './house/dist-build.mjs';

process.exitCode = await buildDist();
