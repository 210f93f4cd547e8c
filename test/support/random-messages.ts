// Random streams of account events for the ledger: every kind, legal and not quite.
import { AccountBatchWriter, EventFlag } from "../../src/shared/wire/encode";
import { Prng } from "../../src/sim/prng";
import { ASSETS, CONTRACTS } from "./contracts";

const START_MS = Date.UTC(2025, 5, 1);

/** A stream of every kind of event, legal and not quite: repeats, gaps, late numbers, hedge legs, isolated margin. */
export function* randomMessages(seed: number, events: number, accounts: number): Generator<Buffer> {
  const prng = Prng.seeded(seed, 7);
  const writer = new AccountBatchWriter(1);
  const nextSeq = new Map<number, number>();
  const skipped: { account: number; seq: number }[] = [];
  const fundingSeq = new Map<number, number>();
  const expired = new Set<number>();
  let orderId = 1;
  let written = 0;
  while (written < events) {
    const size = 1 + prng.below(64);
    for (let i = 0; i < size && written < events; i++, written++) {
      const account = 1_000_000 + prng.below(accounts);
      const timeMs = START_MS + written;
      let seq = (nextSeq.get(account) ?? 0) + 1;
      const luck = prng.below(1000);
      if (luck < 5 && seq > 1) seq -= 1 + prng.below(Math.min(3, seq - 1));
      else if (luck < 8) {
        const jump = luck === 5 ? 70 : 1 + prng.below(4);
        for (let k = 0; k < jump; k++) skipped.push({ account, seq: seq + k });
        seq += jump;
        nextSeq.set(account, seq);
      } else nextSeq.set(account, seq);
      let who = account;
      if (luck >= 8 && luck < 14 && skipped.length > 0) {
        const late = skipped.splice(prng.below(skipped.length), 1)[0];
        nextSeq.set(account, seq - 1);
        who = late.account;
        seq = late.seq;
      }
      const contract = CONTRACTS[prng.below(CONTRACTS.length)];
      const isSpot = contract.symbol.endsWith("SPOT");
      const side = (1 + prng.below(2)) as 1 | 2;
      const qtyLots = 1 + prng.below(prng.below(10) === 0 ? 1_000_000 : 5000);
      const priceTicks = Math.max(1, Math.round(contract.aroundTicks * (0.8 + 0.4 * prng.nextUnit())));
      const legs = isSpot ? 0 : [0, 0, 0, 0, EventFlag.Isolated, EventFlag.LongLeg, EventFlag.ShortLeg][prng.below(7)];
      const base = { seq, account: who, timeMs, instrument: contract.id };
      const kind = prng.below(100);
      if (kind < 60)
        writer.fill({
          ...base,
          side,
          qtyLots,
          priceTicks,
          fee: prng.below(2_000_000) - 200_000,
          order: prng.below(3) === 0 ? 1 + prng.below(orderId) : 0,
          flags: legs | (prng.below(2) * EventFlag.Maker),
        });
      else if (kind < 70)
        writer.transfer({
          seq,
          account: who,
          timeMs,
          asset: [ASSETS.USDT, ASSETS.BTC, ASSETS.ETH][prng.below(3)],
          amount: prng.below(2_000_000_000) - 500_000_000 || 1,
        });
      else if (kind < 82)
        writer.orderPlaced({
          ...base,
          side,
          qtyLots,
          priceTicks,
          order: prng.below(20) === 0 ? 1 + prng.below(orderId) : orderId++,
          flags: legs,
        });
      else if (kind < 90) writer.orderCancelled({ ...base, order: 1 + prng.below(orderId) });
      else if (kind < 92) writer.accountSettings({ seq, account: who, timeMs, group: prng.below(2) });
      else if (kind < 94 && !isSpot) writer.positionSettings({ ...base, leverageE8: (1 + prng.below(100)) * 1e8, flags: legs });
      else if (kind < 97 && !isSpot)
        writer.isolatedTransfer({ ...base, amount: prng.below(20_000_000) - 5_000_000 || 1, flags: EventFlag.Isolated });
      else if (kind < 99 && contract.id <= 4) {
        const number = (fundingSeq.get(contract.id) ?? 0) + (prng.below(10) === 0 ? 0 : 1);
        fundingSeq.set(contract.id, Math.max(1, number));
        writer.fundingSettlement({
          seq: Math.max(1, number),
          timeMs,
          instrument: contract.id,
          priceTicks,
          rateE12: prng.below(2_000_000_000) - 1_000_000_000,
        });
      } else if (kind === 99 && contract.id >= 5 && contract.id <= 9 && !expired.has(contract.id) && written > events / 2) {
        expired.add(contract.id);
        const isOption = contract.id >= 7;
        const delivery = isOption
          ? Math.round((contract.id === 9 ? 2_600 : 60_500) * 1e8 * (0.9 + 0.2 * prng.nextUnit()))
          : priceTicks;
        writer.expirySettlement({ seq: 1, timeMs, instrument: contract.id, priceTicks: delivery });
      } else writer.transfer({ seq, account: who, timeMs, asset: ASSETS.USDT, amount: 1 });
    }
    if (writer.count > 0) yield writer.finish();
  }
}
