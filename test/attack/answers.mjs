/** How a request was refused: the command's errorCode, or the server's reason; undefined where it was done. */
export async function refusalOf(answer) {
  try {
    const reply = await answer;
    return reply.success === false ? reply.errorCode : undefined;
  } catch (error) {
    if (error.reason === undefined) throw error;
    return error.reason;
  }
}

/** The address of a file over HTTP. */
export function fileUrl(ctx, path, { sessionId } = ctx.session) {
  const url = new URL(`/v1/sessions/${sessionId}/files`, ctx.server.url.replace(/^ws/, 'http'));
  url.searchParams.set('path', path);
  return url;
}

/** What became of a call: `{ result }`, or the `{ reason, message }` that it was refused with. */
export async function outcomeOf(answer) {
  try {
    return { result: await answer };
  } catch (error) {
    if (error.reason === undefined) throw error;
    return { reason: error.reason, message: error.message };
  }
}
