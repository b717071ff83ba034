/**
 * A mark that a refresh is under way, which outlives its page.
 *
 * A page that is reloaded in the middle of a refresh leaves the request running (`keepalive`) and
 * its lock free. The next page must not send the same cookie again meanwhile: the server would see
 * a token used twice and end the session. So it lets the earlier request finish first.
 */
import { forget, recall, remember } from "./storage";

const KEY = "waystone.refreshing";
/** A refresh takes far less; a mark older than this was left by one that failed. */
const LET_FINISH_MS = 2_000;

export async function markRefresh<T>(refresh: () => Promise<T>): Promise<T> {
  const age = Date.now() - Number(recall(KEY) ?? 0);
  if (age >= 0 && age < LET_FINISH_MS) {
    await new Promise((resolve) => setTimeout(resolve, LET_FINISH_MS - age));
  }
  remember(KEY, String(Date.now()));
  const answer = await refresh();
  // Only an answer ends it: a request that failed here may still be at work over there.
  forget(KEY);
  return answer;
}
