// What a line has started and must be ended however it ends: brokers, databases, peers, folders. The last one first.

type Cleanup = () => void | Promise<void>;

const cleanups: Cleanup[] = [];

/** @returns ends it now, once */
export function cleanUp(act: Cleanup): () => Promise<void> {
  cleanups.push(act);
  return async () => {
    const at = cleanups.indexOf(act);
    if (at < 0) return;
    cleanups.splice(at, 1);
    await act();
  };
}

export async function cleanUpAll(): Promise<void> {
  for (let act = cleanups.pop(); act !== undefined; act = cleanups.pop()) {
    try {
      await act();
    } catch (error) {
      process.stderr.write(`cleaning up: ${(error as Error).message}\n`);
    }
  }
}
