package peers;

/** The workload's events, as benchmarks/workload defines them to the bit, made before the clock starts. */
public final class Events {
  public static final long START = 1_700_002_800_000L;
  public static final String[] COUNTRIES = {"US", "GB", "DE", "FR", "CN", "BR", "IN", "NG"};
  public static final String[] KINDS = {"auth", "withdraw", "transfer"};
  public static final String[] SYMBOLS = {"MSFT", "ORCL", "CSCO", "AMAT"};

  private static int[] cards;
  private static double[] amounts;
  private static byte[] countries, kinds, symbols;
  private static double[] prices;
  private static short[] volumes;

  private Events() {}

  /** xorshift64*, seed 42; the high 32 bits of each output. */
  private static final class Random {
    private long x = 42;

    long next() {
      x ^= x >>> 12;
      x ^= x << 25;
      x ^= x >>> 27;
      return (x * 0x2545F4914F6CDD1DL) >>> 32;
    }
  }

  /** Makes the first n transactions, four draws each. */
  public static void makeTransactions(int n) {
    cards = new int[n];
    amounts = new double[n];
    countries = new byte[n];
    kinds = new byte[n];
    Random r = new Random();
    for (int i = 0; i < n; i++) {
      cards[i] = (int) (r.next() % 100_000);
      boolean large = r.next() % 100 == 0;
      long m = r.next();
      amounts[i] = (large ? 100_000 + m % 400_001 : 100 + m % 19_901) / 100.0;
      long d = r.next();
      countries[i] = (byte) (d & 7);
      kinds[i] = (byte) ((d >>> 8) % 3);
    }
  }

  /** Makes the first n trades, three draws each. */
  public static void makeTrades(int n) {
    symbols = new byte[n];
    prices = new double[n];
    volumes = new short[n];
    Random r = new Random();
    for (int i = 0; i < n; i++) {
      symbols[i] = (byte) (r.next() & 3);
      prices[i] = (1_000 + r.next() % 9_001) / 100.0;
      volumes[i] = (short) (1 + r.next() % 1000);
    }
  }

  public static long time(int i) { return START + i; }
  public static long card(int i) { return cards[i]; }
  public static double amount(int i) { return amounts[i]; }
  public static int country(int i) { return countries[i]; }
  public static int kind(int i) { return kinds[i]; }
  public static int symbol(int i) { return symbols[i]; }
  public static double price(int i) { return prices[i]; }
  public static int volume(int i) { return volumes[i]; }

  public static Tx tx(int i) {
    return new Tx(time(i), card(i), amounts[i], COUNTRIES[countries[i]], KINDS[kinds[i]]);
  }

  public static Trade trade(int i) { return new Trade(time(i), SYMBOLS[symbols[i]], prices[i], volumes[i]); }
}
