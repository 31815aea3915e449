#!/usr/bin/env node
/** The command `watershed`, as a shell starts it. */
import { run } from './run.js';

process.exitCode = await run(process.argv.slice(2), process);
