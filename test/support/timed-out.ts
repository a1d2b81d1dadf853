/** Enough for whatever machine: who says nothing within it says nothing at all. */
const LONGEST_MS = 20_000;

/**
 * The reply to a program that says something and then stays until its time is over. Where the machine was too slow for
 * it to say that, it is run again with more time: not even the start of a shell has a limit that always holds.
 */
export async function timedOutHaving(
  said: string,
  timeoutMs: number,
  run: (timeoutMs: number) => Promise<any>,
): Promise<any> {
  for (let limitMs = timeoutMs; ; limitMs *= 4) {
    const reply = await run(limitMs);
    if ((reply.result ?? reply).stdout?.includes(said) === true || limitMs > LONGEST_MS) return reply;
  }
}
