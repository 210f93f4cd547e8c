// Routes about instruments and reference data.
import { ApiError } from "../../errors";
import { route } from "../route";
import { Answers, Params, Queries } from "../schemas";

export const marketRoutes = [
  route({
    path: "/api/v1/instruments",
    tag: "market",
    summary: "All instruments with their newest market state",
    query: Queries.none,
    answer: Answers.instruments,
    handle: ({ engine }) => ({ instruments: engine.market.instruments() }),
  }),
  route({
    path: "/api/v1/instruments/:symbol",
    tag: "market",
    summary: "One instrument with its newest market state",
    query: Queries.none,
    params: Params.symbol,
    answer: Answers.instrument,
    handle: ({ engine }, { params }) => {
      const instrument = engine.market.instrumentBySymbol(params.symbol);
      if (instrument === null)
        throw new ApiError("INSTRUMENT_NOT_FOUND", `no instrument ${JSON.stringify(params.symbol)}`, "symbol");
      return instrument;
    },
  }),
  route({
    path: "/api/v1/assets",
    tag: "market",
    summary: "Assets with their USD price and collateral haircut",
    query: Queries.none,
    answer: Answers.assets,
    handle: ({ engine }) => ({ assets: engine.market.assets() }),
  }),
  route({
    path: "/api/v1/margin-tables",
    tag: "market",
    summary: "Margin models and their tiers",
    query: Queries.none,
    answer: Answers.marginTables,
    handle: ({ engine }) => ({ marginTables: engine.market.marginTables() }),
  }),
  route({
    path: "/api/v1/groups",
    tag: "market",
    summary: "Account groups and how their collateral counts",
    query: Queries.none,
    answer: Answers.groups,
    handle: ({ engine }) => ({ groups: engine.market.groups() }),
  }),
];
