import { AgentSilentError, ChannelLostError, RuntimeError, type SandboxLostReason } from '#libs/runtime';

import { AGENT_MOUNT } from './container-config.js';
import { statusOf } from './engine.js';

/** The engine answers 400 to wrong settings of ours as well; these are the ones that a client chooses. */
const ABOUT_LIMITS = /cpu|memory|pids/i;
/** As the kernel, the tools and the engine all say it; LC_ALL is C for the tools. */
const FULL = /no space left on device|disk quota exceeded/i;
const FULL_CODES = new Set(['ENOSPC', 'EDQUOT']);
/** Ours are built here; any other comes from a registry. */
const OWN_IMAGE = /^codebeaker-/;

export function imageUnavailable(image: string, cause?: unknown): RuntimeError {
  const build = OWN_IMAGE.test(image) ? 'npm run setup' : `docker pull ${image}`;
  return new RuntimeError(
    'image_unavailable',
    `The image ${image} is not on this engine; get it by: ${build}`,
    { image, build },
    { cause },
  );
}

/** The agent's image is there, but what is in it does not run, or is not the agent of this server. */
export function agentUnusable(image: string, cause: unknown): RuntimeError {
  const message = `The agent in the image ${image} is not one that this server can use; build it anew by: npm run setup`;
  return new RuntimeError('image_unavailable', message, { image, build: 'npm run setup' }, { cause });
}

/** The engine answers, but its streams do not hold. */
export function unreachable(cause: unknown): RuntimeError {
  const message = 'The Docker engine does not keep the connection to the sandbox. Nothing was lost; try again.';
  return new RuntimeError('engine_unavailable', message, {}, { cause });
}

export function paused(): RuntimeError {
  return new RuntimeError(
    'sandbox_paused',
    'The container of the session was paused from outside; nothing was begun. It goes on when it is unpaused: docker unpause.',
  );
}

/** It was there, and ended before anybody had it. */
export function lostWhileMade(endReason: SandboxLostReason, cause: unknown): RuntimeError {
  const why = endReason === 'out_of_memory' ? 'its memory was not enough for it' : 'it was ended from outside';
  return new RuntimeError(
    'sandbox_lost',
    `The container ended while it was being made: ${why}. Nothing is left of it.`,
    { endReason },
    { cause },
  );
}

/** A sandbox that runs could not be given other limits. */
export function limitsRefused(cause: unknown): RuntimeError {
  const known = refusal(cause);
  if (known) return known;
  const message = "The sandbox's limits could not be changed; the log has the reason.";
  return new RuntimeError('sandbox_failed', message, {}, { cause });
}

/** What the engine or a tool refused, in our terms; undefined for what nobody foresaw. */
export function refusal(error: unknown): RuntimeError | undefined {
  if (error instanceof RuntimeError) return error;
  if (error instanceof AgentSilentError) {
    const message = 'The sandbox was started, but its agent did not answer in time: the host may be overloaded.';
    return new RuntimeError('sandbox_silent', message, {}, { cause: error });
  }
  if (error instanceof ChannelLostError) return unreachable(error);
  if (isFull(error)) return hostDiskFull(error);
  const reason = engineReason(error);
  if (statusOf(error) === 400 && !isAboutAgent(error) && ABOUT_LIMITS.test(reason)) {
    const message = `The engine does not accept these limits: ${reason}`;
    return new RuntimeError('invalid_limits', message, {}, { cause: error });
  }
  return undefined;
}

/** Whether the engine could not start the agent's binary: its volume was emptied or spoilt. */
export function isAboutAgent(error: unknown): boolean {
  return statusOf(error) !== undefined && engineReason(error).includes(`${AGENT_MOUNT}/agent`);
}

export function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && FULL_CODES.has(String(error.code))) return true;
  return FULL.test(error.message) || ('stderr' in error && FULL.test(String(error.stderr)));
}

function hostDiskFull(cause: unknown): RuntimeError {
  return new RuntimeError(
    'host_disk_full',
    "The host's disk is full, so no new session can be made; the others go on. Free space where the engine's data " +
      "and the server's STATE_DIRECTORY are, or close sessions, and try again.",
    {},
    { cause },
  );
}

/** The engine's own sentence about a refused value; it names limits, never host paths. */
function engineReason(error: unknown): string {
  const json = typeof error === 'object' && error !== null && 'json' in error ? error.json : undefined;
  if (typeof json !== 'object' || json === null || !('message' in json)) return 'it gave no reason';
  return String(json.message).split('\n', 1)[0] ?? '';
}
