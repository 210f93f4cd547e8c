// Ledger, margin and liquidation price per fill in Java: the algorithm of bench/kernel/typed-arrays.ts, operation for operation,
// over arrays of doubles laid out the same way. Every double must come out the same bit for bit; the bench compares sums.
//
// Reads from stdin, a line an order, and answers a line:
//   world <file>   contracts, tiers, deposits                          → ok <accounts>
//   load <file>    fills, put into arrays before any clock runs        → ok <fills>
//   apply          applies them, one after the other                   → ok <ns>
//   digest         what all of it came to                              → ok <sum> <sum> …
// Files are little-endian; bench/harness/risk-files.ts writes them.
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

public final class RiskPeer {
  private static final double UNIT = 1e8;

  private final int count;
  private final int tierCount;
  private final double[] valueNums, lotSizes, marks;
  private final double[] floors, initialRates, maintenanceRates, deductions;
  private final int accounts;
  // Ledger.
  private final double[] wallet, qtyLots, openCash, realizedPnl, fees;
  // Valuation, per account.
  private final double[] walletUsd, unrealizedPnlUsd, equityUsd, initialMarginUsd, maintenanceMarginUsd, availableUsd;
  private final double[] marginRatio, leverage, grossExposureUsd, netExposureUsd, liquidationDistance;
  private final byte[] nearest, status;
  // Valuation, per position.
  private final double[] markPrice, notional, unrealizedPnl, initialMargin, maintenanceMargin;
  private final double[] liquidationPrice, bankruptcyPrice, entryPrice;
  // Fills to apply.
  private int fillCount;
  private int[] fillAccount;
  private byte[] fillContract, fillSide;
  private double[] fillQtyLots, fillPriceTicks, fillFee;

  private RiskPeer(ByteBuffer in) {
    count = in.getInt();
    tierCount = in.getInt();
    accounts = in.getInt();
    in.getInt();
    valueNums = doubles(in, count);
    lotSizes = doubles(in, count);
    marks = doubles(in, count);
    floors = Arrays.copyOf(doubles(in, tierCount), tierCount + 1);
    floors[tierCount] = Double.POSITIVE_INFINITY;
    initialRates = doubles(in, tierCount);
    maintenanceRates = doubles(in, tierCount);
    deductions = new double[tierCount];
    for (int n = 1; n < tierCount; n++)
      deductions[n] = deductions[n - 1] + floors[n] * (maintenanceRates[n] - maintenanceRates[n - 1]);
    wallet = doubles(in, accounts);
    int positions = accounts * count;
    qtyLots = new double[positions];
    openCash = new double[positions];
    realizedPnl = new double[positions];
    fees = new double[positions];
    walletUsd = new double[accounts];
    unrealizedPnlUsd = new double[accounts];
    equityUsd = new double[accounts];
    initialMarginUsd = new double[accounts];
    maintenanceMarginUsd = new double[accounts];
    availableUsd = new double[accounts];
    marginRatio = new double[accounts];
    leverage = new double[accounts];
    grossExposureUsd = new double[accounts];
    netExposureUsd = new double[accounts];
    liquidationDistance = new double[accounts];
    nearest = new byte[accounts];
    status = new byte[accounts];
    markPrice = new double[positions];
    notional = new double[positions];
    unrealizedPnl = new double[positions];
    initialMargin = new double[positions];
    maintenanceMargin = new double[positions];
    liquidationPrice = filled(positions);
    bankruptcyPrice = filled(positions);
    entryPrice = filled(positions);
  }

  private static double[] filled(int length) {
    double[] values = new double[length];
    Arrays.fill(values, Double.NaN);
    return values;
  }

  private static double[] doubles(ByteBuffer in, int length) {
    double[] values = new double[length];
    in.asDoubleBuffer().get(values);
    in.position(in.position() + length * 8);
    return values;
  }

  private static ByteBuffer read(String file) throws IOException {
    return ByteBuffer.wrap(Files.readAllBytes(Path.of(file))).order(ByteOrder.LITTLE_ENDIAN);
  }

