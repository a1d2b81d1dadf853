const FIRST_POLL_MS = 20;
/** What has taken long is asked for more rarely: each question costs the machine that is waited for. */
const LAST_POLL_MS = 200;
const SLOWER_BY = 1.2;

/** Asks until the answer is the wanted one: for what no event tells of. */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  wanted: (answer: T) => boolean,
  what: string,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (let pauseMs = FIRST_POLL_MS; ; pauseMs = Math.min(pauseMs * SLOWER_BY, LAST_POLL_MS)) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (performance.now() > deadline) {
      throw new Error(`within ${timeoutMs} ms it did not come true that ${what}; last seen: ${JSON.stringify(answer)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
