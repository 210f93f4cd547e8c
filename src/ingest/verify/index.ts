// Everything that stands between the bytes of a message and their use: first verify*, which makes reading safe, then check*, which
// makes what was read usable.
export { AlignedMessage } from "./aligned-message";
export { checkAccountEvents } from "./check-accounts";
export { checkAlerts } from "./check-alerts";
export {
  checkBookLevels,
  checkFundingRates,
  checkImpliedVols,
  checkIndexPrices,
  checkMarketBatch,
  checkMarks,
  checkQuotes,
  checkTrades,
} from "./check-market";
export { checkReferenceBatch, paddedText } from "./check-reference";
export { VERIFY_CODES, VerifyCode, verifyCodeName } from "./codes";
export { lastCode, lastFault, lastReason } from "./fault";
export { createLookup, type InstrumentLookup } from "./lookup";
export { VerifiedBatch } from "./verified-batch";
export { MESSAGE_BYTES_MIN, verifyAccounts, verifyAlerts, verifyMarket, verifyReference } from "./verify";