  private void load(ByteBuffer in) {
    fillCount = in.getInt();
    in.getInt();
    fillQtyLots = doubles(in, fillCount);
    fillPriceTicks = doubles(in, fillCount);
    fillFee = doubles(in, fillCount);
    fillAccount = new int[fillCount];
    in.asIntBuffer().get(fillAccount);
    in.position(in.position() + fillCount * 4);
    fillContract = new byte[fillCount];
    in.get(fillContract);
    fillSide = new byte[fillCount];
    in.get(fillSide);
  }

  private void apply() {
    for (int i = 0; i < fillCount; i++) {
      int account = fillAccount[i];
      double size = fillQtyLots[i];
      int contract = fillContract[i];
      double lots = fillSide[i] == 1 ? size : -size;
      fill(account, account * count + contract, lots, fillPriceTicks[i] * valueNums[contract], fillFee[i]);
      value(account);
    }
  }

  /** ⌊a·b ÷ d⌋ for whole a, 0 ≤ b < d where b·d is exact. */
  private static double mulDivFloor(double a, double b, double d) {
    double q = Math.floor(a / d);
    double r = a - q * d;
    return q * b + Math.floor((r * b) / d);
  }

  private void fill(int account, int p, double lots, double lotCash, double fee) {
    double qty = qtyLots[p];
    double realized = 0;
    if (qty == 0 || qty > 0 == lots > 0) {
      qtyLots[p] = qty + lots;
      openCash[p] = openCash[p] - lots * lotCash;
    } else {
      double size = Math.abs(lots);
      double held = Math.abs(qty);
      if (size < held) {
        double released = mulDivFloor(openCash[p], size, held);
        realized = released - lots * lotCash;
        openCash[p] = openCash[p] - released;
        qtyLots[p] = qty + lots;
      } else {
        realized = openCash[p] + qty * lotCash;
        double left = qty + lots;
        openCash[p] = -left * lotCash;
        qtyLots[p] = left;
      }
    }
    realizedPnl[p] = realizedPnl[p] + realized;
    fees[p] = fees[p] + fee;
    wallet[account] = wallet[account] + realized - fee;
  }

  private void value(int account) {
    int first = account * count;
    double pnl = 0, initial = 0, maintenance = 0, gross = 0, net = 0;
    for (int i = 0; i < count; i++) {
      int p = first + i;
      double lots = qtyLots[p];
      if (lots == 0) continue;
      double signed = lots * lotSizes[i] * marks[i];
      double value = Math.abs(signed);
      int tier = tierOf(value);
      double unrealized = openCash[p] / UNIT + signed;
      double positionInitial = value * initialRates[tier];
      double positionMaintenance = value * maintenanceRates[tier] - deductions[tier];
      markPrice[p] = marks[i];
      notional[p] = value;
      unrealizedPnl[p] = unrealized;
      initialMargin[p] = positionInitial;
      maintenanceMargin[p] = positionMaintenance;
      pnl += unrealized;
      initial += positionInitial;
      maintenance += positionMaintenance;
      gross += value;
      net += signed;
    }
    double cashWallet = wallet[account] / UNIT;
    double equity = cashWallet + pnl;
    double distance = Double.POSITIVE_INFINITY;
    int nearestContract = 0;
    for (int i = 0; i < count; i++) {
      int p = first + i;
      double lots = qtyLots[p];
      if (lots == 0) {
        clear(p, marks[i]);
        continue;
      }
      double qty = lots * lotSizes[i];
      double open = openCash[p] / UNIT;
      double cash = open + cashWallet + (pnl - unrealizedPnl[p]);
      double mark = marks[i];
      double price = priceOfLiquidation(qty, cash, maintenance - maintenanceMargin[p], mark);
      double bankruptcy = -cash / qty;
      liquidationPrice[p] = price;
      bankruptcyPrice[p] = bankruptcy > 0 ? bankruptcy : Double.NaN;
      entryPrice[p] = -open / qty;
      double away = Math.abs(price - mark) / mark;
      if (away < distance) {
        distance = away;
        nearestContract = i;
      }
    }
    walletUsd[account] = cashWallet;
    unrealizedPnlUsd[account] = pnl;
    equityUsd[account] = equity;
    initialMarginUsd[account] = initial;
    maintenanceMarginUsd[account] = maintenance;
    availableUsd[account] = equity - initial;
    marginRatio[account] = equity > 0 ? maintenance / equity : Double.NaN;
    leverage[account] = equity > 0 ? gross / equity : Double.NaN;
    grossExposureUsd[account] = gross;
    netExposureUsd[account] = net;
    liquidationDistance[account] = distance;
    nearest[account] = (byte) nearestContract;
    status[account] = statusOf(equity, maintenance);
  }

