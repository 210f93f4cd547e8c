// The world and the fills of the kernel's bench as files, for the peer in Java (bench/java/RiskPeer.java). Little-endian.
import { writeFileSync } from "node:fs";
import { CONTRACTS, depositOf, TIERS } from "../kernel/contracts";
import type { Fills } from "../kernel/events";

/** u32 contracts | u32 tiers | u32 accounts | u32 0 | f64 columns: value of a lot a tick, lot, mark; floor, rates; deposits. */
export function writeWorld(file: string, accounts: number, held: number): void {
  const columns = [
    CONTRACTS.map(({ valueNum }) => valueNum),
    CONTRACTS.map(({ lotSize }) => lotSize),
    CONTRACTS.map(({ ticks, tickSize }) => ticks * tickSize),
    TIERS.map(({ floor }) => floor),
    TIERS.map(({ initialRate }) => initialRate),
    TIERS.map(({ maintenanceRate }) => maintenanceRate),
    Array.from({ length: accounts }, (_, account) => depositOf(account, held)),
  ];
  const head = Uint32Array.of(CONTRACTS.length, TIERS.length, accounts, 0);
  writeFileSync(file, Buffer.concat([head, Float64Array.from(columns.flat())].map(bytesOf)));
}

/** u32 fills | u32 0 | f64 lots, ticks, fees | u32 accounts | u8 contracts | u8 sides. */
export function writeFills(file: string, fills: Fills): void {
  const head = Uint32Array.of(fills.count, 0);
  const columns = [fills.qtyLots, fills.priceTicks, fills.fee, fills.account, fills.contract, fills.side];
  writeFileSync(file, Buffer.concat([head, ...columns].map(bytesOf)));
}

function bytesOf(column: Uint8Array | Uint32Array | Float64Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}
