package peers;

/** A workload by its name, with what the parameters of Q8 and Q9 stand for. */
public record Query(String name) {
  public boolean trades() { return name.startsWith("Q8"); }
  public boolean copies() { return name.startsWith("Q9-"); }

  /** Number of copies of Q2. */
  public int count() { return Integer.parseInt(name.substring(3)); }

  /** Thresholds of copy q. */
  public double small(int q) { return 5 + q % 10; }
  public double large(int q) { return 1000 + (q / 10) * (4000.0 / (count() / 10)); }

  /** Steps, window in ms and least volume of the last step of Q8. */
  public int steps() { return name.equals("Q8-long") ? 6 : 3; }
  public int window() { return name.equals("Q8-wide") ? 500 : 100; }
  public int volume() { return 995; }

  public IllegalArgumentException unknown() { return new IllegalArgumentException("no form of " + name); }
}
