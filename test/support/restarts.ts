/** Leaves two processes behind, says `up`, and never ends. */
export const ENDLESS = { commandName: 'sh', args: ['-c', 'sleep 3600 & setsid sleep 3601 & echo up; wait'] };

/** What of a session may not change by itself. */
export function fixed({ sessionId, containerId, language, createdAt, labels, name, config }: any): object {
  return { sessionId, containerId, language, createdAt, labels, name, config };
}
