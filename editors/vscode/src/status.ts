/** What the server sends after each review; amounts are decimal strings, null where a price is unknown. */
export interface Status {
  repository: string;
  status: string;
  model: boolean;
  cost: string | null;
  sessionCost: string | null;
  sessionCostText: string;
  coverage: number;
  findings: number;
  calls: number;
  text: string;
}

/** The text of the status bar: findings, and what was spent since the server started. */
export function barText(status: Status): string {
  const findings = status.findings === 1 ? '1 finding' : `${status.findings} findings`;
  return `$(comment-discussion) ${findings} · ${status.sessionCostText}`;
}

/** The arguments of `kilo.dismiss` with the user's reason, undefined where he gave up. */
export async function withReason(
  args: unknown[],
  ask: () => Thenable<string | undefined>,
): Promise<unknown[] | undefined> {
  const about = args[0];
  if (typeof about !== 'object' || about === null || (about as { reason?: string }).reason) {
    return args;
  }
  const reason = await ask();
  return reason === undefined ? undefined : [{ ...about, reason }];
}
