// All shards this engine owns now, seen as one book of accounts.
import { MarketView } from "./market-view";
import { ShardView } from "./shard-view";
import type { AccountRisk } from "./types";

export interface Located {
  shard: ShardView;
  slot: number;
}

export class EngineView {
  readonly market: MarketView;
  shards: ShardView[] = [];

  constructor(
    market: SharedArrayBuffer,
    private readonly options: { staleAfterMs: number },
  ) {
    this.market = new MarketView(market, options);
  }

  /** Takes the memories of the shards owned now; views of those that stay are kept. */
  setShards(memories: SharedArrayBuffer[]): void {
    const known = new Map(this.shards.map((shard) => [shard.memory, shard]));
    this.shards = memories.map((memory) => known.get(memory) ?? new ShardView(memory, this.market, this.options));
    this.shards.sort((a, b) => a.partition - b.partition);
  }

  accountCount(): number {
    return this.shards.reduce((sum, shard) => sum + shard.accountCount(), 0);
  }

  findAccount(accountId: string): Located | null {
    for (const shard of this.shards) {
      const slot = shard.find(accountId);
      if (slot >= 0) return { shard, slot };
    }
    return null;
  }

  /**
   * The n accounts nearest to liquidation, nearest first; accounts under their maintenance margin come before all others.
   * One pass over a single column with a heap of n: cheap enough for every 100 ms at 100,000 accounts.
   */
  topByDistance(n: number): AccountRisk[] {
    const heap: { key: number; shard: ShardView; slot: number }[] = [];
    let worst = Number.POSITIVE_INFINITY;
    for (const shard of this.shards) {
      const count = shard.accountCount();
      for (let slot = 0; slot < count; slot++) {
        // Status 3 and 4 (liquidation, bankrupt) sort below every distance, the worse first.
        const status = shard.statusCode(slot);
        const key = status >= 3 ? -status : shard.liquidationDistance(slot);
        if (!(key < worst) && !(heap.length < n && key < Number.POSITIVE_INFINITY)) continue;
        let at = heap.length;
        while (at > 0 && heap[at - 1].key > key) at--;
        heap.splice(at, 0, { key, shard, slot });
        if (heap.length > n) heap.pop();
        if (heap.length === n) worst = heap[n - 1].key;
      }
    }
    const top: AccountRisk[] = [];
    for (const { shard, slot } of heap) {
      const account = shard.account(slot);
      if (account) top.push(account);
    }
    return top;
  }
}