  private void clear(int p, double mark) {
    markPrice[p] = mark;
    notional[p] = 0;
    unrealizedPnl[p] = 0;
    initialMargin[p] = 0;
    maintenanceMargin[p] = 0;
    liquidationPrice[p] = Double.NaN;
    bankruptcyPrice[p] = Double.NaN;
    entryPrice[p] = Double.NaN;
  }

  private static byte statusOf(double equity, double maintenance) {
    if (equity <= 0 && (maintenance > 0 || equity < 0)) return 4;
    if (maintenance == 0) return 0;
    double ratio = equity / maintenance;
    if (ratio > 1.5) return 0;
    if (ratio > 1.2) return 1;
    if (ratio > 1.05) return 2;
    return 3;
  }

  private int tierOf(double value) {
    int tier = 0;
    while (floors[tier + 1] <= value) tier++;
    return tier;
  }

  /** The price at which cash + qty·p = other margin + this position's margin. */
  private double priceOfLiquidation(double qty, double cash, double other, double mark) {
    double value = Math.abs(qty) * mark;
    int tier = tierOf(value);
    boolean isHealthy = cash + qty * mark > other + value * maintenanceRates[tier] - deductions[tier];
    double slope = qty - Math.abs(qty) * maintenanceRates[tier];
    boolean isUp = isHealthy ? slope < 0 : slope > 0;
    double found = search(qty, cash, other, mark, tier, isHealthy, isUp);
    return found > 0 ? found : search(qty, cash, other, mark, tier, isHealthy, !isUp);
  }

  private double search(double qty, double cash, double other, double mark, int from, boolean isHealthy, boolean isUp) {
    double size = Math.abs(qty);
    double price = mark;
    for (int tier = from; tier >= 0 && tier < tierCount; tier += isUp ? 1 : -1) {
      double slope = qty - size * maintenanceRates[tier];
      double constant = cash - other + deductions[tier];
      double edge = (isUp ? floors[tier + 1] : floors[tier]) / size;
      double far = isUp && edge == Double.POSITIVE_INFINITY ? slope : edge == 0 ? constant : slope * edge + constant;
      boolean isEnd = edge == 0 || edge == Double.POSITIVE_INFINITY;
      if (!(far == 0 ? isEnd : far > 0 == isHealthy)) {
        double root = -constant / slope;
        return isUp ? Math.min(Math.max(root, price), edge) : Math.max(Math.min(root, price), edge);
      }
      price = edge;
    }
    return Double.NaN;
  }

  /** Sums in the order of the arrays; what is NaN is counted and left out. */
  private String digest() {
    double equity = 0, maintenance = 0, realized = 0, prices = 0;
    long missing = 0, statuses = 0;
    for (int account = 0; account < accounts; account++) {
      equity += equityUsd[account];
      maintenance += maintenanceMarginUsd[account];
      statuses += status[account];
    }
    for (int p = 0; p < accounts * count; p++) {
      realized += realizedPnl[p];
      if (Double.isNaN(liquidationPrice[p])) missing++;
      else prices += liquidationPrice[p];
    }
    return equity + " " + maintenance + " " + realized + " " + prices + " " + missing + " " + statuses;
  }

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    RiskPeer peer = null;
    System.out.println("ready");
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split(" ", 2);
      switch (words[0]) {
        case "world" -> {
          peer = new RiskPeer(read(words[1]));
          System.out.println("ok " + peer.accounts);
        }
        case "load" -> {
          peer.load(read(words[1]));
          System.out.println("ok " + peer.fillCount);
        }
        case "apply" -> {
          long start = System.nanoTime();
          peer.apply();
          System.out.println("ok " + (System.nanoTime() - start));
        }
        case "digest" -> System.out.println("ok " + peer.digest());
        default -> System.out.println("what? " + line);
      }
    }
  }
}
