// Where the tests find recorded markets. They are no part of the project; tests that need them are skipped, and say so, where
// the folder is absent.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../../shared/data/binance_capture/", import.meta.url));

export const RECORDINGS = {
  usdmBtc: `${FOLDER}usdm_btcusdt_20240808.gz`,
  usdmEth: `${FOLDER}usdm_ethusdt_20240808.gz`,
  coinmBtc: `${FOLDER}cm_btcusd_perp_20240808.gz`,
  spotBtc: `${FOLDER}spot_btcusdt_20240808.gz`,
} as const;

export const RECORDINGS_ABSENT = !Object.values(RECORDINGS).every((file) => existsSync(file));

/** For a suite's title: says why it is skipped, where it is. */
export const SKIPPED_BECAUSE = RECORDINGS_ABSENT ? ` (skipped: no recordings in ${FOLDER})` : "";
