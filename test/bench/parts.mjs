import { commands } from './parts/commands.mjs';
import { contexts } from './parts/contexts.mjs';
import { cpu } from './parts/cpu.mjs';
import { creates } from './parts/creates.mjs';
import { files } from './parts/files.mjs';
import { idle } from './parts/idle.mjs';
import { memory } from './parts/memory.mjs';
import { throughput } from './parts/throughput.mjs';
import { tti } from './parts/tti.mjs';

/**
 * What is measured, in this order. A part has a `name`, a `title`, and `run(bench)`, which adds figures to the bench and
 * throws where something did not work.
 */
export const PARTS = [creates, tti, commands, contexts, throughput, files, idle, memory, cpu];
